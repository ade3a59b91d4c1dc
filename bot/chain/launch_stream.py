"""The port `LaunchStream`: the launchpad's logs as launches and trades, with the slot's heartbeat as the sign of life."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
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
    """Counts since the stream was made. Of `cut` logs the transaction was looked up; `lost` ones could not be read."""

    transactions: int = 0
    failed_transactions: int = 0
    events: int = 0
    cut: int = 0
    lost: int = 0
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


class PumpLaunchStream:
    """Each `events` block is one connection.

    `fetch_events` reads the event payloads of a transaction whose log was cut (`PumpChain.events_of`). Nothing heard for
    `silence_s`, not even a slot, means that the connection is dead, however open it looks.
    """

    def __init__(
        self, subscriptions: Subscriptions, fetch_events: FetchEvents, clock: Clock, *, silence_s: float = 10.0
    ) -> None:
        self._subscriptions = subscriptions
        self._fetch_events = fetch_events
        self._clock = clock
        self._silence_s = silence_s
        self._looking_up = 0
        self._counts = StreamStatistics()

    def __repr__(self) -> str:
        return f"<PumpLaunchStream {self._subscriptions.name}>"

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
        """Follow until the connection is lost or silent, and leave the reason."""
        async with trio.open_nursery() as lookups:
            events.trouble = await self._follow(events, lookups)
            lookups.cancel_scope.cancel()
        events.send.close()
        log.warning("launch_stream_lost", reason=str(events.trouble))
        events.begun.set()

    async def _follow(self, events: _Events, lookups: trio.Nursery) -> ChainUnavailable:
        """What ended the connection."""
        source = self._subscriptions
        silence = trio.CancelScope(deadline=trio.current_time() + self._silence_s)

        async def deliver(notification: Notification) -> None:
            # While a slow consumer holds us up the connection is not silent.
            silence.deadline = math.inf
            await self._take(notification, events, lookups)
            silence.deadline = trio.current_time() + self._silence_s

        try:
            with silence:
                await source.follow(WANTED, deliver, events.begun.set)
        except ChainUnavailable as error:
            return error
        return ChainUnavailable(f"{source.name}: nothing heard for {self._silence_s:g} s, not even a slot")

    async def _take(self, notification: Notification, events: _Events, lookups: trio.Nursery) -> None:
        try:
            if notification.method == "slotNotification":
                self._counts.last_slot = _slot.decode(notification.result).slot
                return
            if notification.method != "logsNotification":
                return
            told = _logs.decode(notification.result)
        except msgspec.DecodeError:
            raise ChainUnavailable(f"{self._subscriptions.name}: a notification of another shape") from None
        self._counts.transactions += 1
        if told.value.err is not None:
            self._counts.failed_transactions += 1
            return
        try:
            logged = events_in_logs(told.value.logs)
            if logged.truncated:
                self._counts.cut += 1
                self._look_up(told, events, lookups)
                return
            await self._hand_on(logged.payloads, told, events)
        except DecodeError as error:
            self._lose(told, str(error))

    async def _hand_on(self, payloads: tuple[bytes, ...], told: wire.InContext[wire.Logs], events: _Events) -> None:
        found = launchpad_events(
            payloads, signature=told.value.signature, slot=told.context.slot, seen_at_ms=self._clock.now_ms()
        )
        for event in found:
            self._counts.events += 1
            await events.send.send(event)

    def _lose(self, told: wire.InContext[wire.Logs], reason: str) -> None:
        self._counts.lost += 1
        log.warning("launchpad_events_lost", signature=told.value.signature, slot=told.context.slot, reason=reason)

    def _look_up(self, told: wire.InContext[wire.Logs], events: _Events, lookups: trio.Nursery) -> None:
        """Ask for the transaction beside the stream, so that one cut log does not hold up the others."""
        if self._looking_up == MAX_LOOKUPS:
            self._lose(told, f"its log was cut while {MAX_LOOKUPS} others were being looked up")
            return
        self._looking_up += 1
        lookups.start_soon(self._read_transaction, told, events)

    async def _read_transaction(self, told: wire.InContext[wire.Logs], events: _Events) -> None:
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
                    await self._hand_on(payloads, told, events)
                    return
        except DecodeError as error:
            reason = str(error)
        finally:
            self._looking_up -= 1
        self._lose(told, reason)
