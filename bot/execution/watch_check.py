"""The rule that every open position has a live monitor with a price, held against what runs.

Nobody relies on it; people are told.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import structlog

from bot.execution.alerts import Alert, monitor_missing, monitors_back, price_lost, prices_back
from bot.execution.price_book import PriceBook
from bot.trading.position import Position

log = structlog.get_logger()

# A monitor that is being started, or started again after a crash, is not missing yet.
MISSING_AFTER_MS = 5_000


@dataclass(slots=True)
class _Missed:
    """Positions that lack something, since when, and whether people have been told."""

    since_ms: dict[str, int] = field(default_factory=dict)
    told: bool = False

    def look(self, lacking: Sequence[Position], now_ms: int) -> list[Position]:
        """Those that have lacked it for long enough."""
        self.since_ms = {one.id: self.since_ms.get(one.id, now_ms) for one in lacking}
        return [one for one in lacking if now_ms - self.since_ms[one.id] >= MISSING_AFTER_MS]


@dataclass(slots=True)
class WatchCheck:
    """`monitored` are the positions that have a monitor now, `others` gives those that somebody else looks after.

    A monitor whose price is no longer read watches nothing: `without_price` are the positions of which that is so now.
    `alone` counts those that nobody looked after at the last look, None before the first.
    `now_ms` is milliseconds since 1970.
    """

    monitored: Container[str]
    others: Callable[[], AbstractSet[str]]
    prices: PriceBook
    alert: Callable[[Alert], None]
    now_ms: Callable[[], int]
    alone: int | None = None
    without_price: frozenset[str] = frozenset()
    _alone: _Missed = field(default_factory=_Missed)
    _blind: _Missed = field(default_factory=_Missed)

    def is_watched(self, position_id: str) -> bool:
        """Whether somebody looks after this position now."""
        return position_id in self.monitored or position_id in self.others()

    @property
    def is_short(self) -> bool:
        """Whether open positions have been watched by nobody, or by no price, for longer than a restart takes."""
        return self._alone.told or self._blind.told

    def look(self, open_positions: Sequence[Position]) -> None:
        """Take one look; each alert stands from the first position that is missed until none is."""
        now_ms, others = self.now_ms(), self.others()
        alone = [one for one in open_positions if one.id not in self.monitored and one.id not in others]
        self.alone = len(alone)
        missing = self._alone.look(alone, now_ms)
        if missing and not self._alone.told:
            log.error("monitor_missing", positions=len(missing), first=missing[0].id, mint=missing[0].mint)
            self.alert(monitor_missing(missing[0], len(missing)))
            self._alone.told = True
        elif self._alone.told and not alone:
            log.warning("monitors_back")
            self.alert(monitors_back())
            self._alone.told = False
        self._look_at_prices([one for one in open_positions if one.id in self.monitored], now_ms)

    def _look_at_prices(self, monitored: Sequence[Position], now_ms: int) -> None:
        lost = [one for one in monitored if self.prices.is_lost(one.mint, now_ms)]
        self.without_price = frozenset(one.id for one in lost)
        missing = self._blind.look(lost, now_ms)
        if missing and not self._blind.told:
            log.error("price_lost", positions=len(missing), first=missing[0].id, mint=missing[0].mint)
            self.alert(price_lost(missing[0], len(missing)))
            self._blind.told = True
        elif self._blind.told and not lost:
            log.warning("prices_back")
            self.alert(prices_back())
            self._blind.told = False
