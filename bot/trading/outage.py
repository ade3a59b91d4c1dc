"""The life of one service's outage: when it begins to pause, when it has been well for long enough, when it is critical."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

DWELL_MAX_MS = 600_000
RELAPSE_WINDOW_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class OutageRule:
    """How long an outage lasts for trading.

    `dwell_ms` is how long the service must be well again before its pause ends; it doubles with each relapse within an
    hour, up to ten minutes. `critical_after_ms` None means that an outage never becomes critical by itself.
    """

    dwell_ms: int
    critical_after_ms: int | None


class Phase(StrEnum):
    WELL = "well"
    DOWN = "down"  # away: entries pause
    DWELLING = "dwelling"  # answers again, entries still pause
    CRITICAL = "critical"  # away for longer than the rule allows


@dataclass(frozen=True, slots=True)
class Outage:
    """What has been seen of one service. `relapses_ms` are the moments at which earlier outages of the last hour began."""

    down_since_ms: int | None = None
    well_since_ms: int | None = None
    relapses_ms: tuple[int, ...] = ()

    def down(self, now_ms: int) -> Outage:
        """The service was seen away. A relapse while it dwells begins a new outage."""
        if self.down_since_ms is not None and self.well_since_ms is None:
            return self
        recent = tuple(at for at in self.relapses_ms if now_ms - at < RELAPSE_WINDOW_MS)
        return Outage(down_since_ms=now_ms, well_since_ms=None, relapses_ms=(*recent, now_ms))

    def up(self, now_ms: int) -> Outage:
        """The service was seen well."""
        if self.down_since_ms is None or self.well_since_ms is not None:
            return self
        return replace(self, well_since_ms=now_ms)

    def dwell_ms(self, rule: OutageRule) -> int:
        """How long it must be well this time."""
        relapses = max(len(self.relapses_ms) - 1, 0)
        return min(rule.dwell_ms << relapses, max(DWELL_MAX_MS, rule.dwell_ms))

    def phase(self, now_ms: int, rule: OutageRule) -> Phase:
        """Where it stands at this moment."""
        if self.down_since_ms is None:
            return Phase.WELL
        if self.well_since_ms is not None:
            return Phase.WELL if now_ms - self.well_since_ms >= self.dwell_ms(rule) else Phase.DWELLING
        limit = rule.critical_after_ms
        return Phase.CRITICAL if limit is not None and now_ms - self.down_since_ms >= limit else Phase.DOWN

    def ended(self) -> Outage:
        """The pause is over; what counts as a relapse is kept."""
        return Outage(relapses_ms=self.relapses_ms)
