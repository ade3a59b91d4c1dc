"""Watches that spoil a life: a store that is away, loses answers or hangs, and a death at a call of the money path."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

import trio

from bot.errors import StoreUnavailable
from tests.crash.points import point_at
from tests.simulation.doors import Call, Life

ANSWER_WITHIN_S = 5.0  # the database adapter waits no longer for one answer


@dataclass(slots=True)
class StoreTrouble:
    """A store that is in trouble until moments of trio's clock. What a lost answer was about is committed."""

    draw: Random
    away_until_s: float = 0.0
    loses_until_s: float = 0.0
    hangs_until_s: float = 0.0

    async def before(self, call: Call) -> None:
        if call.port != "store":
            return
        now_s = trio.current_time()
        if now_s < self.hangs_until_s:
            await trio.sleep(min(ANSWER_WITHIN_S, self.hangs_until_s - now_s))
            if trio.current_time() < self.hangs_until_s or self.draw.random() < 0.5:
                raise StoreUnavailable("the database did not answer")
        if trio.current_time() < self.away_until_s:
            raise StoreUnavailable("the database is away")

    async def after(self, call: Call, answer: Any) -> None:
        if call.port == "store" and trio.current_time() < self.loses_until_s and self.draw.random() < 0.5:
            raise StoreUnavailable("the connection was lost before the answer came")

    def end(self) -> None:
        """Be well from now on."""
        self.away_until_s = self.loses_until_s = self.hangs_until_s = 0.0


@dataclass(slots=True)
class DeathAtCall:
    """Ends a life at the `calls`-th call of the money path from now on, before or after it; None is never."""

    life: Life = field(default_factory=Life)
    calls: int | None = None
    after_it: bool = False

    async def before(self, call: Call) -> None:
        if self.calls is None or point_at(call.file, call.line) is None:
            return
        self.calls -= 1
        if self.calls <= 0 and not self.after_it:
            self.life.die()

    async def after(self, call: Call, answer: Any) -> None:
        if self.calls is not None and self.calls <= 0 and point_at(call.file, call.line) is not None:
            self.life.die()
