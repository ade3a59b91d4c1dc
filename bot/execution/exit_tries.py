"""What became of the exits of one position, one after the other: which rung is next, and how long to wait for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

from bot.trading.ladder import LAST_RUNG

RETRY_S = 0.25  # after an exit that was refused or did not fill, doubling with each failure in a row
RETRY_MAX_S = 4.0
ROUTER_RETRY_MAX_S = 10.0  # while the aggregator is away, which may last
STUCK_RETRY_S = 30.0  # once every rung has failed and its owner was told


class Outcome(Enum):
    FILLED = auto()
    NOT_FILLED = auto()  # it left, and did not sell
    REFUSED = auto()  # it did not leave, for a reason of price, fee or token
    WAITS = auto()  # it did not leave, because a service or its turn has to be waited for
    FROZEN = auto()  # it did not leave, because the wallet is frozen until its owner says that he emptied it
    NO_ROUTER = auto()  # it did not leave, because the aggregator is away or not to be trusted
    NO_POOL = auto()  # its coin has left its curve, and nobody can trade it before its pool opens


@dataclass(frozen=True, slots=True)
class Left:
    """What became of one exit, why for people, and which rung it had reached."""

    outcome: Outcome
    reason: str = ""
    climbs: int = 0
    may_be_closing: bool = False


@dataclass(frozen=True, slots=True)
class Tries:
    """Failed exits in a row. Each that says something climbs a rung.

    `keeps_account` is set once one landed and failed by what may be the closing of its token account, to which somebody
    may have sent dust: the next ones leave that open. One that never landed, or failed by its price, says nothing of it.

    `reason` is why the last one failed, for people; `told_at` is the number of climbs at which they hear next. A coin
    without a pool says nothing of the price, so that waiting for one climbs no rung.
    """

    failures: int = 0
    climbs: int = 0
    was_sent: bool = False
    keeps_account: bool = False
    reason: str = ""
    told_at: int = LAST_RUNG + 1
    awaits_pool: bool = False
    is_frozen: bool = False
    awaits_router: bool = False

    def after(self, left: Left) -> Tries:
        """The count after one more exit: none left of a filled one, and no rung higher for one that only had to wait."""
        if left.outcome is Outcome.FILLED:
            return Tries()
        if left.outcome in {Outcome.WAITS, Outcome.NO_POOL, Outcome.FROZEN, Outcome.NO_ROUTER}:
            return replace(
                self,
                failures=self.failures + 1,
                awaits_pool=left.outcome is Outcome.NO_POOL,
                is_frozen=left.outcome is Outcome.FROZEN,
                awaits_router=left.outcome is Outcome.NO_ROUTER,
            )
        return replace(
            self,
            failures=self.failures + 1,
            climbs=max(self.climbs, left.climbs) + 1,
            was_sent=self.was_sent or left.outcome is Outcome.NOT_FILLED,
            keeps_account=self.keeps_account or left.may_be_closing,
            reason=left.reason,
            awaits_pool=False,
            is_frozen=False,
            awaits_router=False,
        )

    @property
    def rest_s(self) -> float:
        """How long to wait before the next exit is decided."""
        most_s = ROUTER_RETRY_MAX_S if self.awaits_router else RETRY_MAX_S
        if self.climbs > LAST_RUNG or self.awaits_pool:
            most_s = STUCK_RETRY_S
        return min(RETRY_S * (1 << min(self.failures, 10)), most_s)
