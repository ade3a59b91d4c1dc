"""Small recorded markets for the tests of training: tokens by hand, and some minutes of the local market's plans."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bot.analysis.training.recorded import RecordedToken
from bot.analysis.vector import ALL_KNOWN
from bot.recorder.rows import header, lines
from bot.trading.launch import CurveTrade
from bot.trading.units import LAMPORTS_PER_SOL
from tests.analysis.launch_samples import BORN_MS, Market
from tests.model.planned_market import write

SOL = LAMPORTS_PER_SOL
MINUTE_MS = 60_000
SMALL_MS = 17 * MINUTE_MS  # some 500 launches


def planned_file(folder: Path, seed: int = 7) -> Path:
    """Some minutes of the local market."""
    path = folder / "market.csv"
    write(seed, SMALL_MS, path)
    return path


def recorded(market: Market, trades: Sequence[CurveTrade] | None = None) -> RecordedToken:
    """A token of which everything was recorded."""
    told = tuple(market.told if trades is None else trades)
    return RecordedToken(market.launch, told, ALL_KNOWN, market.launch.creator, BORN_MS)


def file_of(folder: Path, name: str, rows: Sequence[object]) -> Path:
    """A recording of these launches and trades as the bot writes it."""
    path = folder / name
    path.write_text(header() + lines(rows), "utf-8")  # type: ignore[arg-type]
    return path
