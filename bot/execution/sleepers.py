"""Those who wait for a price of one mint that matters to them, and which of them a price has to be weighed for.

A coin that a thousand users hold trades many times a second, and each of their orders is such a trade. To weigh each trade for
each of them is a crowd times a crowd. So each says once how far the reserves may move before anything could matter to him, and a
trade then concerns those alone whose bounds it has crossed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Protocol

import structlog
import trio

from bot.ports import PricePoint
from bot.trading.curve import Curve
from bot.trading.curve_line import CurveLine, Stretch

log = structlog.get_logger()

SPARE = 64  # bounds of those who have left, beyond as many as there are, before they are cleared away


class Interest(Protocol):
    """What prices mean to somebody who waits for one that matters; its methods wait for nothing and take microseconds."""

    def matters(self, point: PricePoint) -> bool:
        """Whether he is to be woken for this price."""
        ...

    def stretch(self, line: CurveLine, point: PricePoint) -> Stretch | None:
        """Reserves round this price, which does not matter, that do not matter either; None where he knows of none."""
        ...

    def now_ms(self) -> int:
        """The clock by which a stretch ends."""
        ...


@dataclass(slots=True, eq=False)
class Sleeper:
    """Whoever waits for reserves that matter to him, until he is `woken`."""

    interest: Interest
    woken: trio.Event = field(default_factory=trio.Event)

    def hear(self, point: PricePoint) -> None:
        """Called by whoever tells the price: an error is met by the sleeper, in his own turn, and by nobody else."""
        try:
            matters = self.interest.matters(point)
        except Exception as error:  # it is raised again when he looks at the same price
            log.warning("price_not_weighed", reason=type(error).__name__)
            matters = True
        if matters:
            self.woken.set()

    def stretch(self, line: CurveLine, point: PricePoint) -> Stretch | None:
        """How far the price may move from here; who cannot say it has each price weighed."""
        try:
            return self.interest.stretch(line, point)
        except Exception as error:
            log.warning("price_not_weighed", reason=type(error).__name__)
            return None


_Bound = tuple[int, int, Sleeper]  # the second is a number of its own, so that sleepers are never compared


@dataclass(slots=True)
class Sleepers:
    """Everyone who sleeps at one mint.

    Those in `_open` have each price weighed. The others have bounds along `_line`, in heaps that begin with whoever is
    concerned next; a bound counts while its number is the one that `_bounded` has for its sleeper.
    """

    _all: dict[Sleeper, None] = field(default_factory=dict)  # in the order in which they lay down
    _open: dict[Sleeper, None] = field(default_factory=dict)
    _bounded: dict[Sleeper, int] = field(default_factory=dict)
    _line: CurveLine | None = None
    _below: list[_Bound] = field(default_factory=list)  # of each the negated least amount
    _above: list[_Bound] = field(default_factory=list)
    _until: list[_Bound] = field(default_factory=list)  # of those alone whose bounds end by the clock
    _number: int = 0

    def __len__(self) -> int:
        return len(self._all)

    def lie_down(self, sleeper: Sleeper) -> None:
        """From now on he hears of prices, until he gets up."""
        self._all[sleeper] = self._open[sleeper] = None

    def get_up(self, sleeper: Sleeper) -> None:
        """He hears of nothing any more."""
        del self._all[sleeper]
        self._open.pop(sleeper, None)
        self._bounded.pop(sleeper, None)

    def wake_all(self) -> None:
        """Wake everyone, for something beside the price."""
        for sleeper in self._all:
            sleeper.woken.set()

    def hear(self, point: PricePoint) -> None:
        """Wake everyone to whom these reserves matter."""
        line = self._line
        if line is None or not line.leads_to(point.venue):
            self._leave_line()
            self._line = line = CurveLine.of(point.venue) if isinstance(point.venue, Curve) else None
        else:
            self._open_crossed(point)
        for sleeper in [one for one in self._open if not one.woken.is_set()]:
            sleeper.hear(point)
            if line is not None and not sleeper.woken.is_set():
                self._bound(sleeper, line, point)

    def _leave_line(self) -> None:
        """Bounds along another line say nothing of this one."""
        self._below.clear()
        self._above.clear()
        self._until.clear()
        self._bounded.clear()
        self._open = dict(self._all)

    def _bound(self, sleeper: Sleeper, line: CurveLine, point: PricePoint) -> None:
        stretch = sleeper.stretch(line, point)
        if stretch is None:
            return
        del self._open[sleeper]
        self._number += 1
        self._bounded[sleeper] = self._number
        heappush(self._below, (-stretch.least_lamports, self._number, sleeper))
        heappush(self._above, (stretch.most_lamports, self._number, sleeper))
        if stretch.until_ms is not None:
            heappush(self._until, (stretch.until_ms, self._number, sleeper))

    def _open_crossed(self, point: PricePoint) -> None:
        """Have this price weighed for those whose bounds it has crossed, or whose time is over."""
        assert isinstance(point.venue, Curve)
        lamports = point.venue.virtual_quote_lamports
        while self._below and -self._below[0][0] > lamports:
            self._open_bound(heappop(self._below))
        while self._above and self._above[0][0] < lamports:
            self._open_bound(heappop(self._above))
        while self._until and self._until[0][0] <= self._until[0][2].interest.now_ms():
            self._open_bound(heappop(self._until))
        for heap in (self._below, self._above, self._until):
            if len(heap) > 2 * len(self._bounded) + SPARE:
                heap[:] = [bound for bound in heap if self._counts(bound)]
                heapify(heap)

    def _open_bound(self, bound: _Bound) -> None:
        if self._counts(bound):
            del self._bounded[bound[2]]
            self._open[bound[2]] = None

    def _counts(self, bound: _Bound) -> bool:
        return self._bounded.get(bound[2]) == bound[1]
