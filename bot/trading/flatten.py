"""How far a flatten is: one row per position, and which way a row may move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.trading.risk_gate import FROZEN_WHY
from bot.trading.trading_state import GLOBAL, OF_PROGRAM

# So many tries in a row that neither the chain's absence nor a busy wallet explains, and a position counts as unsellable.
UNSELLABLE_AFTER = 6


class FlattenState(StrEnum):
    """Of one position in one flatten.

    `waiting`: no order has left yet, perhaps because no route answers. `unsellable`: tries go on, and nobody waits for
    them any more. `held`: its owner chose to hold. `sold` is final.
    """

    WAITING = "waiting"
    SELLING = "selling"
    SOLD = "sold"
    UNSELLABLE = "unsellable"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class FlattenOrder:
    """What is to be sold: everything within `scope`, since `since_ms`, for the cause named.

    `scope` is `global`, `user:<id>`, or `program:<name>` for tokens that trade at that program of the chain.
    """

    scope: str
    cause: str
    since_ms: int

    @property
    def id(self) -> str:
        """The same after a restart, because scope and moment are what is kept of a halt and of a cause."""
        return f"{self.scope}@{self.since_ms}"

    def covers(self, user_id: str, program: str | None) -> bool:
        """Whether a position of this user is to be sold whose token trades at `program`, None where that is not known."""
        return self.scope in {GLOBAL, f"user:{user_id}", f"{OF_PROGRAM}{program}"}


@dataclass(frozen=True, slots=True)
class FlattenRow:
    """One position of one flatten; moments are milliseconds since 1970.

    `attempts` counts the orders that were tried, `last_error` is why the latest did not leave or did not sell.
    """

    flatten_id: str
    position_id: str
    state: FlattenState
    began_at_ms: int
    changed_at_ms: int
    attempts: int = 0
    last_error: str = ""

    def moved(self, state: FlattenState, now_ms: int) -> FlattenRow:
        """In another state; a row that is sold stays sold."""
        if self.state in {FlattenState.SOLD, state}:
            return self
        return replace(self, state=state, changed_at_ms=now_ms)

    def sent(self, now_ms: int) -> FlattenRow:
        """One more order left. What a try after many failures brings is seen when the position is closed."""
        if self.state is FlattenState.SOLD:
            return self
        attempts = self.attempts + 1
        state = FlattenState.UNSELLABLE if attempts > UNSELLABLE_AFTER else FlattenState.SELLING
        error = "" if self.state is not FlattenState.SELLING else "the order before it did not sell"
        return replace(self, state=state, attempts=attempts, last_error=error or self.last_error, changed_at_ms=now_ms)

    def refused(self, error: str, now_ms: int, *, is_about_token: bool) -> FlattenRow:
        """No order left. One that waits for a route or for its wallet's turn is no try."""
        if self.state is FlattenState.SOLD:
            return self
        if not is_about_token:
            waits = FlattenState.WAITING if self.attempts == 0 else self.state
            return replace(self, state=waits, last_error=error, changed_at_ms=now_ms)
        attempts = self.attempts + 1
        state = FlattenState.UNSELLABLE if attempts >= UNSELLABLE_AFTER else self.state
        return replace(self, state=state, attempts=attempts, last_error=error, changed_at_ms=now_ms)


@dataclass(frozen=True, slots=True)
class FlattenSums:
    """How many positions of a flatten are in each state; `total` is all of them.

    `frozen` is how many of the unsellable ones are so because their wallets are frozen.
    """

    total: int
    waiting: int
    selling: int
    sold: int
    unsellable: int
    held: int
    frozen: int = 0

    @property
    def is_over(self) -> bool:
        """Nothing is left that a flatten waits for: what cannot be sold goes on being tried, and delays nothing."""
        return self.waiting == self.selling == 0


def sums_of(rows: Iterable[FlattenRow]) -> FlattenSums:
    """The rows counted by state."""
    known = list(rows)
    states = [row.state for row in known]
    return FlattenSums(
        total=len(states),
        waiting=states.count(FlattenState.WAITING),
        selling=states.count(FlattenState.SELLING),
        sold=states.count(FlattenState.SOLD),
        unsellable=states.count(FlattenState.UNSELLABLE),
        held=states.count(FlattenState.HELD),
        frozen=sum(row.state is FlattenState.UNSELLABLE and row.last_error == FROZEN_WHY for row in known),
    )
