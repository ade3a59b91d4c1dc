"""The source `grpc`: the launchpad's transactions from a Yellowstone Geyser stream, with the slot as the sign of life."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import NoReturn, Protocol

import structlog
import trio

from bot.chain.addresses import PUMP_PROGRAM
from bot.chain.geyser import Ping, SlotTold, TransactionTold, decode_update, ping_request, subscribe_request
from bot.chain.pumpfun import launchpad_events, tells_launch_or_trade
from bot.chain.silence import Silence
from bot.chain.slot_bound import SlotBound
from bot.clock import Clock
from bot.errors import ChainUnavailable, DecodeError
from bot.execution.event_reads import EventReads
from bot.ports import Listener, SourceLosses
from bot.trading.launch import LaunchpadEvent
from bot.trading.venue import PUMPFUN

NAME = "grpc"
MAX_LATE_SLOTS = 25  # ten seconds; launches that are older are too old to be hunted
SLOT_MS = 400

log = structlog.get_logger()


class Call(Protocol):
    """One call of `Subscribe` in both directions; both raise ChainUnavailable when it has ended."""

    async def send(self, message: bytes) -> None: ...

    async def receive(self) -> bytes: ...


OpenCall = Callable[[], AbstractAsyncContextManager[Call]]


@dataclass(slots=True)
class _Line:
    """What one call tells; `slot` is its newest, or `began_slot`, the one that was told before it, 0 for the first call.

    `from_slot` is where its replay begins, None for a call without one.
    """

    slot: int
    silence: Silence
    began_slot: int
    from_slot: int | None


@dataclass(slots=True)
class GeyserStatistics:
    """Counts since the source was made: `transactions` told, `lost` ones that could not be read, `replays` asked for.

    `gaps` counts the calls that told something after an earlier one had ended, `unrepaired` those of them that no replay
    joined to it.
    """

    transactions: int = 0
    lost: int = 0
    replays: int = 0
    gaps: int = 0
    unrepaired: int = 0


class GeyserLaunches:
    """One call for each `follow`, which begins with the slot that was told last, where the server has it.

    No new slot for `silence_s` means that the call is dead, however often the server pings, unless `newest_slot` shows that
    the chain stands. That is the RPC endpoints', 0 while it is not known; by it a replayed event counts as seen when it
    happened. A slot beyond the `bound` ends the call, and it is not opened again before its rest is over.
    """

    name = NAME
    complete = True

    def __init__(
        self,
        open_call: OpenCall,
        newest_slot: Callable[[], int],
        clock: Clock,
        *,
        silence_s: float,
        reads: EventReads | None = None,
        bound: SlotBound | None = None,
    ) -> None:
        self._bound = bound or SlotBound(newest_slot)
        self._open = open_call
        self._newest_of_endpoints = newest_slot
        self._clock = clock
        self._silence_s = silence_s
        self._reads = reads or EventReads()
        self._slot = 0
        self._replay = True
        self._counts = GeyserStatistics()

    def statistics(self) -> GeyserStatistics:
        return replace(self._counts)

    def losses(self) -> SourceLosses:
        return SourceLosses(lost=self._counts.lost, gaps=self._counts.gaps, unrepaired=self._counts.unrepaired)

    async def follow(self, listener: Listener) -> NoReturn:
        await trio.lowlevel.checkpoint()
        self._bound.refuse_caught(NAME)
        began_slot = self._slot
        from_slot = self._from_slot()
        silence = Silence(self._silence_s, self._newest_of_endpoints, began_slot)
        line = _Line(began_slot, silence, began_slot, from_slot)
        trouble = f"nothing heard for {self._silence_s:g} s, not even a new slot"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.silence.end, nursery.cancel_scope)
            try:
                async with self._open() as call:
                    await call.send(subscribe_request([str(PUMP_PROGRAM)], from_slot))
                    while True:
                        await self._take(await call.receive(), call, line, listener)
            except ChainUnavailable as error:
                # A server that no longer has a slot refuses the whole call: the next one asks for no replay.
                self._replay = from_slot is None or line.slot > began_slot
                trouble = str(error)
            nursery.cancel_scope.cancel()
        raise ChainUnavailable(f"{NAME}: {trouble}")

    def _from_slot(self) -> int | None:
        """Where a replay begins; None for the first call, and where the last one was refused."""
        if not self._slot or not self._replay:
            self._replay = True
            return None
        self._counts.replays += 1
        return max(self._slot, self._newest_of_endpoints() - MAX_LATE_SLOTS)

    def _note_gap(self, line: _Line) -> None:
        """The first slot of a call that is not the first one: something may have been missed before it."""
        if not line.began_slot:
            return
        self._counts.gaps += 1
        self._counts.unrepaired += line.from_slot is None or line.from_slot > line.began_slot

    async def _take(self, message: bytes, call: Call, line: _Line, listener: Listener) -> None:
        try:
            update = decode_update(message)
            if isinstance(update, TransactionTold):
                self._bound.check(NAME, update.slot)
                events = self._events(update)
                with line.silence.held_up():
                    for event in events:
                        await listener.tell(event)
                return
        except DecodeError as error:
            self._counts.lost += 1
            log.warning("geyser_update_lost", reason=str(error))
            return
        if isinstance(update, SlotTold) and update.slot > line.slot:
            self._bound.check(NAME, update.slot)
            if line.slot == line.began_slot:
                self._note_gap(line)
            line.slot, self._slot = update.slot, max(self._slot, update.slot)
            listener.alive()
            line.silence.heard(update.slot)
        elif isinstance(update, Ping):
            await call.send(ping_request())

    def _events(self, told: TransactionTold) -> list[LaunchpadEvent]:
        """Raises DecodeError for a launch or trade that is cut short."""
        self._counts.transactions += 1
        is_readable = False
        try:
            events = self._decoded(told)
            is_readable = tells_launch_or_trade(told.payloads)
        finally:
            if not told.truncated:
                self._reads.seen(PUMPFUN, is_readable=is_readable)
        return events

    def _decoded(self, told: TransactionTold) -> list[LaunchpadEvent]:
        if told.truncated:
            raise DecodeError(f"the log of {told.signature} was cut, and its inner instructions were not told")
        late_slots = self._newest_of_endpoints() - told.slot
        late_ms = late_slots * SLOT_MS if late_slots > 2 else 0
        return launchpad_events(
            told.payloads,
            signature=told.signature,
            slot=told.slot,
            seen_at_ms=self._clock.now_ms() - late_ms,
            source=NAME,
            told_by=NAME,
        )
