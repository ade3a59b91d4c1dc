"""The life of one service's outage: when it begins to pause, when it has been well for long enough, when it is critical."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.trading.trading_state import Binds

DWELL_MAX_MS = 600_000
RELAPSE_WINDOW_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class OutageRule:
    """How long an outage lasts for trading, and for whom.

    `dwell_ms` is how long the service must be well again before its pause ends; it doubles with each relapse within an
    hour, up to ten minutes. `critical_after_ms` None means that an outage never becomes critical by itself.
    `pauses_after_ms` is how long it may be away before anything pauses, and `binds` says whose entries then do.
    """

    dwell_ms: int
    critical_after_ms: int | None
    pauses_after_ms: int = 0
    binds: Binds = Binds.ALL


class Phase(StrEnum):
    WELL = "well"
    TOLERATED = "tolerated"  # away, not yet for long enough to pause anything
    DOWN = "down"  # away: entries pause
    DWELLING = "dwelling"  # answers again, entries still pause
    CRITICAL = "critical"  # away for longer than the rule allows


@dataclass(frozen=True, slots=True)
class Outage:
    """What has been seen of one service.

    `held` says that the pause of an earlier outage has not ended yet, so that this one pauses from its first moment.
    `seen` is False for an outage that an earlier process left and that this one has not seen itself.
    `relapses_ms` are the moments at which the outages of the last hour that paused something began.
    """

    rule: OutageRule
    down_since_ms: int | None = None
    well_since_ms: int | None = None
    held: bool = False
    seen: bool = True
    relapses_ms: tuple[int, ...] = ()

    @staticmethod
    def left_behind(rule: OutageRule, since_ms: int) -> Outage:
        """The outage behind a pause that an earlier process has stored; only a look of one's own makes it critical."""
        return Outage(rule, since_ms, held=True, seen=False, relapses_ms=(since_ms,))

    def remembering(self, relapses_ms: Iterable[int]) -> Outage:
        """The same, and what earlier processes have seen of this service counts as relapses too."""
        return replace(self, relapses_ms=tuple(sorted({*self.relapses_ms, *relapses_ms})))

    def down(self, now_ms: int) -> Outage:
        """The service was seen away. A relapse while it dwells begins a new outage."""
        if self.down_since_ms is not None and self.well_since_ms is None:
            return replace(self, seen=True)
        recent = tuple(at for at in self.relapses_ms if now_ms - at < RELAPSE_WINDOW_MS)
        held = self.down_since_ms is not None
        return Outage(self.rule, now_ms, held=held, relapses_ms=(*recent, now_ms))

    def up(self, now_ms: int) -> Outage:
        """The service was seen well. An outage that was short enough to pause nothing leaves no trace."""
        if self.down_since_ms is None or self.well_since_ms is not None:
            return self
        if self.phase(now_ms) is Phase.TOLERATED:
            return Outage(self.rule, relapses_ms=self.relapses_ms[:-1])
        return replace(self, well_since_ms=now_ms, seen=True)

    @property
    def dwell_ms(self) -> int:
        """How long it must be well this time."""
        relapses = max(len(self.relapses_ms) - 1, 0)
        return min(self.rule.dwell_ms << relapses, max(DWELL_MAX_MS, self.rule.dwell_ms))

    def phase(self, now_ms: int) -> Phase:
        """Where it stands at this moment."""
        if self.down_since_ms is None:
            return Phase.WELL
        if self.well_since_ms is not None:
            return Phase.WELL if now_ms - self.well_since_ms >= self.dwell_ms else Phase.DWELLING
        lasted_ms = now_ms - self.down_since_ms
        if lasted_ms < self.rule.pauses_after_ms and not self.held:
            return Phase.TOLERATED
        limit = self.rule.critical_after_ms
        return Phase.CRITICAL if self.seen and limit is not None and lasted_ms >= limit else Phase.DOWN

    def ended(self) -> Outage:
        """The pause is over; what counts as a relapse is kept."""
        return Outage(self.rule, relapses_ms=self.relapses_ms)
