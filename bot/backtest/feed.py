"""The port `LaunchStream` over a recorded market: each event at its own moment, never before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import trio

from bot.backtest.recorded_chain import NAME, RecordedChain
from bot.backtest.told import Told
from bot.clock import Clock
from bot.ports import SourceHealth
from bot.trading.launch import StreamEvent

Heard = Callable[[Told], None]
Pace = Callable[[int], None]


def _unpaced(at_ms: int) -> None:  # noqa: ARG001 - as fast as the machine
    return


@dataclass(slots=True)
class Feed:
    """Plays what is told once; `finished` is set behind the last of it, and nothing comes any more.

    `heard` is told of everything that is played, `pace` may hold up the whole process until a moment of the market may come.
    """

    told: Iterable[Told]
    chain: RecordedChain
    clock: Clock
    heard: Heard
    pace: Pace = _unpaced
    launches: int = 0
    finished: trio.Event = field(default_factory=trio.Event)
    _playing: bool = False

    def sources(self) -> Sequence[SourceHealth]:
        return [SourceHealth(NAME, "up", 0, 0.0, self.launches, self.launches)]

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[StreamEvent]]:
        """The events; a second reader, as after a restart of whoever read them, goes on where the first one was."""
        return self._events()

    @asynccontextmanager
    async def _events(self) -> AsyncIterator[AsyncIterator[StreamEvent]]:
        if not self._playing:
            self._playing, self.told = True, iter(self.told)
        yield self._play()

    async def _play(self) -> AsyncIterator[StreamEvent]:
        start_ms, start_s = self.clock.now_ms(), trio.current_time()
        for told in self.told:
            if told.at_ms > self.clock.now_ms():
                await trio.sleep_until(start_s + (told.at_ms - start_ms) / 1000)
                self.pace(told.at_ms)
            self.chain.take(told)
            self.heard(told)
            if told.event is not None:
                yield told.event
        self.finished.set()
        await trio.sleep_forever()
