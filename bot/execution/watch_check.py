"""The rule that every open position has a live monitor, held against what runs; nobody relies on it, people are told."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import structlog

from bot.execution.alerts import Alert, monitor_missing, monitors_back
from bot.trading.position import Position

log = structlog.get_logger()

# A monitor that is being started, or started again after a crash, is not missing yet.
MISSING_AFTER_MS = 5_000


@dataclass(slots=True)
class WatchCheck:
    """`monitored` are the positions that have a monitor now, `others` gives those that somebody else looks after.

    `now_ms` is milliseconds since 1970.
    """

    monitored: Container[str]
    others: Callable[[], AbstractSet[str]]
    alert: Callable[[Alert], None]
    now_ms: Callable[[], int]
    _missing_since_ms: dict[str, int] = field(default_factory=dict)
    _told: bool = False

    def is_watched(self, position_id: str) -> bool:
        """Whether somebody looks after this position now."""
        return position_id in self.monitored or position_id in self.others()

    def look(self, open_positions: Sequence[Position]) -> None:
        """Take one look; the alert stands from the first position that is missed until none is."""
        now_ms, others = self.now_ms(), self.others()
        alone = [one for one in open_positions if one.id not in self.monitored and one.id not in others]
        self._missing_since_ms = {one.id: self._missing_since_ms.get(one.id, now_ms) for one in alone}
        missing = [one for one in alone if now_ms - self._missing_since_ms[one.id] >= MISSING_AFTER_MS]
        if missing and not self._told:
            log.error("monitor_missing", positions=len(missing), first=missing[0].id, mint=missing[0].mint)
            self.alert(monitor_missing(missing[0], len(missing)))
            self._told = True
        elif self._told and not alone:
            log.warning("monitors_back")
            self.alert(monitors_back())
            self._told = False
