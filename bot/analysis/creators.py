"""What became of the tokens that each creator made, as far as this bot saw or recorded them; bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
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

    def past(self) -> CreatorPast:
        return CreatorPast(self.launches, self.quick_exits, self.graduated, self.best_peak)

    def add(self, later: _Record) -> None:
        self.launches += later.launches
        self.quick_exits += later.quick_exits
        self.graduated += later.graduated
        self.best_peak = max(self.best_peak, later.best_peak)


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
        past = record.past()
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

    def known(self) -> list[tuple[str, CreatorPast]]:
        """Each creator and what he has made so far; who launched last comes last."""
        return [(creator, one.past()) for creator, one in self._records.items()]

    def of(self, creator: str) -> CreatorPast | None:
        """What one has made so far; None for one who is not here."""
        one = self._records.get(creator)
        return None if one is None else one.past()

    def recall(self, before: Iterable[tuple[str, CreatorPast]]) -> None:
        """Take what `known` told of an earlier life, once: those who launched since are newer than all of them."""
        since, self._records = self._records, OrderedDict()
        for creator, past in before:
            self._records[creator] = _Record(past.launches, past.quick_exits, past.graduated, past.best_peak)
        for creator, one in since.items():
            record = self._records.setdefault(creator, _Record())
            record.add(one)
            self._records.move_to_end(creator)
        while len(self._records) > CREATORS_MAX:
            self._records.popitem(last=False)


def together(one: CreatorPast, later: CreatorPast) -> CreatorPast:
    """What a creator did in two times, one after the other."""
    return CreatorPast(
        one.launches + later.launches,
        one.quick_exits + later.quick_exits,
        one.graduated + later.graduated,
        max(one.best_peak, later.best_peak),
    )
