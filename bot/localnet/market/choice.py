"""Which market a chain has."""

from __future__ import annotations

from pathlib import Path

from bot.localnet.market.generator import GeneratedMarket
from bot.localnet.market.interface import Market
from bot.localnet.market.recording import read_recording
from bot.localnet.market.replay import ReplayedMarket


def choose_market(seed: int, file: Path | None, speed: float, *, enabled: bool) -> Market | None:
    """The replay of `file` at `speed`, the seeded generator, or no market; raises LocalnetError for a bad file."""
    if not enabled:
        return None
    if file is None:
        return GeneratedMarket(seed)
    return ReplayedMarket(seed, read_recording(file, speed=speed))
