"""All patterns of a token at one moment."""

from __future__ import annotations

from dataclasses import dataclass, fields

from bot.analysis.patterns.bundled_launch import bundled_launch
from bot.analysis.patterns.graduation_run import graduation_run
from bot.analysis.patterns.seen import Seen, Sign
from bot.analysis.patterns.slow_rug import slow_rug
from bot.analysis.patterns.stealth_launch import stealth_launch
from bot.analysis.patterns.wash_trading import wash_trading
from bot.analysis.patterns.whale_accumulation import whale_accumulation

FOUND_FROM = 0.5


@dataclass(frozen=True, slots=True)
class Patterns:
    """Each pattern's sign; one counts as found from a strength of a half."""

    stealth_launch: Sign
    whale_accumulation: Sign
    bundled_launch: Sign
    wash_trading: Sign
    slow_rug: Sign
    graduation_run: Sign

    @property
    def found(self) -> tuple[tuple[str, Sign], ...]:
        """Name and sign of those that are there, the strongest first."""
        signs = [(field.name, getattr(self, field.name)) for field in fields(self)]
        there = [(name, sign) for name, sign in signs if sign.strength >= FOUND_FROM]
        return tuple(sorted(there, key=lambda one: -one[1].strength))


def patterns_of(seen: Seen) -> Patterns:
    """Never raises; what is not known is not there."""
    return Patterns(
        stealth_launch=stealth_launch(seen),
        whale_accumulation=whale_accumulation(seen),
        bundled_launch=bundled_launch(seen),
        wash_trading=wash_trading(seen),
        slow_rug=slow_rug(seen),
        graduation_run=graduation_run(seen),
    )
