"""A bot that is dropped before or after any write of an automated entry: one order or a recorded refusal, never two."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import trio

from bot.ports import Verdict
from bot.trading.intent import Side
from bot.trading.leader_swap import LeaderSwap
from bot.trading.opportunity import AutoPlan
from bot.trading.units import LAMPORTS_PER_SOL
from tests.crash.points import point_at
from tests.crash.stage import DOWN_S, Stage, make_stage
from tests.simulation.determinism import run_seeded
from tests.simulation.doors import Call, Life
from tests.whole.leaders import follows, has_won
from tests.whole.virtual import until

LEADERS = ("Leader1", "Leader2")
TRADER = "actors/auto_trader.py"
# What the trader itself asks while it enters, and where its order is on the road of money.
MOMENTS = (
    *((TRADER, method) for method in ("entries_since", "intent_of", "record_decision", "settings", "end_decision")),
    *(("", point) for point in ("Pipeline.judged_by: store.admit", "Pipeline._sign: store.record_attempt")),
)


@dataclass(slots=True)
class Death:
    """Ends a life at one of these calls, once armed."""

    moment: tuple[str, str]
    is_after: bool
    armed: bool = False
    life: Life = field(default_factory=Life)

    def __post_init__(self) -> None:
        self.life.watches = (self,)

    async def before(self, call: Call) -> None:
        self._look(call, is_after=False)

    async def after(self, call: Call, answer: Any) -> None:
        self._look(call, is_after=True)

    def _look(self, call: Call, *, is_after: bool) -> None:
        file, name = self.moment
        here = call.file.endswith(file) and call.method == name if file else point_at(call.file, call.line) == name
        if self.armed and is_after is self.is_after and here:
            self.life.die()


def _swaps(stage: Stage) -> list[LeaderSwap]:
    """Both leaders buy the stage's token, in slots of their own."""
    now_ms = stage.world.clock.now_ms()
    return [
        LeaderSwap(
            leader, f"sig-{leader}-{stage.mint}", 0, slot, stage.mint, Side.BUY, LAMPORTS_PER_SOL, 1, 0, False, now_ms,
            now_ms // 1000,
        )
        for slot, leader in enumerate(LEADERS)
    ]  # fmt: skip


async def _prepared(stage: Stage) -> None:
    """The user follows two good leaders, and his trader is on."""
    for leader in LEADERS:
        await has_won(stage.world.store, leader, stage.world.clock.now_ms())
    await follows(stage.world.store, stage.user, *LEADERS)
    await stage.world.store.save_auto_plan(AutoPlan(stage.user.id, is_on=True, max_daily=1_000, epoch=1))


async def _ready(stage: Stage) -> None:
    await until(lambda: len(stage.living.hunt.standings.best(2)) == 2, within_s=60)
    await stage.new_token()


async def _buys(stage: Stage) -> None:
    for swap in _swaps(stage):
        stage.living.hunt.swaps.on_swap(swap)
    await trio.sleep(5)
    await stage.settled()


async def _dropped(moment: tuple[str, str], *, is_after: bool) -> None:
    """One death, and what the next life makes of it."""
    stage = await make_stage(1)
    await _prepared(stage)
    death = Death(moment, is_after)

    async def arm(_: Stage) -> None:
        death.armed = True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.world.chain.run)
        with trio.fail_after(2_000):
            await stage.live(death, _ready, arm, _buys)  # type: ignore[arg-type]
            assert death.life.dead
            await trio.sleep(DOWN_S)
            again = Death(moment, is_after)
            await stage.live(again, Stage.settled, _resumed, _buys, _judge)  # type: ignore[arg-type]
        nursery.cancel_scope.cancel()


async def _resumed(stage: Stage) -> None:
    await until(lambda: len(stage.living.hunt.standings.best(2)) == 2, within_s=60)


async def _judge(stage: Stage) -> None:
    store = stage.world.store
    decisions = [one for one in await store.decisions(stage.user.id, 99) if one.mint == stage.mint]
    assert await store.planned_decisions(stage.user.id) == []
    intent = await store.intent_of(f"auto:{stage.user.id}:{stage.mint}:1")
    ordered = [trade for trade in store._trades.values() if trade.intent.request.mint == stage.mint]
    assert len(ordered) <= 1
    assert (intent is not None) is any(one.verdict is Verdict.ENTERED for one in decisions)
    assert {one.verdict for one in decisions} & {Verdict.ENTERED, Verdict.REFUSED}
    assert await stage.world.books_equal_chain()


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment[1].split(".")[-1])
def test_a_dropped_bot_has_entered_once_or_says_why_not(moment: tuple[str, str], is_after: bool) -> None:
    run_seeded(1, partial(_dropped, moment, is_after=is_after))
