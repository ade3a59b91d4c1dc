"""What one endpoint may be asked: its roles, and credits per second and per month with a share kept for exits. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

Role = Literal["read", "send", "stream", "history"]
ALL_ROLES: frozenset[Role] = frozenset({"read", "send", "stream", "history"})

# What is asked of everybody, to know how it fares, how far it is, and whether it shows anything at all.
FOR_ALL = frozenset({"getGenesisHash", "getSlot", "getBlockHeight", "getAccountInfo"})
HISTORY_SEARCH = "searchTransactionHistory"  # an option of getSignatureStatuses that costs as much again
ROLE_OF: dict[str, Role] = {
    "sendTransaction": "send",
    "getTransaction": "history",
    "getSignaturesForAddress": "history",
    HISTORY_SEARCH: "history",
}
BPS = 10_000
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class AllowanceRule:
    """A request costs one credit. None is no limit; `exit_share_bps` of each budget is for exits and probes alone."""

    roles: frozenset[Role] = ALL_ROLES
    per_second: int | None = None
    per_month: int | None = None
    exit_share_bps: int = 2_000


REFUSAL_SHOWN_S = 5.0  # how long it is shown that a second's requests were used


class Allowance:
    """Counts what an endpoint was asked. `now_s` is any monotonic clock, `month` a text such as `2026-11` (UTC).

    Exits are never refused for credit, and what they use is counted: money in a position is worth more than a bill.
    """

    def __init__(self, rule: AllowanceRule) -> None:
        self.rule = rule
        self.used_this_month = 0
        self._month: str | None = None
        self._tokens = float(rule.per_second or 0)
        self._counted_at_s: float | None = None
        self._refused_at_s: float | None = None

    def resume(self, month: str, used: int) -> None:
        """Go on with what an earlier process counted."""
        self._month, self.used_this_month = month, used

    def month(self) -> str | None:
        """The month that is counted; None before the first request."""
        return self._month

    def refuses(self, method: str) -> str | None:
        """Why it is not there for this method, whoever asks; None for one that it is there for."""
        role = ROLE_OF.get(method, "read")
        if method in FOR_ALL or role in self.rule.roles:
            return None
        return f"its role is not to {role}"

    def take(self, *, now_s: float, month: str, for_exit: bool) -> str | None:
        """Note one request; the reason where it must not be sent, and then nothing is counted."""
        self._refill(now_s, month)
        if not for_exit:
            if self.rule.per_second is not None and self._tokens - 1 < self._kept(self.rule.per_second):
                self._refused_at_s = now_s
                return self._second_is_used()
            if spent := self.spent(month):
                return spent
        self._tokens = max(0.0, self._tokens - 1)
        self.used_this_month += 1
        return None

    def spent(self, month: str) -> str:
        """That only exits may ask for the rest of `month`, as a sentence; empty while others may as well."""
        if self.rule.per_month is None:
            return ""
        used = self.used_this_month if month == self._month else 0
        if self.rule.per_month - used > self._kept(self.rule.per_month):
            return ""
        return f"the {self.rule.per_month} requests of this month are used, but for exits"

    def told(self, now_s: float, month: str) -> str:
        """What keeps all but exits out now, or did a moment ago, as a sentence; empty where nothing does."""
        if self._refused_at_s is not None and now_s - self._refused_at_s <= REFUSAL_SHOWN_S:
            return self.spent(month) or self._second_is_used()
        return self.spent(month)

    def _second_is_used(self) -> str:
        return f"the {self.rule.per_second} requests of this second are used, but for exits"

    def left_this_month(self) -> int | None:
        """Credits left, exits' share included; None where there is no limit."""
        return None if self.rule.per_month is None else max(0, self.rule.per_month - self.used_this_month)

    def steady_per_s(self, month: str, left_of_month_s: float) -> float | None:
        """Requests a second that all but exits may make for the rest of the month; None where there is no limit."""
        rates: list[float] = []
        if self.rule.per_second is not None:
            rates.append(self.rule.per_second - self._kept(self.rule.per_second))
        if self.rule.per_month is not None:
            used = self.used_this_month if month == self._month else 0
            left = self.rule.per_month - used - self._kept(self.rule.per_month)
            rates.append(max(0, left) / max(1.0, left_of_month_s))
        return min(rates, default=None)

    def _kept(self, budget: int) -> int:
        return budget * self.rule.exit_share_bps // BPS

    def _refill(self, now_s: float, month: str) -> None:
        if month != self._month:
            self._month, self.used_this_month = month, 0
        if self.rule.per_second is not None:
            since_s = 0.0 if self._counted_at_s is None else now_s - self._counted_at_s
            self._tokens = min(float(self.rule.per_second), self._tokens + since_s * self.rule.per_second)
        self._counted_at_s = now_s


def month_of(now_ms: int) -> str:
    """The month in UTC, as `2026-11`."""
    return _month_of_day(now_ms // DAY_MS)


@lru_cache(maxsize=8)
def _month_of_day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS / 1000, UTC).strftime("%Y-%m")


def left_of_month_s(now_ms: int) -> float:
    """Seconds until that month ends."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
    return (datetime(year, month, 1, tzinfo=UTC) - now).total_seconds()
