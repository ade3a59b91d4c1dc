"""What a SOL costs in dollars, as long as that is fresh. Nothing is decided by it: it is for people to look at."""

from __future__ import annotations

from dataclasses import dataclass

from bot.clock import Clock


@dataclass(slots=True)
class DollarBook:
    """`max_age_ms` is how long a price stands for; after that it is not known."""

    clock: Clock
    max_age_ms: int
    trouble: str | None = None
    _micro_usd: int = 0
    _at_ms: int | None = None

    def note(self, micro_usd: int) -> None:
        """The source said so now: millionths of a dollar for a SOL."""
        self._micro_usd, self._at_ms, self.trouble = micro_usd, self.clock.now_ms(), None

    def micro_usd(self) -> int | None:
        """Millionths of a dollar for a SOL; None where no fresh price is known."""
        age_ms = self.age_ms()
        return None if age_ms is None or age_ms > self.max_age_ms else self._micro_usd

    def age_ms(self) -> int | None:
        """How old the newest price is, fresh or not; None before the first."""
        return None if self._at_ms is None else max(self.clock.now_ms() - self._at_ms, 0)
