"""Profit shares as figures, and who follows whom, in memory."""

from __future__ import annotations

from collections.abc import Iterator

import trio

from bot.ports import FollowerCounts, ShareSums
from bot.storage.memory_tables import MemoryTables, MemoryTrade
from bot.storage.share_rules import DAY_MS, ShareRow
from bot.trading.copying import CopyRule, RuleState
from bot.trading.intent import Mode, Side
from bot.trading.profit_share import ShareState, shared
from bot.trading.rewards import SETTLES_MS


class MemoryShares(MemoryTables):
    """See `ShareStore`. Rows by the order that sold."""

    async def book_shares(self, leader_id: str, now_ms: int) -> int:
        await trio.lowlevel.checkpoint()
        self._user(leader_id)
        sales = [sale for sale in self._copied_sales(leader_id) if sale.at_ms <= now_ms - SETTLES_MS]
        new = [sale for sale in sales if sale.intent.id not in self._shares]
        for sale in new:
            follower = sale.intent.request.user_id
            before = next((row.after for row in self._pair(leader_id, follower)), ShareState())
            after, _ = shared(before, sale.realized_lamports, self._share_at(leader_id, sale.at_ms))
            self._shares[sale.intent.id] = ShareRow(leader_id, follower, after)
        return len(new)

    def _share_at(self, leader_id: str, at_ms: int) -> int:
        """The share that a leader counted at a moment; 0 before the first, and while he is not shown."""
        rates = self._trader_shares.get(leader_id, {})
        since_ms = max((since_ms for since_ms in rates if since_ms <= at_ms), default=None)
        return 0 if since_ms is None else rates[since_ms]

    def _pair(self, leader_id: str, follower_id: str) -> list[ShareRow]:
        """The rows of a pair, the newest first."""
        rows = reversed(self._shares.values())
        return [row for row in rows if (row.leader_id, row.follower_id) == (leader_id, follower_id)]

    def _copied_sales(self, leader_id: str) -> Iterator[MemoryTrade]:
        opened: dict[str, str] = {}
        for trade in self._trades.values():
            if trade.fill.side is Side.BUY:
                opened.setdefault(trade.position_id, trade.intent.request.key)
        leaders = {copy.key: self._copy_rules[copy.rule_id].leader_user_id for copy in self._copies.values()}
        for trade in self._trades.values():
            is_live_sale = trade.fill.side is Side.SELL and trade.intent.request.mode is Mode.LIVE
            if is_live_sale and leaders.get(opened.get(trade.position_id, "")) == leader_id:
                yield trade

    async def share_sums(self, leader_id: str) -> list[ShareSums]:
        await trio.lowlevel.checkpoint()
        followers = dict.fromkeys(row.follower_id for row in self._shares.values() if row.leader_id == leader_id)
        sums = []
        for follower in followers:
            rows = self._pair(leader_id, follower)
            sums.append(
                ShareSums(
                    follower,
                    len(rows),
                    rows[0].after.result_lamports,
                    rows[0].after.high_water_lamports,
                    rows[0].after.share_lamports,
                )
            )
        return sums

    async def followers(self, leader_ids: list[str], mode: Mode) -> dict[str, int]:
        await trio.lowlevel.checkpoint()
        pairs = {
            (rule.leader_user_id, rule.user_id) for rule in self._rules_of_users(mode) if rule.state is RuleState.ACTIVE
        }
        counts = {leader: sum(one == leader for one, _ in pairs) for leader in leader_ids}
        return {leader: count for leader, count in counts.items() if count}

    async def follower_counts(self, now_ms: int, days: int) -> FollowerCounts:
        await trio.lowlevel.checkpoint()
        rules = self._rules_of_users(Mode.LIVE)
        old = [rule for rule in rules if rule.since_ms <= now_ms - days * DAY_MS]
        return FollowerCounts(
            sum(rule.state is RuleState.ACTIVE for rule in rules),
            len(rules),
            days,
            len(old),
            sum(rule.state is RuleState.ACTIVE for rule in old),
        )

    def _rules_of_users(self, mode: Mode) -> list[CopyRule]:
        """Rules for users of this bot; those of another mode are left out."""
        rules = self._copy_rules.values()
        return [rule for rule in rules if rule.leader_user_id is not None and rule.mode is mode]
