"""Tokens, and the history of their prices, in memory."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from bot.ports import PastPrice, Token
from bot.storage.memory_tables import MemoryTables
from bot.storage.token_rules import DAY_MS, check_price_days, merged


class MemoryTokens(MemoryTables):
    """Implements `TokenStore`."""

    async def save_tokens(self, tokens: Sequence[Token]) -> None:
        await trio.lowlevel.checkpoint()
        for token in tokens:
            self._tokens[token.mint] = merged(self._tokens.get(token.mint), token)

    async def token(self, mint: str) -> Token | None:
        await trio.lowlevel.checkpoint()
        return self._tokens.get(mint)

    async def tracked_tokens(self, now_ms: int, limit: int) -> list[Token]:
        await trio.lowlevel.checkpoint()
        tracked = [token for token in self._tokens.values() if token.tracked_until_ms > now_ms]
        return sorted(tracked, key=lambda token: (-token.tracked_until_ms, token.mint))[:limit]

    async def add_prices(self, points: Sequence[PastPrice]) -> None:
        await trio.lowlevel.checkpoint()
        if points:
            check_price_days(points)
        for point in points:
            self._prices.setdefault(point.mint, {}).setdefault(point.at_ms, point)

    async def past_prices(
        self, mint: str, moments_ms: Sequence[int], *, no_older_than_ms: int
    ) -> list[PastPrice | None]:
        await trio.lowlevel.checkpoint()
        known = self._prices.get(mint, {})
        newest = [
            max((at_ms for at_ms in known if moment_ms - no_older_than_ms <= at_ms <= moment_ms), default=None)
            for moment_ms in moments_ms
        ]
        return [None if at_ms is None else known[at_ms] for at_ms in newest]

    async def forget_tokens(self, before_ms: int) -> None:
        await trio.lowlevel.checkpoint()
        day_ms = before_ms // DAY_MS * DAY_MS
        for mint, points in list(self._prices.items()):
            self._prices[mint] = {at_ms: point for at_ms, point in points.items() if at_ms >= day_ms}
        self._tokens = {mint: token for mint, token in self._tokens.items() if token.tracked_until_ms >= before_ms}
