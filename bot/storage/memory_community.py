"""What users think of tokens, in memory."""

from __future__ import annotations

from dataclasses import replace

import trio

from bot.ports import Remark
from bot.storage.community_rules import DAY_MS, HIDDEN, SHOWN
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import storable
from bot.trading.community import Rating, Voice, refuse_rating
from bot.trading.intent import Mode, Side


class MemoryCommunity(MemoryTables):
    """See `CommunityStore`."""

    async def rate(self, rating: Rating) -> str | None:
        await trio.lowlevel.checkpoint()
        self._user(rating.user_id)
        mine = [row.rating.rated_at_ms for row in self._ratings.values() if row.rating.user_id == rating.user_id]
        fresh = [at_ms for at_ms in mine if at_ms > rating.rated_at_ms - DAY_MS]
        if refused := refuse_rating(max(mine, default=None), len(fresh), rating.rated_at_ms):
            return refused
        kept = replace(rating, comment=storable(rating.comment))
        before = self._rating_of(rating.user_id, rating.mint)
        if before is None:
            self._rating_number += 1
            self._ratings[self._rating_number] = Remark(self._rating_number, kept, "")
        else:
            self._ratings[before.number] = replace(before, rating=kept)
        return None

    def _rating_of(self, user_id: str, mint: str) -> Remark | None:
        rows = self._ratings.values()
        return next((row for row in rows if (row.rating.user_id, row.rating.mint) == (user_id, mint)), None)

    async def take_rating_back(self, user_id: str, mint: str) -> bool:
        await trio.lowlevel.checkpoint()
        before = self._rating_of(user_id, mint)
        if before is None:
            return False
        del self._ratings[before.number]
        return True

    async def voices(self, mint: str, limit: int) -> list[Voice]:
        await trio.lowlevel.checkpoint()
        return [self._voice(row) for row in self._newest_ratings() if row.rating.mint == mint][:limit]

    async def remarks(self, limit: int) -> list[Remark]:
        await trio.lowlevel.checkpoint()
        return [row for row in self._newest_ratings() if row.rating.flag is not None or row.rating.comment][:limit]

    async def hide_rating(self, number: int, why: str, by: str, now_ms: int) -> str | None:
        await trio.lowlevel.checkpoint()
        row = self._ratings.get(number)
        if row is None:
            return None
        self._ratings[number] = replace(row, hidden_why=storable(why))
        facts: dict[str, object] = {"number": number, "mint": row.rating.mint, "why": why}
        self._put_audit(by, HIDDEN if why else SHOWN, facts, now_ms)
        return row.rating.mint

    def _newest_ratings(self) -> list[Remark]:
        return sorted(self._ratings.values(), key=lambda row: (row.rating.rated_at_ms, row.number), reverse=True)

    def _voice(self, row: Remark) -> Voice:
        rating = row.rating
        live = [
            trade
            for trade in self._trades.values()
            if (trade.intent.request.user_id, trade.intent.request.mode) == (rating.user_id, Mode.LIVE)
        ]
        paid = [
            trade.fill.cost_lamports
            for trade in live
            if trade.intent.request.mint == rating.mint and trade.fill.side is Side.BUY
        ]
        first_ms = min((trade.at_ms for trade in live), default=None)
        return Voice(row.number, rating, row.hidden_why, first_ms, len(live), sum(paid))
