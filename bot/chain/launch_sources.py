"""The port `LaunchStream` over several sources: all streams at once, the first to tell counts, and a last one for silence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Literal

import structlog
import trio

from bot.chain.event_queue import EventQueue, reading
from bot.chain.told import ToldByAnyone
from bot.clock import Clock
from bot.errors import ChainUnavailable
from bot.ports import LaunchSource, SourceHealth
from bot.trading.launch import LaunchpadEvent, StreamEvent, TokenLaunch, ToldTwice, told_twice

RECONNECT_MIN_S = 0.2
RECONNECT_MAX_S = 5.0
FALLBACK_AFTER_S = 1.0  # a stream that is opened again at once needs nobody in its place
FRESH_S = 6.0  # a stream that stands and was not heard for longer needs somebody beside it
LOOK_S = 1.0  # between two looks at how fresh the streams are

log = structlog.get_logger()


@dataclass(slots=True)
class _Lane:
    """One source and how it fares; `heard_at_s` is trio's time of its last sign of life."""

    source: LaunchSource
    state: Literal["up", "opening", "down", "waiting"] = "waiting"
    since_ms: int = 0
    heard_at_s: float | None = None
    launches: int = 0
    first: int = 0
    detail: str = ""

    def turn(self, state: Literal["up", "opening", "down", "waiting"], now_ms: int, detail: str = "") -> bool:
        """Whether that is another state than before."""
        is_new = self.state != state
        if is_new:
            self.since_ms = now_ms
        self.state, self.detail = state, detail
        return is_new


@dataclass(slots=True)
class _Ear:
    """Listens to one source for the queue of one block."""

    lane: _Lane
    queue: EventQueue
    told: ToldByAnyone
    stands: Callable[[], None]

    async def tell(self, event: StreamEvent) -> None:
        if isinstance(event, ToldTwice):
            await self.queue.send.send(event)
            return
        is_launch, first = isinstance(event, TokenLaunch), self.told.told_before(event)
        self.lane.launches += is_launch
        if first is not None:
            await trio.lowlevel.checkpoint()
            if isinstance(first, LaunchpadEvent) and isinstance(event, LaunchpadEvent):
                await self._bear_out(first, event)
            return
        self.lane.first += is_launch
        await self.queue.send.send(event)

    async def _bear_out(self, first: LaunchpadEvent, event: LaunchpadEvent) -> None:
        """Two sources have told of something; whether they are two voices is another matter."""
        if (twice := told_twice(first, event)) is not None:
            await self.queue.send.send(twice)

    def alive(self) -> None:
        self.lane.heard_at_s = trio.current_time()
        self.stands()

    def knows(self, signature: str) -> bool:
        return self.told.knows(signature)

    def launch_was_known(self) -> None:
        self.lane.launches += 1


class LaunchSources:
    """Every one of `streams` is followed for as long as anybody listens, each opened again by itself when it is lost.

    A block of events ends when no complete source is left: a source that tells no trades is no ground for an opinion.
    `fallback` is asked only while no complete stream is heard, because whatever it tells costs requests. That is judged
    sooner than a stream counts as lost: some services say nothing for a while and are well.
    """

    def __init__(self, streams: Sequence[LaunchSource], clock: Clock, fallback: LaunchSource | None = None) -> None:
        self._streams = tuple(_Lane(source) for source in streams)
        self._fallback = None if fallback is None else _Lane(fallback)
        if not any(lane.source.complete for lane in self._lanes()):
            raise ValueError("no source tells both launches and trades")
        self._clock = clock
        self._told = ToldByAnyone()
        self._turned = trio.Event()

    def __repr__(self) -> str:
        return f"<LaunchSources {', '.join(lane.source.name for lane in self._lanes())}>"

    def sources(self) -> list[SourceHealth]:
        now_s = trio.current_time()
        return [
            SourceHealth(
                name=lane.source.name,
                state=lane.state,
                since_ms=lane.since_ms,
                age_s=None if lane.heard_at_s is None else now_s - lane.heard_at_s,
                launches=lane.launches,
                first=lane.first,
                detail=lane.detail,
                losses=lane.source.losses(),
            )
            for lane in self._lanes()
        ]

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[StreamEvent]]:
        """Entered once a complete source stands. Raises ChainUnavailable when none can be had; so does the iteration later."""
        return reading(self._read)

    def _lanes(self) -> list[_Lane]:
        return [*self._streams, *([] if self._fallback is None else [self._fallback])]

    async def _read(self, queue: EventQueue) -> None:
        for lane in self._streams:
            lane.turn("opening", self._clock.now_ms())
        if self._fallback is not None:
            self._fallback.turn("waiting", self._clock.now_ms())
        async with trio.open_nursery() as nursery:
            for lane in self._streams:
                nursery.start_soon(self._keep, lane, queue)
            if self._fallback is not None:
                nursery.start_soon(self._stand_in, self._fallback, queue)
            await self._until(self._nobody_is_left)
            nursery.cancel_scope.cancel()
        for lane in self._lanes():
            if lane.state == "up":
                lane.turn("opening", self._clock.now_ms())
        queue.end("; ".join(lane.detail for lane in self._lanes() if lane.detail))

    async def _keep(self, lane: _Lane, queue: EventQueue) -> None:
        """Follow one source, and again when it was lost."""
        ear = _Ear(lane, queue, self._told, partial(self._stands, lane, queue))
        rest_s = RECONNECT_MIN_S
        while True:
            try:
                await lane.source.follow(ear)
            except ChainUnavailable as error:
                stood, reason = lane.state == "up", str(error)
            if lane.turn("down", self._clock.now_ms(), reason):
                log.warning("launch_source_lost", source=lane.source.name, reason=reason)
            self._tell_turn()
            rest_s = RECONNECT_MIN_S if stood else min(rest_s * 2, RECONNECT_MAX_S)
            await trio.sleep(rest_s)

    def _stands(self, lane: _Lane, queue: EventQueue) -> None:
        if not lane.turn("up", self._clock.now_ms()):
            return
        log.info("launch_source_stands", source=lane.source.name)
        if lane.source.complete:
            queue.begun.set()
        self._tell_turn()

    async def _stand_in(self, lane: _Lane, queue: EventQueue) -> None:
        """Follow the last source whenever no complete stream has been heard for a moment, until one is again."""
        while True:
            await self._until(lambda: not self._a_stream_is_heard())
            with trio.move_on_after(FALLBACK_AFTER_S) as patience:
                await self._until(self._a_stream_is_heard)
            if not patience.cancelled_caught:
                continue
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep, lane, queue)
                await self._until(self._a_stream_is_heard)
                nursery.cancel_scope.cancel()
            lane.turn("waiting", self._clock.now_ms())

    def _a_stream_is_heard(self) -> bool:
        since_s = trio.current_time() - FRESH_S
        complete = (lane for lane in self._streams if lane.source.complete and lane.state == "up")
        return any(lane.heard_at_s is not None and lane.heard_at_s >= since_s for lane in complete)

    def _nobody_is_left(self) -> bool:
        return all(lane.state == "down" for lane in self._lanes() if lane.source.complete)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            with trio.move_on_after(LOOK_S):
                await self._turned.wait()
        await trio.lowlevel.checkpoint()

    def _tell_turn(self) -> None:
        self._turned.set()
        self._turned = trio.Event()
