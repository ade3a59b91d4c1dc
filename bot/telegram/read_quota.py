"""What one user's questions may cost the endpoints: credits that come back with time, so that nobody takes all of them."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

USERS_KEPT = 10_000


@dataclass(slots=True)
class _Left:
    credits: float
    at_s: float


@dataclass(slots=True)
class ReadQuota:
    """A minute's credits may be used at once. `now_s` is a clock that only goes forward. In memory: a restart forgives.

    A credit is about one request to an endpoint; what a command costs stands in the table of commands.
    """

    per_minute: int
    now_s: Callable[[], float]
    _users: OrderedDict[str, _Left] = field(default_factory=OrderedDict)

    def take(self, user_id: str, cost: int) -> int:
        """Spend a command's credits: 0 where the user has them, else in how many seconds he does, and nothing is spent.

        A command that costs more than a minute brings is done when the whole minute is there.
        """
        now_s, per_s = self.now_s(), self.per_minute / 60
        left = self._users.setdefault(user_id, _Left(self.per_minute, now_s))
        self._users.move_to_end(user_id)
        if len(self._users) > USERS_KEPT:
            self._users.popitem(last=False)
        left.credits = min(self.per_minute, left.credits + (now_s - left.at_s) * per_s)
        left.at_s = now_s
        wanted = min(cost, self.per_minute)
        if left.credits < wanted:
            return max(1, math.ceil((wanted - left.credits) / per_s))
        left.credits -= wanted
        return 0


def spent_text(name: str, wait_s: int, per_minute: int) -> str:
    """That a command has to wait, for how long, and what goes on."""
    return (
        f"You have asked the chain for much in a short time: /{name} goes again in {wait_s} s. Everybody has {per_minute}"
        " requests a minute here, so that nobody slows others. Exits, /sell, /positions, /panic and your open orders do not"
        " count, and go on."
    )
