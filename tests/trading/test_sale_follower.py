"""Sales by hand that hang are signed again, also over a clock that goes back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import cast

import trio
from trio.testing import MockClock

from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from actors.sale_follower import SaleFollower
from bot.clock import virtual_clock
from bot.execution.in_flight import Followed, InFlight
from bot.ports import Desk
from bot.storage.memory import MemoryStore
from bot.trading.intent import Intent
from bot.trading.ladder import WAIT_SLOTS, Rung
from bot.trading.landing import SLOT_MS
from bot.trading.risk_gate import Refused
from tests.storage.storage_samples import NOW_MS, attempt, enrol, sell, sent

HOUR_MS = 3_600_000


@dataclass(slots=True)
class BusyDesk:
    """Notes who asks to have an order signed again."""

    asked: list[str] = field(default_factory=list)

    async def again(self, intent: Intent, rung: Rung) -> Refused:
        await trio.lowlevel.checkpoint()
        self.asked.append(intent.id)
        return Refused("busy", "try again")


async def test_a_sale_that_hangs_is_signed_again_although_the_clock_went_back(autojump_clock: MockClock) -> None:
    real, back_ms = virtual_clock(trio.current_time, epoch_ms=NOW_MS, seed=1), 0
    clock = replace(real, now_ms=lambda: real.now_ms() - back_ms)
    store, in_flight, desk = MemoryStore(), InFlight(), BusyDesk()
    wallet = await enrol(store)
    intent = await sent(store, replace(sell("k", wallet), position_id=None))
    in_flight.follow(Followed(intent, attempt(intent.id, "s-k"), wallet.address))
    follower = SaleFollower(cast(Desk, desk), in_flight, clock, list)
    async with open_supervisor(SupervisorSpec("money", "one_for_one", (ChildSpec("sale_follower", follower.run),))):
        await trio.sleep(2 * WAIT_SLOTS * SLOT_MS / 1000)
        before, back_ms = len(desk.asked), HOUR_MS
        assert before
        await trio.sleep(2 * WAIT_SLOTS * SLOT_MS / 1000)
        assert before < len(desk.asked) <= 2 * before + 1
