"""What is played in the crash matrix: the scenarios of one order each, and what he and others do in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import trio

from actors.trading_guard import TradingGuard
from bot.execution.look_ahead import LookAhead
from bot.localnet import elsewhere
from bot.ports import Snipe, SnipeRun
from bot.trading.intent import Attempt, AttemptState, Context, Mode, TradeRequest
from bot.trading.pool import Pool
from bot.trading.trading_state import OUTFLOW, Halt
from bot.trading.units import BPS
from tests.crash.copying import COPYING
from tests.crash.given_up import given_up_and_landed
from tests.crash.stage import AFTER_ALL, CALM, CEILINGS, COMPARED, FINALITY, SETTLED_WITHIN_S, Doom, Scenario, Stage
from tests.crash.standing import STANDING
from tests.crash.withdrawing import WITHDRAWING
from tests.simulation.doors import Call
from tests.storage.storage_samples import close, let_in
from tests.whole.ledgers import Owner, exact
from tests.whole.virtual import until


async def _sell(stage: Stage) -> None:
    await stage.living.desk.submit(stage.request(share_bps=BPS))
    await stage.settled()


async def _sell_part(stage: Stage) -> None:
    await stage.living.desk.submit(stage.request(share_bps=BPS // 3))
    await stage.settled()


async def _buy(stage: Stage) -> None:
    await stage.buy()
    await stage.settled()


async def _compared_before_it_is_settled(stage: Stage) -> None:
    """Nobody settles the order until the books were compared beside it."""
    money = stage.living.supervisor("money")
    await money.terminate_child("confirmation_watcher")
    await stage.buy()
    await trio.sleep(2)
    money.kill("reconciler")
    await trio.sleep(2)
    await money.restart_child("confirmation_watcher")
    await stage.settled()


async def _buy_by_itself(stage: Stage) -> None:
    """What nobody ordered by hand is sold in a simulation first, and its run is written with it."""
    settings, now_ms = await stage.world.store.settings(stage.user.id), stage.world.clock.now_ms()
    request = replace(stage.request(), context=Context.SNIPER)
    request = replace(request, causation_id=f"run-{request.key}")
    run = SnipeRun(
        request.causation_id, stage.user.id, stage.mint, 0, "MONITORING", "a signal", 9_000, "launch", now_ms
    )
    await stage.living.desk.snipe(request, Snipe(run, settings, trio.current_time()))
    await stage.settled()


async def _limit_holders(stage: Stage) -> None:
    """The user buys only what few do not own already."""
    await stage.world.store.change_settings(stage.user.id, lambda _: replace(CALM, max_top_holders_bps=9_000), "test")
    await stage.new_token()


async def _panic(stage: Stage) -> None:
    await stage.living.panic(stage.user.id)
    await stage.flat()


async def _panic_in_congestion(stage: Stage) -> None:
    """Nothing lands for longer than one rung of the exit takes."""
    stage.world.chain.set_fault("drop-tx", for_s=5)
    await _panic(stage)


async def _panic_too_late(stage: Stage) -> None:
    """The bytes land after the price has fallen below what they allow; the next exit is simulated first."""
    stage.world.chain.set_fault("drop-tx", for_s=1.5)
    await stage.living.panic(stage.user.id)
    await trio.sleep(1.6)
    stage.crowd.sell_all(stage.mint, stage.trader)
    await stage.flat()


async def _pause_and_resume(stage: Stage) -> None:
    await stage.living.guard.pause_user(stage.user.id)
    await stage.living.guard.resume_user(stage.user.id)


async def _flatten(stage: Stage) -> None:
    stage.living.guard.latch(Halt("operator", stage.world.clock.now_ms(), "operator", "a drill"))
    await stage.flat()


async def _stop_loss(stage: Stage) -> None:
    stage.crowd.sell_all(stage.mint, stage.trader)
    await stage.flat()


async def _stop_loss_after_a_lie(stage: Stage) -> None:
    """The endpoint that is asked first tells half of the SOL in the curve, which sells nothing; then the price falls."""
    stage.prices.told_bps = BPS // 2
    try:
        await until(lambda: stage.prices.lies > 0, within_s=10)
        await trio.sleep(3)
        stage.prices.told_bps = BPS
        await _stop_loss(stage)
    finally:
        stage.prices.told_bps, stage.prices.lies = BPS, 0


async def _hold_with_stop(stage: Stage) -> None:
    store = stage.world.store
    await store.change_settings(stage.user.id, lambda _: replace(CALM, stop_loss_bps=1_000), "test")
    await stage.hold()
    await store.change_settings(stage.user.id, lambda _: CALM, "test")


async def _sell_too_late(stage: Stage) -> None:
    """The bytes do not land until the price has fallen below what they allow."""
    stage.world.chain.set_fault("drop-tx", for_s=1.0)
    await stage.living.desk.submit(stage.request(share_bps=BPS))
    await trio.sleep(1.1)
    stage.crowd.sell_all(stage.mint, stage.trader)
    await stage.settled()


async def _hold_in_pool(stage: Stage) -> None:
    """A position whose coin has moved to its pool."""
    await stage.hold()
    stage.crowd.finish(stage.mint, stage.trader)
    with trio.fail_after(60):
        while not isinstance(await stage.living.adapters.chain.venue(stage.mint), Pool):
            await trio.sleep(0.4)


async def _token_elsewhere(stage: Stage) -> None:
    """A token with neither a curve nor a pool of its own."""
    stage.mint = str(elsewhere.MINT)
    await trio.lowlevel.checkpoint()


async def _hold_elsewhere(stage: Stage) -> None:
    await _token_elsewhere(stage)
    await _buy(stage)
    await until(lambda: len(stage.living.looks) > 0, within_s=10)


async def _panic_over_a_migration(stage: Stage) -> None:
    """What is signed for the curve does not land, the curve completes meanwhile, and its coin moves to its pool."""
    stage.world.chain.set_fault("drop-tx", for_s=1.5)
    await stage.living.panic(stage.user.id)
    await trio.sleep(1.6)
    stage.crowd.finish(stage.mint, stage.trader)
    await stage.flat()


async def _never_lands(stage: Stage) -> None:
    stage.world.chain.set_fault("drop-tx", for_s=100)
    await _buy(stage)
    stage.world.chain.cluster.all_faults.clear()


async def _unknown_token(stage: Stage) -> None:
    stage.mint = "So11111111111111111111111111111111111111112"
    await _buy(stage)


async def _look_ahead(stage: Stage) -> None:
    """What `/buy` shows before it asks, and the gates that `bot diag` and /status read; none writes anything."""
    await stage.living.desk.preview(stage.request())
    await stage.living.desk.preview(replace(stage.request(), mode=Mode.PAPER))
    await LookAhead(stage.living.desk.pipeline).entry_checks(stage.request(), stage.wallet)
    await stage.living.desk.pipeline.closed_by_loss(stage.user)


async def _hold_and_steal(stage: Stage) -> None:
    await stage.hold()
    stage.steal()


async def _moved_by_others(stage: Stage) -> None:
    """Somebody puts SOL in, the owner takes some out without the bot and says so, and a newcomer brings a wallet."""
    stage.orders += 1
    stage.world.chain.call("requestAirdrop", stage.wallet.address, 12_345 + stage.orders)
    await Owner(stage.world, stage.wallet).sends(54_321 + stage.orders)
    await stage.world.user(f"newcomer-{stage.orders}", CALM)
    await exact(stage.living, stage.world)
    await stage.living.guard.acknowledge_outflow(stage.user.id)


async def _sold_by_others(stage: Stage) -> None:
    """The owner sells what the bot holds for him, past the bot, and says so."""
    for held in await stage.world.store.open_positions():
        await Owner(stage.world, stage.wallet).sells(stage.living.adapters.chain, held.mint, held.token_raw)
    await stage.flat()
    await exact(stage.living, stage.world)
    await stage.living.guard.acknowledge_outflow(stage.user.id)


async def _sold_by_others_and_ours_after_all(stage: Stage, *, forgotten: bool = False) -> None:
    """What was taken for the owner's sale turns out to be an exit that only the journal of a dead bot knew."""
    store, chain, now_ms = stage.world.store, stage.living.adapters.chain, stage.world.clock.now_ms
    [held] = await store.open_positions()
    raw, signature = await Owner(stage.world, stage.wallet).sells(chain, held.mint, held.token_raw)
    await stage.flat()
    if forgotten:
        await exact(stage.living, stage.world)
        stage.living.reconciler.reconciler.ledgers._seen.clear()
    request = stage.request(share_bps=BPS)
    await store.admit(
        request,
        intent_id=request.key,
        now_ms=now_ms(),
        wallet_lamports=0,
        unrealized_lamports=0,
        ceilings=CEILINGS,
        pause_causes=(),
        day_start_ms=0,
        gate=let_in,
    )
    height, state = await chain.finalized_height(), AttemptState.SIGNED
    await store.record_attempt(Attempt(signature, request.key, 1, raw, height, held.token_raw, 1, state, now_ms()))
    await store.mark_sent(signature, now_ms())
    await stage.settled()
    with trio.fail_after(SETTLED_WITHIN_S):
        while any(cause.name == OUTFLOW for cause in stage.living.guard.causes()):
            await trio.sleep(0.5)


async def _sold_by_others_before_a_restart_and_ours_after_all(stage: Stage) -> None:
    """The same, and whoever froze the wallet has forgotten for which transactions, as a restart does."""
    await _sold_by_others_and_ours_after_all(stage, forgotten=True)


async def _taken_back(stage: Stage) -> None:
    """The network takes back the block of the fill, and the same bytes land again; the books are compared meanwhile."""
    chain, store = stage.world.chain, stage.world.store
    newest = max(trade.fill.slot for trade in store._trades.values())
    chain.fork(chain.cluster.chain.position.slot - newest + 1, lost_percent=0)
    stage.living.supervisor("money").kill("reconciler")
    await stage.final()


async def _leave_an_account(stage: Stage) -> None:
    """A token is bought and all of it sold, and its account stays."""
    await stage.hold()
    await stage.living.desk.submit(replace(stage.request(share_bps=BPS), keep_account=True))
    await stage.final()


def _closing(stage: Stage) -> TradeRequest:
    stage.orders += 1
    return close(f"close-{stage.orders}", stage.wallet, stage.mint, mode=Mode.LIVE)


async def _close(stage: Stage) -> None:
    await stage.living.desk.close(_closing(stage))
    await stage.final()


async def _close_and_take_back(stage: Stage) -> None:
    """The network takes the closing back, and the same bytes land again."""
    await stage.living.desk.close(_closing(stage))
    await stage.settled()
    chain = stage.world.chain
    newest = max(row.attempt.landed_slot or 0 for row in await stage.world.store.unfinal(9))
    chain.fork(chain.cluster.chain.position.slot - newest + 1, lost_percent=0)
    await stage.final()


@dataclass(frozen=True, slots=True)
class _PausesWhenPlanned:
    """An operator who pauses everybody's entries for the moment in which a closing is planned."""

    guard: TradingGuard

    async def before(self, call: Call) -> None:
        if call.method == "plan_closing":
            self.guard.pause("operator", by="operator", why="a drill")

    async def after(self, call: Call, answer: Any) -> None:
        return


async def _close_and_pause(stage: Stage) -> None:
    life, guard = stage.world.life, stage.living.guard
    life.watches = (*life.watches, _PausesWhenPlanned(guard))
    await stage.living.desk.close(_closing(stage))
    guard.resume("operator")
    await stage.settled()


async def _nothing(_: Stage) -> None:
    await trio.lowlevel.checkpoint()


_SENT = Doom("Pipeline._sign: store.record_attempt", after=True)
_PLANNED = Doom("Pipeline._sign: store.record_attempt", after=False)
_LEFT = Doom("Departure.leave: chain.send", after=True)
_CLOSING = Doom("Departure.commit: store.record_attempt", after=True)

CLOSINGS = ("Closings._submit", "Closings._sign", "Departure.commit", "Departure.leave")
BY_OTHERS = ("Reconciler._moved", "Reconciler._position")
LEDGER = (
    "LedgerAudit._open",
    "LedgerAudit._explain",
    "LedgerAudit.foreign",
    "LedgerAudit.freeze",
    "LedgerAudit._note",
    "OrderedCauses._end",
)

SCENARIOS = (
    Scenario("buy", Stage.new_token, _buy),
    Scenario("buy by itself", Stage.new_token, _buy_by_itself, only=("SaleTrials._tried", "Pipeline._submit")),
    Scenario("limited holders", _limit_holders, _buy, only=("Quoting._refuse_holders",)),
    Scenario("sell", Stage.hold, _sell),
    Scenario("partial sell", Stage.hold, _sell_part),
    Scenario("panic", Stage.hold, _panic),
    Scenario("panic in congestion", Stage.hold, _panic_in_congestion, only=("Pipeline.again",)),
    Scenario("panic too late", Stage.hold, _panic_too_late, only=("Pipeline._prepare",)),
    Scenario("flatten", Stage.hold, _flatten),
    Scenario("pause and resume", Stage.hold, _pause_and_resume),
    Scenario("stop loss", _hold_with_stop, _stop_loss),
    Scenario(
        "stop loss after a lie", _hold_with_stop, _stop_loss_after_a_lie, only=("BorneOut._second", "BorneOut._looks")
    ),
    Scenario("buy more", Stage.hold, _buy),
    Scenario("sold too late", Stage.hold, _sell_too_late),
    Scenario("sale in a pool", _hold_in_pool, _sell, only=("Pipeline._sign", "Departure.leave", "Confirmer._settle")),
    Scenario("buy elsewhere", _token_elsewhere, _buy, only=("Quoting._offer_to_buy", "Pipeline._prepare")),
    Scenario("sale elsewhere", _hold_elsewhere, _sell, only=("Quoting._sale", "Pipeline._sign", "Confirmer._settle")),
    Scenario("panic over a migration", Stage.hold, _panic_over_a_migration, only=("Pipeline.again", "Quoting._sale")),
    Scenario("given up", Stage.new_token, _unknown_token),
    Scenario("look ahead", Stage.new_token, _look_ahead),
    Scenario("boot with a planned buy", Stage.new_token, _buy, _PLANNED),
    Scenario("boot with a buy that never left", Stage.new_token, _buy, _SENT),
    Scenario("boot with a sale that never left", Stage.hold, _sell, _SENT),
    Scenario("compared before it is settled", Stage.new_token, _compared_before_it_is_settled, only=COMPARED),
    # By then the endpoints' caches of statuses have forgotten it, and only their history knows that it landed.
    Scenario(
        "boot long after a landed buy",
        Stage.new_token,
        _buy,
        _LEFT,
        down_s=90.0,
        only=("Confirmer.search", "Confirmer._tell_unknown", "Confirmer._settle"),
    ),
    Scenario(
        "never lands",
        Stage.new_token,
        _never_lands,
        only=("Confirmer.search", "Confirmer._tell_unknown", "Confirmer._expire"),
    ),
    Scenario("taken back", Stage.hold, _taken_back, only=FINALITY, forks=True),
    Scenario("given up and landed", Stage.new_token, given_up_and_landed, only=AFTER_ALL, forks=True),
    Scenario("close", _leave_an_account, _close, only=(*CLOSINGS, "book_closing")),
    Scenario("close and pause", _leave_an_account, _close_and_pause, only=("Departure.give_up",)),
    Scenario("boot with a signed closing", _leave_an_account, _close, _CLOSING, only=("book_closing",)),
    Scenario("closing taken back", _leave_an_account, _close_and_take_back, only=FINALITY, forks=True),
    Scenario("moved by others", _nothing, _moved_by_others, only=LEDGER),
    Scenario(
        "ours after all",
        Stage.hold,
        _sold_by_others_and_ours_after_all,
        only=("LedgerAudit._unfreeze",),
        clean=False,
    ),
    Scenario(
        "ours after a restart",
        Stage.hold,
        _sold_by_others_before_a_restart_and_ours_after_all,
        only=("LedgerAudit._was_ours_before", "LedgerAudit._is_order_of"),
        clean=False,
    ),
    Scenario("sold by others", Stage.hold, _sold_by_others, only=BY_OTHERS, clean=False),
    Scenario(
        "tokens gone", _hold_and_steal, _nothing, Doom("Confirmer.adopt: store.in_flight", after=True), clean=False
    ),
    *WITHDRAWING,
    *STANDING,
    *COPYING,
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
