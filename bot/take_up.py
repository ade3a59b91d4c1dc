"""What a bot that waits has brought from its disk and the leader takes up: a halt holds, facts are written, orders told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from actors.lease_keeper import LeaseKeeper
from actors.trading_guard import TradingGuard
from bot.errors import Conflict, StoreUnavailable
from bot.execution import alerts
from bot.execution.alerts import LEASE, Alert
from bot.execution.leadership import Leadership
from bot.execution.ordered_causes import is_operator
from bot.liveness import watched
from bot.ports import Brought, LeaseStore, Store
from bot.storage.spool_codec import DamagedError, Kept, Record, scan
from bot.storage.spool_entries import carry_out
from bot.storage.spool_header import header_of
from bot.storage.spool_overtaken import tell_overtaken
from bot.trading.trading_state import Halt
from bot.tree import TradingBot

log = structlog.get_logger()


def lease_keeper(bot: TradingBot, leadership: Leadership, leases: LeaseStore) -> LeaseKeeper:
    """The actor that keeps the lease, and that tells the bot what follows from it."""
    leadership.watching = lambda: watched(bot) is not None
    taking = TakeUp(
        guard=bot.guard,
        leadership=leadership,
        store=bot.adapters.store,
        adopt=lambda: bot.confirmer.adopt(bot.policy.planned_max_age_ms),
        alert=bot.alerts.tell,
    )
    return LeaseKeeper(
        leadership,
        leases,
        taking.take,
        down=lambda why: bot.guard.down(LEASE, why),
        up=lambda: bot.guard.up(LEASE),
    )


@dataclass(frozen=True, slots=True)
class TakeUp:
    """`adopt` has every order followed that is on its way and that nobody follows yet."""

    guard: TradingGuard
    leadership: Leadership
    store: Store
    adopt: Callable[[], Awaitable[object]]
    alert: Callable[[Alert], None]

    async def take(self, brought: Brought) -> None:
        """Carry out one thing, as often as it comes; raises Unavailable where it has to be tried again."""
        if brought.halt is not None:
            await self._halt(brought.halt, brought.name)
            return
        try:
            (record,) = scan(header_of(None) + brought.record).records
            await self._record(record)
        except (DamagedError, Conflict, LookupError, ValueError) as error:
            log.error("journal_record_left_out", name=brought.name, record=brought.record.hex(), reason=str(error))
            self.alert(alerts.brought_left_out(brought.name, str(error)))

    async def _halt(self, halt: Halt, name: str) -> None:
        """It was ordered, or fell due, and nobody has ended it; one that was ended since is over.

        What a program judged of its services while this one led already was blind: it speaks of that bot alone.
        """
        blind = not is_operator(halt.by) and halt.since_ms >= self.leadership.since_ms
        if blind or await self.store.halt_ended(halt):
            log.warning(
                "ended_halt_dropped", cause=halt.cause, since_ms=halt.since_ms, by=halt.by, brought_by=name, blind=blind
            )
            return
        if self.guard.latch(halt):
            self.alert(alerts.halt_brought(halt, name))
        if not await self.guard.has_stored_halt():
            raise StoreUnavailable("the halt that was brought is not stored yet")

    async def _record(self, record: Record) -> None:
        if not isinstance(record, Kept):
            await carry_out(record, self.store)
            await self.adopt()
        elif (told := await tell_overtaken(record.cause, self.store)) is not None:
            self.alert(alerts.order_overtaken(told))
