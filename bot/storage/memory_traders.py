"""Users who show their results to others, in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import trio

from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import storable
from bot.storage.trader_rules import CAME_BACK, DELISTED, LISTED
from bot.trading.intent import Mode, Side
from bot.trading.reputation import ClosedTrade
from bot.trading.trader import HANDLES_MAX, Trader, likeness, mark_of, unnamed


class MemoryTraders(MemoryTables):
    """See `TraderStore`. One who is shown no more keeps his row, with an empty handle."""

    async def open_profile(self, trader: Trader, now_ms: int) -> bool:
        await trio.lowlevel.checkpoint()
        self._user(trader.user_id)
        alike = likeness(trader.handle)
        _, owner = self._handles.get(alike, (trader.handle, trader.user_id))
        if owner != trader.user_id or unnamed(alike) in self._handles:
            return False
        others = [one for one, (_, user_id) in self._handles.items() if user_id == trader.user_id and one != alike]
        if len(others) >= HANDLES_MAX:
            return False
        self._handles[alike] = (trader.handle, trader.user_id)
        before = self._traders.get(trader.user_id)
        shown = replace(trader, delisted_why="") if before is None else replace(before, handle=trader.handle)
        self._traders[trader.user_id] = shown
        if why := self._delisted_leavers.get(self._person(trader.user_id)):
            self._delist(trader.user_id, why, CAME_BACK, now_ms)
        self._counts(trader.user_id, shown.share_bps, now_ms)
        return True

    async def close_profile(self, user_id: str, now_ms: int) -> bool:
        await trio.lowlevel.checkpoint()
        is_done = self._put_trader(user_id, lambda one: replace(one, handle=""))
        if is_done:
            self._counts(user_id, 0, now_ms)
        return is_done

    async def handles(self, user_id: str) -> list[str]:
        await trio.lowlevel.checkpoint()
        return [handle for handle, owner in self._handles.values() if owner == user_id]

    async def set_share(self, user_id: str, share_bps: int, now_ms: int) -> bool:
        await trio.lowlevel.checkpoint()
        is_done = self._put_trader(user_id, lambda one: replace(one, share_bps=share_bps))
        if is_done:
            self._counts(user_id, share_bps, now_ms)
        return is_done

    def _counts(self, user_id: str, share_bps: int, since_ms: int) -> None:
        self._trader_shares.setdefault(user_id, {})[since_ms] = share_bps

    def _put_trader(self, user_id: str, change: Callable[[Trader], Trader]) -> bool:
        before = self._traders.get(user_id)
        if before is None or not before.handle:
            return False
        self._traders[user_id] = change(before)
        return True

    async def set_delisted(self, user_id: str, why: str, by: str, now_ms: int) -> bool:
        await trio.lowlevel.checkpoint()
        if user_id not in self._traders:
            return False
        if not why:
            self._delisted_leavers.pop(self._person(user_id), None)
        self._delist(user_id, why, by, now_ms)
        return True

    def _delist(self, user_id: str, why: str, by: str, now_ms: int) -> None:
        self._traders[user_id] = replace(self._traders[user_id], delisted_why=storable(why))
        self._put_audit(by, DELISTED if why else LISTED, {"user": user_id, "why": why}, now_ms)

    def _person(self, user_id: str) -> str:
        """The mark of a user, empty for one who is not known by a Telegram id."""
        telegram_id = self._user(user_id).telegram_id
        return "" if telegram_id is None else mark_of(telegram_id)

    async def delisted_why(self, user_id: str) -> str:
        await trio.lowlevel.checkpoint()
        found = self._traders.get(user_id)
        return "" if found is None else found.delisted_why

    async def traders(self) -> list[Trader]:
        await trio.lowlevel.checkpoint()
        return [one for one in self._traders.values() if one.handle]

    async def trader(self, user_id: str) -> Trader | None:
        await trio.lowlevel.checkpoint()
        found = self._traders.get(user_id)
        return found if found is not None and found.handle else None

    async def trader_by_handle(self, handle: str) -> Trader | None:
        await trio.lowlevel.checkpoint()
        return next((one for one in self._traders.values() if one.handle and one.handle == handle), None)

    async def closed_trades(
        self, user_ids: Sequence[str], mode: Mode, since_ms: int, most_each: int
    ) -> Mapping[str, Sequence[ClosedTrade]]:
        await trio.lowlevel.checkpoint()
        costs: dict[str, int] = {}
        judged = self._judged()
        for trade in self._trades.values():
            if trade.position_id not in judged:
                continue
            bought = trade.fill.cost_lamports if trade.fill.side is Side.BUY else 0
            costs[trade.position_id] = costs.get(trade.position_id, 0) + bought
        return {user_id: self._closed_of(user_id, mode, since_ms, costs)[-most_each:] for user_id in user_ids}

    def _closed_of(self, user_id: str, mode: Mode, since_ms: int, costs: Mapping[str, int]) -> list[ClosedTrade]:
        closed = [
            ClosedTrade(row.mint, costs[row.id], row.realized_lamports, row.closed_at_ms)
            for row in self._positions.of_user(user_id)
            if row.mode is mode and row.closed_at_ms is not None and row.closed_at_ms >= since_ms and row.id in costs
        ]
        return sorted(closed, key=lambda one: one.closed_at_ms)
