"""The source `logs`: the launchpad's logs as launches and trades, with the slot's heartbeat as the sign of life."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import NoReturn

import msgspec
import structlog
import trio

from bot.chain import wire
from bot.chain.addresses import PUMP_PROGRAM
from bot.chain.event_queue import EventQueue, reading
from bot.chain.named_transactions import ReadRecord, Recorded
from bot.chain.pumpfun import events_in_logs, launchpad_events, tells_launch_or_trade
from bot.chain.rotation import Rotation
from bot.chain.silence import Silence
from bot.chain.slot_bound import SlotBound
from bot.chain.stream_gap import COMPLETE_BEHIND_SLOTS, FetchSince, Mark, ToldUpTo, earlier, later, missed_since
from bot.chain.subscriptions import Notification, Subscribe, Subscriptions
from bot.chain.told import StreamStatistics, ToldEvents
from bot.clock import Clock
from bot.errors import ChainUnavailable, DecodeError
from bot.execution.event_reads import EventReads
from bot.ports import Listener, SourceLosses
from bot.trading.launch import StreamEvent
from bot.trading.venue import PUMPFUN

MAX_LOOKUPS = 32
LOOKUP_TRIES = 6
LOOKUP_PAUSE_S = 0.5

SILENCE_S = 2.0  # a slot is due every 0.4 s
RACED = 2  # endpoints that are followed at the same time, where there are as many
REST_S = 1.0  # before an endpoint is tried again beside one that is followed

SLOT_S, SLOT_MS = 0.4, 400
REPAIRS_AT_ONCE = 8

WANTED = (
    Subscribe("logsSubscribe", [{"mentions": [str(PUMP_PROGRAM)]}, {"commitment": "processed"}]),
    Subscribe("slotSubscribe", []),
)

_logs = msgspec.json.Decoder(wire.InContext[wire.Logs])
_slot = msgspec.json.Decoder(wire.SlotInfo)

log = structlog.get_logger()


@dataclass(slots=True)
class _Connection:
    """One subscription: its number since the stream was made, its name, whose word it is, and where its events go.

    Its `lookups` outlive it, as long as the block that reads the events. Times are trio's. `slot` is the newest that it told,
    `heard_at_s` is when it last told a new one, None before; `told` is up to where it or the ones before it told everything.
    """

    number: int
    name: str
    teller: str
    events: EventQueue
    lookups: trio.Nursery
    told: ToldUpTo
    opened_at_s: float | None = None
    heard_at_s: float | None = None
    slot: int = 0


class PumpLaunchStream:
    """Two connections at a time where there are two endpoints; the first to tell of an event counts.

    One that is lost or silent is replaced by the next endpoint, and a block ends when none can be had. `fetch_events`
    reads the event payloads of a transaction (`PumpChain.recorded`), for logs that were cut; `fetch_since` lists what was
    missed while nobody was followed. No new slot heard for `silence_s` means that a connection is dead, however open it
    looks and whatever it repeats, unless `newest_slot`, that of the endpoints, shows that the chain stands. `tellers` are the
    names of the sources' endpoints, in the same order; who rests by the `bound` is followed only when nobody else is left.
    Where `others` can be asked, what a connection tells is the word of its endpoint until another one has told the same.
    """

    name = "logs"
    complete = True

    def __init__(
        self,
        sources: Subscriptions | Sequence[Subscriptions],
        fetch_events: ReadRecord,
        fetch_since: FetchSince,
        clock: Clock,
        *,
        silence_s: float = SILENCE_S,
        reads: EventReads | None = None,
        newest_slot: Callable[[], int] = lambda: 0,
        tellers: Sequence[str] = (),
        bound: SlotBound | None = None,
        others: bool = False,
    ) -> None:
        self._sources = tuple(sources) if isinstance(sources, Sequence) else (sources,)
        if not self._sources:
            raise ValueError("no endpoint is configured")
        self._fetch_events = fetch_events
        self._fetch_since = fetch_since
        self._clock = clock
        self._silence_s = silence_s
        self._reads = reads or EventReads()
        self._newest_of_endpoints = newest_slot
        self._tellers = tuple(tellers) or tuple(source.name for source in self._sources)
        self._rotation = Rotation(self._tellers, bound)
        self._others = others
        self._followed: dict[int, _Connection] = {}  # by the place of its endpoint among the sources
        self._proven: Mark | None = None
        self._newest_slot = 0
        self._missed_after: Mark | None = None
        self._connections = 0
        self._told = ToldEvents()
        self._looking_up = 0
        self._counts = StreamStatistics()
        self._alive: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        return f"<PumpLaunchStream {', '.join(source.name for source in self._sources)}>"

    @property
    def source(self) -> str:
        """The endpoints that are followed, or the one that will be tried next; safe to print."""
        names = [one.name for one in self._followed.values() if one.opened_at_s is not None]
        return ", ".join(names) or self._sources[self._rotation.upcoming].name

    def statistics(self) -> StreamStatistics:
        return replace(self._counts)

    def losses(self) -> SourceLosses:
        told = self._counts
        return SourceLosses(lost=told.lost, gaps=told.gaps, repaired=told.repaired, unrepaired=told.unrepaired)

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[StreamEvent]]:
        """Entered once something was heard: a subscription may stand and be dead.

        Raises ChainUnavailable when nothing is; so does the iteration later.
        """
        return reading(self._read)

    async def follow(self, listener: Listener) -> NoReturn:
        """As one source among others; each new slot is a sign of life."""
        self._alive = listener.alive
        async with self.events() as events:
            async for event in events:
                await listener.tell(event)
        raise AssertionError("the events end by raising")

    async def _read(self, events: EventQueue) -> None:
        """Follow endpoints until none is left to turn to, and leave the reasons.

        An endpoint that told nothing, not even a new slot, before it was lost counts as not to be had; when that has
        happened to as many in a row as there are, and none is followed, the block ends.
        """
        troubles: deque[str] = deque(maxlen=len(self._sources))
        async with trio.open_nursery() as lookups:
            async with trio.open_nursery() as lanes:
                for _ in range(min(RACED, len(self._sources))):
                    lanes.start_soon(self._run_lane, events, lookups, troubles, lanes.cancel_scope)
            lookups.cancel_scope.cancel()
        events.end("; ".join(troubles))

    async def _run_lane(
        self, events: EventQueue, lookups: trio.Nursery, troubles: deque[str], lanes: trio.CancelScope
    ) -> None:
        """One connection after the other, each to the next endpoint that nobody else follows."""
        while True:
            place = self._rotation.take(self._followed)
            if self._followed and self._rotation.rests(place):
                await trio.sleep(REST_S)
                continue
            source = self._sources[place]
            heard = self._counts.heard
            self._connections += 1
            teller = self._tellers[place] if self._others else ""
            told = ToldUpTo(self._proven)
            connection = _Connection(self._connections, source.name, teller, events, lookups, told)
            self._followed[place] = connection
            try:
                trouble = await self._follow(source, connection)
            finally:
                del self._followed[place]
                self._note_gap(connection)
            if self._counts.heard > heard:
                troubles.clear()
            troubles.append(str(trouble))
            log.warning("launch_stream_lost", endpoint=source.name, reason=str(trouble))
            others_stand = any(one.opened_at_s is not None for one in self._followed.values())
            if len(troubles) >= len(self._sources) and not others_stand:
                lanes.cancel()
                return
            if len(self._sources) > 1:
                self._counts.switches += 1
            if others_stand and connection.heard_at_s is None:
                await trio.sleep(REST_S)

    # What was missed

    def _note_gap(self, lost: _Connection) -> None:
        """Remember up to where a lost connection told everything, unless another one was followed since long before that."""
        if (mark := lost.told.mark) is None or lost.heard_at_s is None:
            return
        others = [one for one in self._followed.values() if one.heard_at_s is not None]
        whole_at_s = lost.heard_at_s - COMPLETE_BEHIND_SLOTS * SLOT_S
        if any(one.opened_at_s is not None and one.opened_at_s <= whole_at_s for one in others):
            return
        self._missed_after = earlier(self._missed_after, mark)
        if others:
            self._repair_soon(others[0])

    def _repair_soon(self, connection: _Connection) -> None:
        if self._missed_after is not None:
            self._counts.gaps += 1
            connection.lookups.start_soon(self._repair, self._missed_after, connection)
            self._missed_after = None

    async def _repair(self, mark: Mark, connection: _Connection) -> None:
        """Read what was logged after a transaction while nobody was followed, oldest first, each once.

        A gap whose repair is ended by the end of all connections is one of the next block's.
        """
        try:
            await self._read_missed(mark, connection)
        except trio.Cancelled:
            self._missed_after = earlier(self._missed_after, mark)
            raise

    async def _read_missed(self, mark: Mark, connection: _Connection) -> None:
        """It counts as a connection of its own, so that nothing is told twice, whoever is quicker."""
        self._connections += 1
        reader = replace(connection, number=self._connections)
        listed, is_whole = await missed_since(self._fetch_since, mark)
        self._counts.unrepaired += not is_whole
        newest_slot = max((one[1] for one in listed), default=0)
        missed = [one for one in listed if not self._told.knows(one[0])]
        log.info("stream_gap", since_slot=mark[1], transactions=len(missed))
        limit = trio.CapacityLimiter(REPAIRS_AT_ONCE)
        payloads: dict[str, Recorded] = {}

        async def read(told: wire.InContext[wire.Logs]) -> None:
            async with limit:
                try:
                    found = await self._fetch_events(told.value.signature)
                except (ChainUnavailable, DecodeError) as error:
                    self._lose(told, str(error))
                    return
            if found is None:
                self._lose(told, "no endpoint shows it")
            else:
                payloads[told.value.signature] = found

        logs = [wire.InContext(wire.Context(at_slot), wire.Logs(one, [])) for one, at_slot in missed]
        async with trio.open_nursery() as readers:
            for told in logs:
                readers.start_soon(read, told)
        for told in logs:
            if (found := payloads.get(told.value.signature)) is not None:
                await self._hand_on_late(found, told, reader, newest_slot)

    async def _hand_on_late(
        self, found: Recorded, told: wire.InContext[wire.Logs], reader: _Connection, newest_slot: int
    ) -> None:
        """Its events count as seen when they happened, so that nobody takes an old launch for a fresh one."""
        late_ms = (newest_slot - told.context.slot) * SLOT_MS
        try:
            await self._hand_on(found.payloads, told, replace(reader, teller=found.told_by), late_ms=late_ms)
            self._counts.repaired += 1
        except DecodeError as error:
            self._lose(told, str(error))

    # What is told

    async def _follow(self, source: Subscriptions, connection: _Connection) -> ChainUnavailable:
        """What ended the connection."""
        silence = Silence(self._silence_s, self._newest_of_endpoints, self._newest_slot)
        trouble = ChainUnavailable(f"{source.name}: nothing heard for {self._silence_s:g} s, not even a new slot")

        def opened() -> None:
            connection.opened_at_s = trio.current_time()

        async def deliver(notification: Notification) -> None:
            self._counts.heard += 1
            moved_at_s = connection.heard_at_s
            with silence.held_up():
                await self._take(notification, connection)
            if connection.heard_at_s != moved_at_s:
                silence.heard(connection.slot)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(silence.end, nursery.cancel_scope)
            try:
                await source.follow(WANTED, deliver, opened)
            except ChainUnavailable as error:
                trouble = error
            nursery.cancel_scope.cancel()
        return trouble

    def _note_slot(self, connection: _Connection, slot: int) -> None:
        """A slot was told. Only a new one is a sign of life; the first of a connection has to be new to the stream."""
        before = connection.slot or self._newest_slot
        connection.told.reached(slot)
        self._proven = later(self._proven, connection.told.proven)
        connection.slot, self._newest_slot = max(connection.slot, slot), max(self._newest_slot, slot)
        if slot <= before:
            return
        if connection.heard_at_s is None:
            connection.events.begun.set()
            self._repair_soon(connection)
        connection.heard_at_s = trio.current_time()
        self._alive()

    async def _take(self, notification: Notification, connection: _Connection) -> None:
        try:
            if notification.method == "slotNotification":
                self._counts.last_slot = _slot.decode(notification.result).slot
                self._note_slot(connection, self._counts.last_slot)
                return
            if notification.method != "logsNotification":
                return
            told = _logs.decode(notification.result)
        except wire.UNREADABLE:
            raise ChainUnavailable(f"{connection.name}: a notification of another shape") from None
        self._note_slot(connection, told.context.slot)
        connection.told.told(told.value.signature, told.context.slot)
        self._counts.transactions += 1
        if told.value.err is not None:
            self._counts.failed_transactions += 1
            return
        is_readable = False
        try:
            logged = events_in_logs(told.value.logs)
            if logged.truncated:
                self._counts.cut += 1
                self._look_up(told, connection)
                return
            await self._hand_on(logged.payloads, told, connection)
            is_readable = tells_launch_or_trade(logged.payloads)
        except DecodeError as error:
            self._lose(told, str(error))
        self._reads.seen(PUMPFUN, is_readable=is_readable)

    async def _hand_on(
        self, payloads: tuple[bytes, ...], told: wire.InContext[wire.Logs], connection: _Connection, *, late_ms: int = 0
    ) -> None:
        signature, slot, seen_at_ms = told.value.signature, told.context.slot, self._clock.now_ms() - late_ms
        found = launchpad_events(
            payloads, signature=signature, slot=slot, seen_at_ms=seen_at_ms, told_by=connection.teller
        )
        for index, event in enumerate(found):
            news = self._told.news(event, index, connection.number)
            self._counts.events += news is event
            self._counts.repeated += news is not event
            if news is not None:
                await connection.events.send.send(news)

    def _lose(self, told: wire.InContext[wire.Logs], reason: str) -> None:
        self._counts.lost += 1
        log.warning("launchpad_events_lost", signature=told.value.signature, slot=told.context.slot, reason=reason)

    def _look_up(self, told: wire.InContext[wire.Logs], connection: _Connection) -> None:
        """Ask for the transaction beside the stream, so that one cut log does not hold up the others."""
        if self._looking_up == MAX_LOOKUPS:
            self._lose(told, f"its log was cut while {MAX_LOOKUPS} others were being looked up")
            return
        self._looking_up += 1
        connection.lookups.start_soon(self._read_transaction, told, connection)

    async def _read_transaction(self, told: wire.InContext[wire.Logs], connection: _Connection) -> None:
        """The transaction shows at `confirmed`, which is a slot or two after its log."""
        reason = "its log was cut and no endpoint shows the transaction"
        try:
            for _ in range(LOOKUP_TRIES):
                await trio.sleep(LOOKUP_PAUSE_S)
                try:
                    found = await self._fetch_events(told.value.signature)
                except ChainUnavailable as error:
                    reason = str(error)
                    continue
                if found is not None:
                    await self._hand_on(found.payloads, told, replace(connection, teller=found.told_by))
                    return
        except DecodeError as error:
            reason = str(error)
        finally:
            self._looking_up -= 1
        self._lose(told, reason)
