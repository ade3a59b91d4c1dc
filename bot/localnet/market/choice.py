"""Which market a chain has."""

from __future__ import annotations

from pathlib import Path

from bot.localnet.errors import LocalnetError
from bot.localnet.market.interface import Market


class MarketError(LocalnetError):
    """A recorded market cannot be used; the text is one line."""


def choose_market(seed: int, file: Path | None, speed: float, *, enabled: bool) -> Market | None:
    """The replay of `file` at `speed`, the seeded generator, or no market at all."""
    if not enabled or file is None:
        return None
    raise MarketError(f"{file} cannot be replayed at {speed}; seed {seed}")
