"""What the process may use of each thing that runs out, and when it has too little left to begin anything new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

SHORT_BPS = 9_000  # of a cap; from here on nothing is begun
EASY_BPS = 8_000  # below it everything is as before
LOOKS = 6  # in a row that show a thing short before anybody acts on it


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of one thing is used, and the most that there may be; both in its own unit, which `words` names.

    It is short from `short_bps` of the most on, and easy again below `easy_bps`.
    """

    name: str
    words: str
    used: int
    most: int
    short_bps: int = SHORT_BPS
    easy_bps: int = EASY_BPS

    @property
    def bps(self) -> int:
        return self.used * 10_000 // self.most if self.most else 0

    @property
    def told(self) -> str:
        return f"{self.words}: {self.used} of {self.most}"


@dataclass(slots=True)
class Caps:
    """Which things are short. One is after `LOOKS` looks in a row that show it so, until one that shows it easy.

    What a look leaves out is not known now: it stays as it was, and begins to be short anew.
    """

    _high: dict[str, int] = field(default_factory=dict)
    _short: dict[str, Usage] = field(default_factory=dict)

    def look(self, usages: Sequence[Usage]) -> list[Usage]:
        """Take a look at everything; those that are short now."""
        self._high = {one.name: self._high.get(one.name, 0) + 1 if one.bps >= one.short_bps else 0 for one in usages}
        for one in usages:
            if self._high[one.name] >= LOOKS or one.name in self._short:
                self._short[one.name] = one
            if one.bps < one.easy_bps:
                self._short.pop(one.name, None)
        return list(self._short.values())
