"""Points for what users do. They are no money: nothing is bought with them, and no limit or fee hangs on them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bot.trading.units import LAMPORTS_PER_SOL

DAY_MS = 86_400_000
TRADE_LEAST_LAMPORTS = LAMPORTS_PER_SOL // 100  # a buy of less earns nothing
SETTLES_MS = 120_000  # what is younger may still be taken back by the network


class RewardedAction(StrEnum):
    """What earns points: to have begun, to have bought a token live on a day, to have rated a token that one bought."""

    START = "start"
    TRADE = "trade"
    RATING = "rating"


POINTS = {RewardedAction.START: 100, RewardedAction.TRADE: 10, RewardedAction.RATING: 5}
MOST_A_DAY = {RewardedAction.START: 1, RewardedAction.TRADE: 10, RewardedAction.RATING: 5}


@dataclass(frozen=True, slots=True)
class Award:
    """Points for one cause, at the moment of the deed in milliseconds since 1970. A user has one for each action and cause."""

    action: RewardedAction
    cause: str
    at_ms: int

    @property
    def points(self) -> int:
        return POINTS[self.action]

    @property
    def day(self) -> int:
        """The day of UTC, counted from 1970."""
        return self.at_ms // DAY_MS


def started(user_id: str, at_ms: int) -> Award:
    """For having begun, once."""
    return Award(RewardedAction.START, user_id, at_ms)


def traded(mint: str, at_ms: int) -> Award:
    """For having bought a token on a day: more buys of it on that day are the same cause."""
    return Award(RewardedAction.TRADE, f"{at_ms // DAY_MS}:{mint}", at_ms)


def rated(mint: str, at_ms: int) -> Award:
    """For having rated a token, however often it is rated again."""
    return Award(RewardedAction.RATING, mint, at_ms)


def due_awards(deeds: Iterable[Award], given: Iterable[Award]) -> list[Award]:
    """The deeds that are still to be rewarded, oldest first: each cause once, and so many of an action on a day.

    Whoever asks again with what this gave gets nothing more.
    """
    have = list(given)
    causes = {(award.action, award.cause) for award in have}
    counts = Counter((award.action, award.day) for award in have)
    due: list[Award] = []
    for deed in sorted(deeds, key=lambda one: (one.at_ms, one.action, one.cause)):
        if (deed.action, deed.cause) in causes or counts[deed.action, deed.day] >= MOST_A_DAY[deed.action]:
            continue
        causes.add((deed.action, deed.cause))
        counts[deed.action, deed.day] += 1
        due.append(deed)
    return due
