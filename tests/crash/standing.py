"""Standing orders in the crash matrix: limits, a repeated buy, and one that is taken back while its order is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.storage.memory import MemoryStore
from bot.trading.standing import OPEN_MAX, StandingKind, StandingOrder, cancelled
from tests.crash.stage import SPEND_LAMPORTS, Doom, Scenario, Stage
from tests.simulation.doors import Call

AT_ANY_PRICE = {
    StandingKind.LIMIT_BUY: 10**15,
    StandingKind.LIMIT_SELL: 1,
    StandingKind.BREAKOUT_BUY: 1,
    StandingKind.DCA: 0,
}
TURNS = (
    "StandingTurns.step",
    "StandingTurns._reached",
    "StandingTurns._is_in_its_mode",
    "StandingTurns._to_sell",
    "StandingTurns._fire",
    "StandingTurns._end_of_turn",
    "StandingTurns._moved",
)


async def _place(stage: Stage, kind: StandingKind, token_raw: int = 0) -> StandingOrder:
    """An order whose price is there, watched from now on."""
    stage.orders += 1
    now_ms = stage.world.clock.now_ms()
    order = StandingOrder(
        id=f"standing-{stage.orders}",
        code=f"{stage.orders:08}",
        user_id=stage.user.id,
        wallet_id=stage.wallet.id,
        mode=stage.wallet.mode,
        kind=kind,
        mint=stage.mint,
        price_lamports=AT_ANY_PRICE[kind],
        created_at_ms=now_ms,
        due_at_ms=now_ms,
        spend_lamports=0 if token_raw else SPEND_LAMPORTS,
        token_raw=token_raw,
        turns=2 if kind is StandingKind.DCA else 1,
        interval_ms=5_000 if kind is StandingKind.DCA else 0,
    )
    await stage.world.store.place_standing(order, most_open=OPEN_MAX)
    await stage.living.hunt.standing_changed(order.id)
    return order


async def _limit_buy(stage: Stage) -> None:
    await _place(stage, StandingKind.LIMIT_BUY)
    await stage.settled()


async def _breakout(stage: Stage) -> None:
    await _place(stage, StandingKind.BREAKOUT_BUY)
    await stage.settled()


async def _repeated_buy(stage: Stage) -> None:
    await _place(stage, StandingKind.DCA)
    await stage.settled()


async def _limit_sale(stage: Stage) -> None:
    """Half of what is held of the token."""
    [held] = [one for one in await stage.world.store.open_positions() if one.mint == stage.mint]
    await _place(stage, StandingKind.LIMIT_SELL, held.token_raw // 2)
    await stage.settled()


@dataclass(frozen=True, slots=True)
class _TakesBackWhenAdmitted:
    """A user who takes his standing order back at the moment in which its order is admitted."""

    store: MemoryStore
    now_ms: int

    async def before(self, call: Call) -> None:
        if call.method == "admit":
            for order in await self.store.standing_orders():
                await self.store.move_standing(cancelled(order, self.now_ms))

    async def after(self, call: Call, answer: Any) -> None:
        return


async def _taken_back(stage: Stage) -> None:
    life = stage.world.life
    life.watches = (*life.watches, _TakesBackWhenAdmitted(stage.world.store, stage.world.clock.now_ms()))
    await _limit_buy(stage)


_LEFT = Doom("Pipeline._sign: store.record_attempt", after=True)

STANDING = (
    Scenario("limit buy", Stage.new_token, _limit_buy, only=TURNS),
    Scenario("breakout", Stage.new_token, _breakout, only=("StandingTurns._reached", "StandingTurns._fire")),
    Scenario("repeated buy", Stage.new_token, _repeated_buy, only=TURNS),
    Scenario("limit sale", Stage.hold, _limit_sale, only=("StandingTurns._to_sell", "StandingTurns._fire")),
    Scenario("boot with a limit buy that left", Stage.new_token, _limit_buy, _LEFT, only=TURNS),
    Scenario("limit buy taken back", Stage.new_token, _taken_back, only=("StandingTurns._moved",)),
)
