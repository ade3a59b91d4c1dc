"""Rounds of looks at what is on its way: every order takes its next step beside the others, and holds up no round."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import structlog
import trio

from bot.errors import ChainUnavailable, Conflict, DecodeError, Unavailable
from bot.execution.alerts import settle_refused
from bot.execution.confirm import Confirmer
from bot.execution.in_flight import Followed
from bot.trading.recovery import SignatureStatus, Step, has_succeeded

log = structlog.get_logger()

# One that the books refuse so often in a row is told: another step of the same order may have come first, once.
REFUSALS_TOLD = 3

# Orders that take a step beside each other: enough to share transactions, few enough for what the endpoints bear.
ORDERS_AT_ONCE = 50
SEARCHES_AT_ONCE = 50

# Orders whose fills are on their way to the books, oldest first: the others are asked for again soon.
SETTLED_AT_MOST = 200


@dataclass(slots=True)
class Rounds:
    """One round asks for the statuses of all that is followed; what comes of that is done in `nursery`.

    One order's trouble delays no other: what a purchase needs of the database says nothing about an exit, and an endpoint
    that is slow to search its history for one order keeps no other from being booked. Orders take their steps beside each
    other, so that what they write shares its transactions; the attempts of one order take turns, and while one of them is
    searched for the others go on.
    """

    confirmer: Confirmer
    nursery: trio.Nursery
    _at_once: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(ORDERS_AT_ONCE))
    _searches: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(SEARCHES_AT_ONCE))
    _turns: dict[str, trio.Lock] = field(default_factory=dict)  # by intent, while one of its attempts has its turn
    _searched: set[str] = field(default_factory=set)  # signatures
    _settling: set[str] = field(default_factory=set)  # intents
    _hinted: dict[str, list[str]] = field(default_factory=dict)  # signatures that were hinted at meanwhile, by intent

    async def round(self, settle_before_ms: int | None = None, only: Sequence[str] | None = None) -> None:
        """Ask once about everything that is followed, or `only` about these signatures, and begin each attempt's next step.

        With `settle_before_ms`, milliseconds since 1970, only fills of orders that were made before that moment are settled.
        What waits for its settlement is known to have landed, so that nobody signs it again meanwhile. A chain that cannot
        be asked ends the round.
        """
        in_flight = self.confirmer.in_flight
        entries = [entry for entry in in_flight.all(only) if self._is_free(entry, hinted=only is not None)]
        if not entries:
            return
        asked_at_s = trio.current_time()
        try:
            statuses = await self.confirmer.chain.statuses([entry.attempt.signature for entry in entries])
        except ChainUnavailable as error:
            log.warning("statuses_unavailable", followed=len(entries), reason=str(error))
            return
        height = await self._finalized_height() if None in statuses else None
        orders: dict[str, list[tuple[str, SignatureStatus | None]]] = {}
        for entry, status in zip(entries, statuses, strict=True):
            intent, signature = entry.intent, entry.attempt.signature
            succeeded = has_succeeded(status)
            in_flight.looked_for(signature, asked_at_s, is_there=status is not None, has_succeeded=succeeded)
            if succeeded:
                waits = settle_before_ms is not None and intent.created_at_ms >= settle_before_ms
                if waits or (len(self._settling) >= SETTLED_AT_MOST and intent.id not in self._settling):
                    continue
                self._settling.add(intent.id)
            elif self.confirmer.is_idle(self.confirmer.next_step(entry, status, height), entry):
                continue
            orders.setdefault(intent.id, []).append((signature, status))
        for intent_id, attempts in orders.items():
            self._turns.setdefault(intent_id, trio.Lock())
            self.nursery.start_soon(self._steps_of, intent_id, attempts, height)

    def _is_free(self, entry: Followed, *, hinted: bool) -> bool:
        """Whether an attempt may be asked for now; one whose order has its turn is, once that is over, where it was hinted at."""
        if entry.intent.id not in self._turns:
            return entry.attempt.signature not in self._searched
        if hinted:
            self._hinted.setdefault(entry.intent.id, []).append(entry.attempt.signature)
        return False

    async def _finalized_height(self) -> int | None:
        try:
            return await self.confirmer.chain.finalized_height()
        except ChainUnavailable:
            return None

    @asynccontextmanager
    async def _turn(self, intent_id: str) -> AsyncIterator[None]:
        """Nobody else takes a step of this order meanwhile."""
        lock = self._turns.setdefault(intent_id, trio.Lock())
        async with lock:
            yield
        if not lock.locked():  # a lock goes from one who waits for it to the next
            del self._turns[intent_id]
            for signature in self._hinted.pop(intent_id, ()):
                self.confirmer.in_flight.hint(signature)

    async def _steps_of(
        self, intent_id: str, attempts: Sequence[tuple[str, SignatureStatus | None]], height: int | None
    ) -> None:
        """The next step of each attempt of one order, by signature, oldest first."""
        async with self._turn(intent_id), self._at_once:
            for signature, status in attempts:
                entry = self.confirmer.in_flight.of(signature)
                if entry is None:
                    continue
                step = self.confirmer.next_step(entry, status, height)
                if step is not Step.ASK_HISTORY:
                    with self._telling(entry):
                        await self.confirmer.take(step, entry, status)
                elif signature not in self._searched:
                    self._searched.add(signature)
                    self.nursery.start_soon(self._search, entry)
            self._settling.discard(intent_id)

    async def _search(self, followed: Followed) -> None:
        """Ask for one attempt's history, and act upon what it is known as by then."""
        signature = followed.attempt.signature
        async with self._searches:
            found = await self.confirmer.search(followed)
        async with self._turn(followed.intent.id):
            entry = self.confirmer.in_flight.of(signature)
            if entry is not None:
                with self._telling(entry):
                    await self.confirmer.searched(entry, found)
        self._searched.discard(signature)

    @contextmanager
    def _telling(self, entry: Followed) -> Iterator[None]:
        """What keeps an attempt from its step is told, and it is asked for again."""
        intent, signature = entry.intent, entry.attempt.signature
        try:
            yield
        except (Unavailable, DecodeError) as error:
            log.warning("confirm_delayed", intent=intent.id, signature=signature, reason=str(error))
        except Conflict as error:
            log.warning("intent_moved_on", intent=intent.id, reason=str(error))
            self.confirmer.in_flight.resolve(signature)
            if self.confirmer.in_flight.refused(intent, signature, str(error)) >= REFUSALS_TOLD:
                self.confirmer.alert(settle_refused(intent, signature, str(error)))
