"""The recording of the market: every launch, trade and snapshot that the bot sees, kept for whoever studies it later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.ports.past_market import PastMarket
from bot.trading.launch import LaunchpadEvent
from bot.trading.venue import OwnVenue


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a token's curve or pool held when somebody read it, rather than heard of a trade there."""

    mint: str
    venue: OwnVenue
    seen_at_ms: int


Seen = LaunchpadEvent | Snapshot


@dataclass(frozen=True, slots=True)
class RecordingState:
    """How much the recording keeps: bytes on the disk, since when (None while it is empty), and what was set aside as torn."""

    kept_bytes: int = 0
    oldest_ms: int | None = None
    torn_files: int = 0


class MarketRecording(Protocol):
    """All raise `Unavailable` where the disk does not take it; the caller counts what is lost."""

    async def append(self, seen: Sequence[Seen], now_ms: int) -> None:
        """Keep these rows, in order. After it returns a kill of the process loses none of them."""

    async def tidy(self, now_ms: int) -> RecordingState:
        """Pack what is complete into partitions, set aside what a crash tore, and drop what is older than the settings say."""

    async def past(self, before_ms: int) -> PastMarket:
        """What its rows tell of the time before a moment: some newest ones, of a day at most. It may take some seconds."""
