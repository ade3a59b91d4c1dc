"""Copies in the crash matrix: a leader's buy and sale, one that nobody copies, one that comes too late and one too many."""

from __future__ import annotations

import trio

from bot.execution.copy_book import Fate
from bot.trading.copying import CopyCaps, CopyFilter, CopyRule, Sizing
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from tests.crash.stage import SPEND_LAMPORTS, Doom, Scenario, Stage
from tests.whole.virtual import until

LEADER = 9
BUYS = (
    "CopyDecisions._followers",
    "CopyDecisions._market",
    "CopyOrders._buy",
    "CopyOrders._moved",
    "Pipeline._submit",
)
DECIDES = ("CopyDecisions.decide_due", "CopyDecisions._decide", "CopyDecisions._ignored")
SELLS = (
    "CopyDecisions._sales",
    "CopyOrders._sell",
    "CopyOrders._holding",
    "CopyOrders._submit_sale",
    "CopyOrders._after",
)
WIDE = CopyCaps(*(6 * [100 * LAMPORTS_PER_SOL]))


async def _follow(stage: Stage, drawdown_lamports: int = LAMPORTS_PER_SOL, trader: str | None = None) -> None:
    """A token, and a leader whom the user copies from now on; the rule of an earlier life goes on."""
    await stage.new_token()
    stage.crowd._trader(LEADER)
    await trio.sleep(2)
    leader = stage.crowd.address(LEADER)
    if not await stage.world.store.copy_rules(leader=leader):
        rule = CopyRule(
            id=f"rule-{len(stage.world.store._copy_rules)}",
            code="00000000",
            user_id=stage.user.id,
            wallet_id=stage.wallet.id,
            mode=stage.wallet.mode,
            leader=leader,
            label="leader",
            sizing=Sizing.FIXED,
            amount=SPEND_LAMPORTS,
            caps=WIDE,
            filter=CopyFilter(least_lamports=0, drawdown_lamports=drawdown_lamports, again=True),
            since_ms=stage.world.clock.now_ms(),
            leader_user_id=trader or "somebody else",
            by_handle=trader is not None,
        )
        assert await stage.living.hunt.copies.book.begin(rule)
    scanners = stage.living.hunt.followed.scanners
    await until(lambda: leader in scanners and scanners[leader].look.checked_at_ms > 0, within_s=60)


async def _follow_a_trader(stage: Stage) -> None:
    """One whom the user named by his handle, and who allows it."""
    trader, _ = await stage.world.user("molly", UserSettings(copyable=True))
    await _follow(stage, trader=trader.id)


async def _leader_buys(stage: Stage) -> None:
    """Never twice the same bytes, which a chain takes once."""
    stage.orders += 1
    stage.led.append(stage.crowd.buy(stage.mint, LEADER, LAMPORTS_PER_SOL // 10 + stage.orders))
    await stage.settled()


async def _dust(stage: Stage) -> None:
    """Bait, of which nothing is written but that it was looked at."""
    stage.orders += 1
    stage.crowd.buy(stage.mint, LEADER, 1_000_000 + stage.orders)
    await trio.sleep(5)
    await stage.settled()


async def _hold_a_copy(stage: Stage) -> None:
    await _follow(stage)
    await _leader_buys(stage)


async def _leader_sells(stage: Stage) -> None:
    """A part, by which the copy sells one."""
    [signal] = [one for one in stage.world.store._signals.values() if one.mint == stage.mint]
    stage.led.append(stage.crowd.sell(stage.mint, LEADER, signal.token_raw // 3))
    await stage.settled()


async def _lost(stage: Stage) -> None:
    """A copy that has lost its fees, by a rule that bears no loss."""
    for rule in await stage.world.store.copy_rules():
        assert await stage.living.hunt.copies.book.stop(rule, Fate.KEEP, "another one begins") >= 0
    await _follow(stage, drawdown_lamports=1)
    await _leader_buys(stage)
    stage.led.append(stage.crowd.sell_all(stage.mint, LEADER))
    await stage.settled()


_DECIDED = Doom("CopyDecisions._decide: store.decide_copies (2)", after=True)

COPYING = (
    Scenario("copied buy", _follow, _leader_buys, only=(*BUYS, *DECIDES)),
    Scenario("copied buy of a trader", _follow_a_trader, _leader_buys, only=("withdrawn",)),
    Scenario("copied sale", _hold_a_copy, _leader_sells, only=SELLS),
    Scenario("bait for copies", _follow, _dust, only=("CopyDecisions._decide",)),
    Scenario(
        "boot with a copy that is late", _follow, _leader_buys, _DECIDED, down_s=40, only=("CopyOrders._not_ordered",)
    ),
    Scenario("copy beyond its drawdown", _lost, _leader_buys, only=("leave",)),
)
