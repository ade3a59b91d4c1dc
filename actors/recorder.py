"""Keeps every launch, trade and snapshot that the bot sees. Whoever sees one hands it over and never waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import islice

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.alerts import Alert
from bot.execution.recording_alerts import recording_goes_on, recording_stopped
from bot.ports import MarketRecording, RecordingState, Seen

log = structlog.get_logger()

QUEUE_MAX = 20_000  # rows that wait for the disk: many seconds of the whole launchpad
BATCH_MAX = 5_000
WRITE_EVERY_S = 1.0
TIDY_FIRST_S = 30.0  # a start has better things to do
TIDY_EVERY_S = 60.0
TOLD_AFTER_S = 60.0  # a disk that is full for a moment loses nothing: rows wait


@dataclass(frozen=True, slots=True)
class RecorderLook:
    """What status shows: rows kept and rows lost since the start, rows that wait, and what is wrong, if anything."""

    written: int
    dropped: int
    waiting: int
    trouble: str | None
    state: RecordingState


@dataclass(slots=True)
class Recorder:
    """Writes once a second, and again what the disk did not take; beyond `queue_max` rows the newest are dropped and counted.

    Operators are told when it has not gone on for `TOLD_AFTER_S`.
    """

    recording: MarketRecording
    clock: Clock
    alert: Callable[[Alert], None]
    queue_max: int = QUEUE_MAX
    _waiting: deque[Seen] = field(default_factory=deque)
    _written: int = 0
    _dropped: int = 0
    _troubles: dict[str, str] = field(default_factory=dict)
    _ill_since_s: float | None = None
    _told: bool = False
    _state: RecordingState = field(default_factory=RecordingState)

    def note(self, seen: Seen) -> None:
        """Take a row. It returns at once, whatever the disk does."""
        if len(self._waiting) >= self.queue_max:
            self._dropped += 1
        else:
            self._waiting.append(seen)

    def look(self) -> RecorderLook:
        """The counts of this moment."""
        trouble = next(iter(self._troubles.values()), None)
        return RecorderLook(self._written, self._dropped, len(self._waiting), trouble, self._state)

    async def run(self, ctx: Context) -> None:
        """The actor. What waits when it is stopped is written before it ends."""
        ctx.ready()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._again, "pack", self._tidy, TIDY_FIRST_S, TIDY_EVERY_S)
                nursery.start_soon(self._again, "write", self._write, WRITE_EVERY_S, WRITE_EVERY_S)
        finally:
            with ctx.cleanup():
                await self._attempt("write", self._write)  # noqa: ASYNC102 - ctx.cleanup() shields and bounds it

    async def _again(self, name: str, work: Callable[[], Awaitable[None]], first_s: float, every_s: float) -> None:
        await trio.sleep(first_s)
        while True:
            await self._attempt(name, work)
            await trio.sleep(every_s)

    async def _attempt(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do it; a disk that refuses is said once, when it begins, and when it is over."""
        try:
            await work()
        except Unavailable as error:
            if name not in self._troubles:
                log.warning("recording_stopped", work=name, reason=str(error))
            self._troubles[name] = str(error)
            self._tell_stopped(str(error))
        else:
            if self._troubles.pop(name, None) is not None:
                log.info("recording_goes_on", work=name, dropped=self._dropped)
                self._tell_goes_on()

    def _tell_stopped(self, why: str) -> None:
        now_s = trio.current_time()
        if self._ill_since_s is None:
            self._ill_since_s = now_s
        elif now_s - self._ill_since_s >= TOLD_AFTER_S and not self._told:
            self._told = True
            self.alert(recording_stopped(why))

    def _tell_goes_on(self) -> None:
        if self._troubles:
            return
        self._ill_since_s = None
        if self._told:
            self._told = False
            self.alert(recording_goes_on(self._dropped))

    async def _write(self) -> None:
        while self._waiting:
            batch = list(islice(self._waiting, BATCH_MAX))
            await self.recording.append(batch, self.clock.now_ms())
            for _ in batch:
                self._waiting.popleft()
            self._written += len(batch)

    async def _tidy(self) -> None:
        self._state = await self.recording.tidy(self.clock.now_ms())
