"""The in-memory twin of a source of SOL in dollars."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from bot.errors import DollarsUnavailable


@dataclass(slots=True)
class MemorySolPrice:
    """Implements `SolPrice`; says `price`, or, where that is None, that it cannot be asked."""

    price: int | None = 150_000_000

    async def micro_usd(self) -> int:
        await trio.lowlevel.checkpoint()
        if self.price is None:
            raise DollarsUnavailable("the source is away")
        return self.price
