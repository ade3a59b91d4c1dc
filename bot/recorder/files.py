"""The recording on the disk: text in a thread, Parquet in a process, so that the loop waits for neither."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog
import trio

from bot.errors import RecordingUnavailable
from bot.ports import PastMarket, RecordingState, Seen
from bot.recorder.layout import Layout
from bot.recorder.retention import drop_old
from bot.recorder.segments import Segments

log = structlog.get_logger()

PACK_WITHIN_S = 120.0
PAST_WITHIN_S = 120.0

_PAST = msgspec.msgpack.Decoder(PastMarket)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Keep:
    """How long and how much is kept, and after how long a segment is packed. Partitions go by whole hours.

    Nothing is written while less than `free_min` bytes of the disk are free.
    """

    keep_ms: int
    bytes_max: int
    roll_ms: int
    free_min: int


@dataclass(slots=True)
class FileRecording:
    """Implements `MarketRecording` below one folder, which belongs to one process at a time.

    What an append has written is the kernel's: a kill loses nothing of it, a power cut at most the last of it.
    """

    folder: Path
    keep: Keep
    _segments: Segments = field(init=False)
    _one_at_a_time: trio.Lock = field(default_factory=trio.Lock)

    def __post_init__(self) -> None:
        self._segments = Segments(Layout(self.folder), self.keep.roll_ms, self.keep.free_min)

    async def append(self, seen: Sequence[Seen], now_ms: int) -> None:
        async with self._one_at_a_time:
            await _in_thread(lambda: self._segments.append(seen, now_ms))

    async def tidy(self, now_ms: int) -> RecordingState:
        layout = Layout(self.folder)
        async with self._one_at_a_time:
            await _in_thread(lambda: self._segments.roll(now_ms))
        if await _in_thread(layout.complete):
            await self._pack()
        before_ms = now_ms - self.keep.keep_ms
        return await _in_thread(lambda: drop_old(layout, before_ms=before_ms, bytes_max=self.keep.bytes_max))

    async def close(self) -> None:
        """Close the segment that is written. A disk that refuses even that leaves it to the next life."""
        try:
            await _in_thread(self._segments.close)
        except RecordingUnavailable as error:
            log.warning("recording_not_closed", reason=str(error))

    async def past(self, before_ms: int) -> PastMarket:
        told = await self._asked("past", str(before_ms), within_s=PAST_WITHIN_S)
        try:
            return await trio.to_thread.run_sync(_PAST.decode, told)
        except msgspec.DecodeError as error:
            raise RecordingUnavailable(f"the past in {self.folder} cannot be read: {error}") from error

    async def _pack(self) -> None:
        await self._asked("pack", within_s=PACK_WITHIN_S)

    async def _asked(self, verb: str, *words: str, within_s: float) -> bytes:
        """What a process with the library of Parquet answers; raises RecordingUnavailable."""
        argv = [sys.executable, "-m", "bot.recorder", verb, str(self.folder), *words]
        with trio.move_on_after(within_s):
            try:
                done = await trio.run_process(argv, capture_stdout=True, capture_stderr=True, check=False)
            except OSError as error:
                raise RecordingUnavailable(f"the {verb} of {self.folder} cannot be started: {error}") from error
            if done.returncode:
                last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
                raise RecordingUnavailable(f"the {verb} of {self.folder} failed: {last[0][:200]}")
            return bytes(done.stdout)
        raise RecordingUnavailable(f"the {verb} of {self.folder} took longer than {within_s:.0f} s")


@asynccontextmanager
async def open_recording(folder: Path, keep: Keep) -> AsyncIterator[FileRecording]:
    """A recording whose last segment is closed at the end, so that the next life packs it."""
    recording = FileRecording(folder, keep)
    try:
        yield recording
    finally:
        with trio.CancelScope(shield=True):
            await recording.close()  # noqa: ASYNC102 - one fsync


async def _in_thread(work: Callable[[], T]) -> T:
    """A cancellation waits for the disk: whoever wrote must know whether it did."""
    try:
        return await trio.to_thread.run_sync(work)
    except OSError as error:
        raise RecordingUnavailable(f"{error.filename or 'the recording'}: {error.strerror or error}") from error
