"""What a SOL costs in dollars, for people to look at. Nothing is decided by it."""

from __future__ import annotations

from typing import Protocol


class SolPrice(Protocol):
    async def micro_usd(self) -> int:
        """Millionths of a dollar for one SOL, as the source says now; raises DollarsUnavailable."""
