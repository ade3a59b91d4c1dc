"""The ledger of points, in memory."""

from __future__ import annotations

import trio

from bot.ports import RewardSums
from bot.storage.memory_tables import MemoryTables
from bot.trading.intent import Mode, Side
from bot.trading.rewards import (
    SETTLES_MS,
    TRADE_LEAST_LAMPORTS,
    Award,
    RewardedAction,
    due_awards,
    rated,
    started,
    traded,
)


class MemoryRewards(MemoryTables):
    """See `RewardStore`."""

    async def award_due(self, user_id: str, now_ms: int) -> list[Award]:
        await trio.lowlevel.checkpoint()
        self._user(user_id)
        until_ms = now_ms - SETTLES_MS
        buys = [
            (trade.intent.request.mint, trade.at_ms)
            for trade in self._trades.values()
            if (trade.intent.request.user_id, trade.intent.request.mode) == (user_id, Mode.LIVE)
            and trade.fill.side is Side.BUY
            and trade.at_ms <= until_ms
            and trade.fill.cost_lamports >= TRADE_LEAST_LAMPORTS
        ]
        bought = {mint for mint, _ in buys}
        ratings = [row.rating for row in self._ratings.values() if row.rating.user_id == user_id]
        deeds = [
            started(user_id, now_ms),
            *(traded(mint, at_ms) for mint, at_ms in buys),
            *(
                rated(one.mint, one.rated_at_ms)
                for one in ratings
                if one.rated_at_ms <= until_ms and one.mint in bought
            ),
        ]
        given = self._awards.setdefault(user_id, [])
        due = due_awards(deeds, given)
        given += due
        return due

    async def reward_sums(self, user_id: str) -> list[RewardSums]:
        await trio.lowlevel.checkpoint()
        found = []
        for action in RewardedAction:
            points = [award.points for award in self._awards.get(user_id, []) if award.action is action]
            if points:
                found.append(RewardSums(action, len(points), sum(points)))
        return found
