"""The newest opinion of each token that was looked at lately, for whoever shows what moves or is asked about one."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import takewhile

from bot.trading.launch import TokenLaunch
from bot.trading.signal import Opinion

KEPT_MS = 60_000  # what moves now
REMEMBERED_MS = 24 * 3_600_000
TOKENS_MAX = 5_000


@dataclass(frozen=True, slots=True)
class Judged:
    """A token and what the bot thinks of it."""

    launch: TokenLaunch
    opinion: Opinion


@dataclass(slots=True)
class OpinionBook:
    """Bounded in tokens and in time; nothing trades by it of itself."""

    _judged: OrderedDict[str, Judged] = field(default_factory=OrderedDict)

    def note(self, launch: TokenLaunch, opinion: Opinion) -> None:
        """Take a token's newest opinion."""
        self._judged[launch.mint] = Judged(launch, opinion)
        self._judged.move_to_end(launch.mint)
        while (
            len(self._judged) > TOKENS_MAX
            or next(iter(self._judged.values())).opinion.at_ms < opinion.at_ms - REMEMBERED_MS
        ):
            self._judged.popitem(last=False)

    def of(self, mint: str) -> Judged | None:
        """The newest opinion of a token; None for one that was not looked at, or too long ago."""
        return self._judged.get(mint)

    def best(self, number: int, now_ms: int) -> list[Judged]:
        """The tokens with the highest confidence among those judged in the last minute, the best first."""
        newest = takewhile(lambda judged: judged.opinion.at_ms >= now_ms - KEPT_MS, reversed(self._judged.values()))
        return nlargest(number, newest, key=lambda judged: judged.opinion.confidence_bps)
