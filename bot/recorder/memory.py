"""The in-memory twin of the recording, for virtual time and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from bot.ports import RecordingState, Seen
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
