"""What became of the tokens that each creator made, as far as this bot saw them; bounded, and kept while it runs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from bot.analysis.facts import CreatorPast
from bot.analysis.token_analysis import Analysis
from bot.trading.launch import TokenLaunch

CREATORS_MAX = 5_000
LEFT_FROM = 0.8  # of his bag
QUICK_S = 600.0


@dataclass(slots=True)
class _Record:
    launches: int = 0
    quick_exits: int = 0
    graduated: int = 0
    best_peak: float = 0.0


@dataclass(slots=True)
class Fate:
    """What was counted of one token already, so that nothing counts twice."""

    left: bool = False
    graduated: bool = False


class CreatorBook:
    """The creators who launched last; the others are forgotten."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def launched(self, launch: TokenLaunch) -> CreatorPast:
        """Count a launch; what its creator did before it."""
        record = self._records.setdefault(launch.creator, _Record())
        self._records.move_to_end(launch.creator)
        if len(self._records) > CREATORS_MAX:
            self._records.popitem(last=False)
        past = CreatorPast(record.launches, record.quick_exits, record.graduated, record.best_peak)
        record.launches += 1
        return past

    def seen(self, creator: str, analysis: Analysis, fate: Fate) -> None:
        """Take how a token fares; `fate` is what was taken of it before."""
        record = self._records.get(creator)
        if record is None:
            return
        if not fate.left and analysis.creator.bag.sold >= LEFT_FROM and analysis.age_s <= QUICK_S:
            fate.left = True
            record.quick_exits += 1
        if not fate.graduated and analysis.curve.complete:
            fate.graduated = True
            record.graduated += 1
        record.best_peak = max(record.best_peak, analysis.curve.peak)
