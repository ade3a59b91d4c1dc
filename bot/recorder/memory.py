"""The in-memory twin of the recording, for virtual time and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from bot.execution.past_market import PAST_MS, ROWS_MAX, past_of
from bot.ports import PastMarket, RecordingState, Seen, Snapshot
from bot.recorder.rows import lines


@dataclass(slots=True)
class MemoryRecording:
    """Implements `MarketRecording`; keeps everything for as long as it lives."""

    seen: list[Seen] = field(default_factory=list)
    _oldest_ms: int | None = None

    async def append(self, seen: Sequence[Seen], now_ms: int) -> None:
        await trio.lowlevel.checkpoint()
        self.seen.extend(seen)
        if self._oldest_ms is None:
            self._oldest_ms = now_ms

    async def tidy(self, now_ms: int) -> RecordingState:  # noqa: ARG002 - the port's signature
        await trio.lowlevel.checkpoint()
        return RecordingState(len(lines(self.seen)), self._oldest_ms)

    async def past(self, before_ms: int) -> PastMarket:
        lately = [
            one
            for one in self.seen
            if not isinstance(one, Snapshot) and before_ms - PAST_MS <= one.seen_at_ms < before_ms
        ]
        return await past_of(lately[-ROWS_MAX:], before_ms)
