"""Which tokens were rehearsed a moment ago, so that an entry may do without a simulation of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from bot.trading.intent import Mode

HOLDS_S = 10.0  # how long an entry may do without a simulation of its own
BALANCE_HOLDS_MS = 10_000  # how old what a wallet was seen to hold may be for an entry
TOKENS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Compute units that the simulated buy used, and the trio time until which that counts."""

    units: int
    until_s: float


@dataclass(slots=True)
class Rehearsals:
    """What was rehearsed, by token and mode: a virtual wallet's buy says nothing of a real one's."""

    _done: dict[tuple[str, Mode], Rehearsed] = field(default_factory=dict)

    def note(self, mint: str, mode: Mode, units: int) -> None:
        """A buy of this token went through a moment ago, and could be sold again."""
        now_s = trio.current_time()
        if len(self._done) >= TOKENS_MAX:
            self._done = {key: one for key, one in self._done.items() if one.until_s > now_s}
        self._done[mint, mode] = Rehearsed(units, now_s + HOLDS_S)

    def units(self, mint: str, mode: Mode) -> int | None:
        """What the buy used; None where nothing was rehearsed within HOLDS_S."""
        done = self._done.get((mint, mode))
        return done.units if done is not None and trio.current_time() < done.until_s else None
