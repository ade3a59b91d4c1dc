"""The sums behind status and top, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import trio

from bot.ports import Connections, ModeSums, OutboxMessage, Overview, Owner
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import FAILED_TRADES, decode_payload, encode_payload, is_failed_trade
from bot.trading.intent import IntentState, Mode, Side
from bot.trading.ledger import Account
from bot.trading.position import Position, PositionState


class MemoryOverview(MemoryTables):
    """What the operator's views ask."""

    async def overview(self, since_ms: int) -> Overview:
        await trio.lowlevel.checkpoint()
        return Overview(
            users=len(self._users),
            wallets=len(self._wallets),
            snipers=sum(settings.snipe_enabled for settings in self._settings.values()),
            followed=len({wallet.address for wallet in self._tracked.values()}),
            signals=sum(run.created_at_ms >= since_ms and run.status != "SKIPPED" for run in self._runs.values()),
            last_trade_at_ms=max((trade.at_ms for trade in self._trades.values()), default=None),
            modes=tuple(self._mode_sums(mode, since_ms) for mode in Mode),
        )

    def _mode_sums(self, mode: Mode, since_ms: int) -> ModeSums:
        held = [row for row in self._positions.values() if row.state is PositionState.OPEN and row.mode is mode]
        judged = self._judged()
        closed = [
            row
            for row in self._positions.values()
            if row.closed_at_ms is not None and row.closed_at_ms >= since_ms and row.mode is mode and row.id in judged
        ]
        moving = [row for row in self._moving.values() if row.request.mode is mode]
        trades = [row for row in self._trades.values() if row.at_ms >= since_ms and row.intent.request.mode is mode]
        failed = {
            row.id
            for row in self._intents.values()
            if row.state in FAILED_TRADES and row.request.mode is mode and self._closed_at_ms[row.id] >= since_ms
        }
        paid_lamports = self._closing_costs(since_ms, mode=mode) + self._fees_beside(since_ms, mode=mode)
        paid_lamports -= sum(
            leg.lamports
            for entry in self.ledger
            if entry.intent_id in failed
            for leg in entry.legs
            if leg.account is Account.WALLET
        )
        fills = [row.fill for row in trades]
        return ModeSums(
            mode=mode,
            open_positions=len(held),
            deployed_lamports=sum(row.cost_lamports for row in held),
            reserved_lamports=sum(row.reserved_lamports for row in moving),
            unproven=sum(row.state is IntentState.UNKNOWN for row in moving),
            buys=sum(fill.side is Side.BUY for fill in fills),
            sells=sum(fill.side is Side.SELL for fill in fills),
            failed=sum(is_failed_trade(self._intents[intent_id]) for intent_id in failed),
            won=sum(row.realized_lamports > 0 for row in closed),
            lost=sum(row.realized_lamports <= 0 for row in closed),
            realized_lamports=self._results(since_ms, mode=mode),
            fees_lamports=paid_lamports
            + sum(
                fill.protocol_fee_lamports
                + fill.creator_fee_lamports
                + fill.lp_fee_lamports
                + fill.network_fee_lamports
                + fill.tip_lamports
                + fill.other_lamports
                for fill in fills
            ),
        )

    async def owners(self, ids: Sequence[str]) -> dict[str, Owner]:
        await trio.lowlevel.checkpoint()
        found: dict[str, Owner] = {}
        for one in ids:
            if user := self._users.get(one):
                found[one] = Owner(user.handle, None)
            elif wallet := self._wallets.get(one):
                found[one] = Owner(self._users[wallet.user_id].handle, None)
            elif position := self._positions.get(one):
                found[one] = Owner(self._users[position.user_id].handle, position.mint)
        return found

    async def oldest_positions(self, limit: int) -> list[Position]:
        await trio.lowlevel.checkpoint()
        held = [row for row in self._positions.values() if row.state is PositionState.OPEN]
        return sorted(held, key=lambda row: row.opened_at_ms)[:limit]

    async def latest_messages(self, kinds: Sequence[str], limit: int) -> list[OutboxMessage]:
        await trio.lowlevel.checkpoint()
        newest = [row for row in reversed(self._outbox.values()) if row.kind in kinds][:limit]
        return [replace(row, payload=decode_payload(encode_payload(row.payload))) for row in newest]

    def connections(self) -> Connections:
        """The twin has no pool."""
        return Connections(0, 0, 0, 0)
