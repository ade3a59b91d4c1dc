"""What is kept of the market beside the road of money. Nothing here is asked by what trades."""

from __future__ import annotations

from typing import Any

from actors.recorder import Recorder
from actors.runtime import Start
from bot.adapters import absent
from bot.clock import Clock, rfc3339
from bot.ports import MarketRecording, PricePoint, Snapshot
from bot.trading.launch import LaunchpadEvent

Record = dict[str, Any]


class MarketData:
    """Takes what the stream tells and what polling reads. Without a `recording` none is made."""

    def __init__(self, recording: MarketRecording | None, clock: Clock) -> None:
        self.recorder = None if recording is None else Recorder(recording, clock)

    def heard(self, event: LaunchpadEvent) -> None:
        """A launch or a trade."""
        if self.recorder is not None:
            self.recorder.note(event)

    def read(self, mint: str, point: PricePoint) -> None:
        """Reserves that somebody asked the chain for."""
        if self.recorder is not None:
            self.recorder.note(Snapshot(mint, point.venue, point.seen_at_ms))

    def record(self) -> Record | None:
        """The recording for status; None where none is made."""
        if self.recorder is None:
            return None
        look = self.recorder.look()
        kept = look.state
        return {
            "written": look.written,
            "dropped": look.dropped,
            "waiting": look.waiting,
            "kept_bytes": kept.kept_bytes,
            "oldest": None if kept.oldest_ms is None else rfc3339(kept.oldest_ms),
            "torn_files": kept.torn_files,
            "trouble": look.trouble,
        }

    def starts(self) -> dict[str, Start]:
        """The actors, by their names in supervision.toml."""
        return {"recorder": absent if self.recorder is None else self.recorder.run}
