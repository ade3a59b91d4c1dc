"""The port `LaunchStream`: the launchpad's logs as launches and trades, with the slot's heartbeat as the sign of life."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import msgspec
import structlog
import trio

from bot.chain import wire
from bot.chain.addresses import PUMP_PROGRAM
from bot.chain.pumpfun import events_in_logs, launchpad_events
from bot.chain.subscriptions import Notification, Subscribe, Subscriptions
from bot.clock import Clock
from bot.errors import ChainUnavailable, DecodeError
from bot.trading.launch import LaunchpadEvent

QUEUE = 4096
MAX_LOOKUPS = 32
LOOKUP_TRIES = 6
LOOKUP_PAUSE_S = 0.5

# With another endpoint to turn to, silence is believed sooner: a slot is due every 0.4 s.
SILENCE_AMONG_SEVERAL_S = 3.0

# Transactions remembered for a switch between endpoints; minutes of a busy launchpad.
REMEMBERED = 16_384

FetchEvents = Callable[[str], Awaitable[tuple[bytes, ...] | None]]

WANTED = (
    Subscribe("logsSubscribe", [{"mentions": [str(PUMP_PROGRAM)]}, {"commitment": "processed"}]),
    Subscribe("slotSubscribe", []),
)

_logs = msgspec.json.Decoder(wire.InContext[wire.Logs])
_slot = msgspec.json.Decoder(wire.SlotInfo)

log = structlog.get_logger()


@dataclass(slots=True)
class StreamStatistics:
    """Counts since the stream was made. Of `cut` logs the transaction was looked up; `lost` ones could not be read.

    `heard` counts notifications of any kind, `switches` turns to another endpoint, `repeated` the events that came again
    after one and were dropped.
    """

    heard: int = 0
    transactions: int = 0
    failed_transactions: int = 0
    events: int = 0
    cut: int = 0
    lost: int = 0
    repeated: int = 0
    switches: int = 0
    last_slot: int | None = None


class _Events:
    """What the holder of a subscription iterates over; it ends by raising what ended the subscription.

    `begun` is set once the subscription stands, or `trouble` says why it never will.
    """

    def __init__(self) -> None:
        self.send, self._receive = trio.open_memory_channel[LaunchpadEvent](QUEUE)
        self.begun = trio.Event()
        self.trouble: ChainUnavailable | None = None

    def __aiter__(self) -> AsyncIterator[LaunchpadEvent]:
        return self

    async def __anext__(self) -> LaunchpadEvent:
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise self.trouble or ChainUnavailable("the launch stream was closed") from None


class _Told:
    """Which connection told of which event first, so that a later connection does not tell it again.

    An event is known by its transaction's signature and its place there. The same connection may repeat one: nodes do
    when a transaction lands again on another fork.
    """

    def __init__(self) -> None:
        self._by_signature: OrderedDict[str, dict[int, int]] = OrderedDict()

    def is_repeat(self, signature: str, index: int, connection: int) -> bool:
        """Whether another connection told of this event already; notes it otherwise."""
        told = self._by_signature.setdefault(signature, {})
        if len(self._by_signature) > REMEMBERED:
            self._by_signature.popitem(last=False)
        return told.setdefault(index, connection) != connection


@dataclass(frozen=True, slots=True)
class _Connection:
    """One subscription: its number since the stream was made, its endpoint's name, and where its events go.

    Its `lookups` outlive it, as long as the block that reads the events.
    """

    number: int
    name: str
    events: _Events
    lookups: trio.Nursery


class PumpLaunchStream:
    """One connection at a time, to the next endpoint when one is lost or silent; a block ends when none can be had.

    `fetch_events` reads the event payloads of a transaction whose log was cut (`PumpChain.events_of`). Nothing heard for
    `silence_s`, not even a slot, means that the connection is dead, however open it looks. What is logged between a loss
    and the next subscription is missed; what both connections tell is handed on once.
    """

    def __init__(
        self,
        sources: Subscriptions | Sequence[Subscriptions],
        fetch_events: FetchEvents,
        clock: Clock,
        *,
        silence_s: float = 10.0,
    ) -> None:
        self._sources = tuple(sources) if isinstance(sources, Sequence) else (sources,)
        if not self._sources:
            raise ValueError("no endpoint is configured")
        self._fetch_events = fetch_events
        self._clock = clock
        self._silence_s = silence_s if len(self._sources) == 1 else min(silence_s, SILENCE_AMONG_SEVERAL_S)
        self._current = 0
        self._connections = 0
        self._told = _Told()
        self._looking_up = 0
        self._counts = StreamStatistics()

    def __repr__(self) -> str:
        return f"<PumpLaunchStream {', '.join(source.name for source in self._sources)}>"

    @property
    def source(self) -> str:
        """The endpoint that is followed, or will be tried next; safe to print."""
        return self._sources[self._current].name

    def statistics(self) -> StreamStatistics:
        return replace(self._counts)

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[LaunchpadEvent]]:
        """Entered once the subscription stands. Raises ChainUnavailable when it cannot; so does the iteration later."""
        events = _Events()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read, events)
            await events.begun.wait()
            trouble: Exception | None = events.trouble
            if trouble is None:
                try:
                    yield events
                except Exception as error:
                    # Raised again outside of the nursery, which would wrap it in a group.
                    trouble = error
            nursery.cancel_scope.cancel()
        if trouble is not None:
            raise trouble

    async def _read(self, events: _Events) -> None:
        """Follow one endpoint after the other until none is left to turn to, and leave the reasons.

        An endpoint that told nothing, not even a slot, before it was lost counts as not to be had; when that has
        happened to as many in a row as there are, the block ends.
        """
        troubles: list[str] = []
        async with trio.open_nursery() as lookups:
            while len(troubles) < len(self._sources):
                source = self._sources[self._current]
                heard = self._counts.heard
                self._connections += 1
                trouble = await self._follow(source, _Connection(self._connections, source.name, events, lookups))
                if self._counts.heard > heard:
                    troubles.clear()
                troubles.append(str(trouble))
                log.warning("launch_stream_lost", endpoint=source.name, reason=str(trouble))
                self._turn_to_the_next()
            lookups.cancel_scope.cancel()
        events.trouble = ChainUnavailable("; ".join(troubles))
        events.send.close()
        events.begun.set()

    def _turn_to_the_next(self) -> None:
        if len(self._sources) > 1:
            self._current = (self._current + 1) % len(self._sources)
            self._counts.switches += 1

    async def _follow(self, source: Subscriptions, connection: _Connection) -> ChainUnavailable:
        """What ended the connection."""
        silence = trio.CancelScope(deadline=trio.current_time() + self._silence_s)

        async def deliver(notification: Notification) -> None:
            self._counts.heard += 1
            # While a slow consumer holds us up the connection is not silent.
            silence.deadline = math.inf
            await self._take(notification, connection)
            silence.deadline = trio.current_time() + self._silence_s

        try:
            with silence:
                await source.follow(WANTED, deliver, connection.events.begun.set)
        except ChainUnavailable as error:
            return error
        return ChainUnavailable(f"{source.name}: nothing heard for {self._silence_s:g} s, not even a slot")

    async def _take(self, notification: Notification, connection: _Connection) -> None:
        try:
            if notification.method == "slotNotification":
                self._counts.last_slot = _slot.decode(notification.result).slot
                return
            if notification.method != "logsNotification":
                return
            told = _logs.decode(notification.result)
        except msgspec.DecodeError:
            raise ChainUnavailable(f"{connection.name}: a notification of another shape") from None
        self._counts.transactions += 1
        if told.value.err is not None:
            self._counts.failed_transactions += 1
            return
        try:
            logged = events_in_logs(told.value.logs)
            if logged.truncated:
                self._counts.cut += 1
                self._look_up(told, connection)
                return
            await self._hand_on(logged.payloads, told, connection)
        except DecodeError as error:
            self._lose(told, str(error))

    async def _hand_on(
        self, payloads: tuple[bytes, ...], told: wire.InContext[wire.Logs], connection: _Connection
    ) -> None:
        found = launchpad_events(
            payloads, signature=told.value.signature, slot=told.context.slot, seen_at_ms=self._clock.now_ms()
        )
        for index, event in enumerate(found):
            if self._told.is_repeat(told.value.signature, index, connection.number):
                self._counts.repeated += 1
                continue
            self._counts.events += 1
            await connection.events.send.send(event)

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
                    payloads = await self._fetch_events(told.value.signature)
                except ChainUnavailable as error:
                    reason = str(error)
                    continue
                if payloads is not None:
                    await self._hand_on(payloads, told, connection)
                    return
        except DecodeError as error:
            reason = str(error)
        finally:
            self._looking_up -= 1
        self._lose(told, reason)
