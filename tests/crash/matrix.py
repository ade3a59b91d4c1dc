"""The crash matrix in virtual time: the bot is dropped before and after every point, and its next life owes nothing.

A dropped bot cleans nothing up; store and chain are kept. One world serves a whole scenario: each life takes up what the
one before left, proves it, and dies at the next point.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from tests.crash.stage import DOWN_S, Doom, Scenario, Stage, Trigger, make_stage
from tests.simulation.books import audit
from tests.whole.ledgers import exact
from tests.whole.virtual import until

EPISODE_WITHIN_S = 400.0


@dataclass(slots=True)
class Walk:
    """One scenario with every death that was asked for. `reached` are its points, `died` the deaths that came."""

    scenario: str
    reached: Sequence[str] = ()
    died: list[Doom] = field(default_factory=list)
    missed: list[Doom] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


async def walk(scenario: Scenario, *, seed: int = 1) -> Walk:
    """Play a scenario undisturbed, then once for each of its points before and after."""
    stage = await make_stage(seed)
    done = Walk(scenario.name)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.world.chain.run)
        done.reached = list((await _episode(stage, scenario, None)).reached)
        wanted = [point for point in done.reached if scenario.is_for(point)]
        for doom in (Doom(point, after) for point in wanted for after in (False, True)):
            trigger = await _episode(stage, scenario, doom)
            (done.died if trigger.life.dead and doom.point in trigger.reached else done.missed).append(doom)
            await trio.sleep(DOWN_S)
            done.findings += [f"{doom}: {told}" for told in await _recovered(stage, scenario)]
        if "LedgerAudit._explain" in scenario.only:
            await stage.live(Trigger(None), _explained)
        nursery.cancel_scope.cancel()
    if scenario.clean:
        done.findings += audit(stage.world.store, stage.world.chain)
    return done


async def _episode(stage: Stage, scenario: Scenario, doom: Doom | None) -> Trigger:
    """From a quiet bot to its death at the doom, or to the end of the scenario where there is none."""
    trigger = Trigger(scenario.first or doom)

    async def arm(_: Stage) -> None:
        trigger.armed = True

    with trio.fail_after(EPISODE_WITHIN_S):
        await stage.live(trigger, _calm_down, scenario.prepare, arm, scenario.act)
        if scenario.first is not None:
            await trio.sleep(scenario.down_s)
            trigger = Trigger(doom, armed=True)
            await stage.live(trigger, Stage.settled, _compared)
    return trigger


async def _compared(stage: Stage) -> None:
    await until(lambda: stage.living.reconciler.reconciled, within_s=60)


async def _explained(stage: Stage) -> None:
    await exact(stage.living, stage.world)


async def _recovered(stage: Stage, scenario: Scenario) -> list[str]:
    """A life that nobody interrupts takes up what is there; what is wrong when it has."""
    found: list[str] = []

    async def look(stage: Stage) -> None:
        await stage.settled()
        if scenario.forks:
            await stage.final()
        stage.world.chain.cluster.all_faults.clear()
        if stage.living.guard.halt is not None or stage.living.guard.panics(stage.user.id):
            await stage.flat()
        await _calm_down(stage)
        found.extend(f"{count} landed for intent {intent}" for intent, count in _landed_twice(stage).items())
        found.extend(f"{count} orders of {order} were filled" for order, count in _filled_too_often(stage).items())
        if not await stage.world.books_equal_chain():
            found.append("the books differ from the chain")
        positions = {position.id for position in await stage.world.store.open_positions()}
        await until(lambda: positions <= set(stage.living.looks), within_s=20)

    with trio.fail_after(EPISODE_WITHIN_S):
        await stage.live(Trigger(None), look)
    return found


async def _calm_down(stage: Stage) -> None:
    """End what only people end: a halt, a freeze, and the user's panic."""
    bot = stage.living
    stage.world.vault._book.thaw(stage.user.id, stage.wallet.address)
    await bot.guard.unfreeze_wallet(stage.wallet)
    if bot.guard.halt is not None:
        await until(lambda: bot.guard.flattened, within_s=60)
        await bot.guard.rearm("operator")
        await until(lambda: not bot.flattener.at_work, within_s=60)
    await bot.guard.acknowledge_outflow(stage.user.id)
    if await bot.guard.resume_user(stage.user.id):
        await trio.sleep(1)
    await stage.opened()


def _filled_too_often(stage: Stage) -> dict[str, int]:
    """Standing orders and copies that have traded more often than was wanted."""
    trades = stage.world.store._trades.values()
    filled = Counter(trade.intent.request.causation_id for trade in trades)
    placed = stage.world.store._standings.values()
    copied = [copy.id for copy in stage.world.store._copies.values()]
    return {order.id: filled[order.id] for order in placed if filled[order.id] > order.turns} | {
        copy: filled[copy] for copy in copied if filled[copy] > 1
    }


def _landed_twice(stage: Stage) -> dict[str, int]:
    """Intents of which more than one attempt has succeeded on the chain."""
    store, chain = stage.world.store, stage.world.chain
    signatures = list(store._attempts)
    landed: Counter[str] = Counter()
    for start in range(0, len(signatures), 256):
        some = signatures[start : start + 256]
        statuses = chain.call("getSignatureStatuses", some, {"searchTransactionHistory": True})["value"]
        for signature, status in zip(some, statuses, strict=True):
            if status is not None and status["err"] is None:
                landed[store._attempts[signature].intent_id] += 1
    return {intent: count for intent, count in landed.items() if count > 1}
