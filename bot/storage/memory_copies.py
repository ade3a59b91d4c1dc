"""Who copies whom, what was decided about leaders' swaps, and what copies have spent and hold, in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import trio

from bot.ports import CopyHolding, CopyTold, OutboxMessage, SpentBy, WalletSignal
from bot.storage.memory_tables import MemoryTables, MemoryTrade
from bot.storage.rules import no_wallet, storable
from bot.trading.copying import Copy, CopyRule, CopyState, RuleState, Spent
from bot.trading.intent import IN_FLIGHT, Intent, IntentState, Side
from bot.trading.position import Position, PositionState

UNFILLED = frozenset({IntentState.FAILED, IntentState.EXPIRED, IntentState.CANCELLED})


class MemoryCopies(MemoryTables):
    """Rules by id, copies by their unique key; those that ended are remembered by their ids."""

    async def place_copy_rule(self, rule: CopyRule, *, most: int) -> bool:
        await trio.lowlevel.checkpoint()
        wallet = self._wallets.get(rule.wallet_id)
        if wallet is None or wallet.user_id != rule.user_id:
            raise no_wallet(rule.user_id, rule.wallet_id)
        if rule.id in self._copy_rules:
            return True
        mine = self._rules_of(rule.user_id, None)
        if len(mine) >= most or any(one.leader == rule.leader for one in mine):
            return False
        self._copy_rules[rule.id] = replace(rule, label=storable(rule.label), why=storable(rule.why))
        return True

    async def copy_rule(self, rule_id: str) -> CopyRule | None:
        await trio.lowlevel.checkpoint()
        return self._copy_rules.get(rule_id)

    async def copy_rules(self, user_id: str | None = None, leader: str | None = None) -> list[CopyRule]:
        await trio.lowlevel.checkpoint()
        return self._rules_of(user_id, leader)

    async def move_copy_rule(self, after: CopyRule, message: OutboxMessage | None = None) -> bool:
        await trio.lowlevel.checkpoint()
        before = self._copy_rules.get(after.id)
        if before is None or before.state is RuleState.STOPPED or before.version != after.version - 1:
            return False
        if message is not None:
            self._put_message(message)
        self._copy_rules[after.id] = replace(
            before,
            state=after.state,
            why=storable(after.why),
            version=after.version,
            closed_at_ms=after.closed_at_ms,
        )
        return True

    async def change_copy_rule(self, after: CopyRule) -> bool:
        await trio.lowlevel.checkpoint()
        before = self._copy_rules.get(after.id)
        if before is None or before.state is RuleState.STOPPED or before.version != after.version - 1:
            return False
        self._copy_rules[after.id] = replace(
            before,
            code=after.code,
            sizing=after.sizing,
            amount=after.amount,
            caps=after.caps,
            filter=after.filter,
            state=RuleState.ACTIVE,
            why="",
            version=after.version,
        )
        return True

    async def swaps_due(self, limit: int) -> list[WalletSignal]:
        await trio.lowlevel.checkpoint()
        return [self._signals[key] for key in list(self._copies_due)[:limit]]

    async def decide_copies(self, swap: WalletSignal, copies: Sequence[Copy]) -> list[Copy]:
        await trio.lowlevel.checkpoint()
        self._copies_due.pop((swap.address, swap.signature, swap.mint, swap.side), None)
        return self._write_copies(copies)

    async def add_copies(self, copies: Sequence[Copy]) -> list[Copy]:
        await trio.lowlevel.checkpoint()
        return self._write_copies(copies)

    def _write_copies(self, copies: Sequence[Copy]) -> list[Copy]:
        written = []
        for copy in copies:
            key = (copy.user_id, copy.signature, copy.instruction)
            if key not in self._copies:
                self._copies[key] = replace(copy, reason=storable(copy.reason))
                written.append(copy)
        return written

    async def owed_copies(self) -> list[Copy]:
        await trio.lowlevel.checkpoint()
        return [copy for copy in self._copies.values() if copy.state is CopyState.OWED]

    async def move_copy(self, after: Copy, message: OutboxMessage | None = None) -> bool:
        await trio.lowlevel.checkpoint()
        key = (after.user_id, after.signature, after.instruction)
        before = self._copies.get(key)
        if before is None or before.state is not CopyState.OWED:
            return False
        if message is not None:
            self._put_message(message)
        self._copies[key] = replace(
            before,
            state=after.state,
            code=after.code,
            reason=storable(after.reason),
            token_raw=after.token_raw,
            tries=after.tries,
            ordered_at_ms=after.ordered_at_ms,
        )
        return True

    async def copies_spent(self, asked: Sequence[SpentBy], mint: str) -> list[Spent]:
        await trio.lowlevel.checkpoint()
        return [self._spent_by(one, mint) for one in asked]

    def _spent_by(self, asked: SpentBy, mint: str) -> Spent:
        rule = asked.rule
        mine = [
            (copy, self._is_open(copy))
            for copy in self._counted()
            if (copy.user_id, copy.mode, copy.side) == (rule.user_id, rule.mode, Side.BUY)
        ]

        def spent(copies: Iterator[Copy]) -> int:
            return sum(copy.spend_lamports for copy in copies)

        place = (rule.wallet_id, mint)
        holds = any(
            (row.wallet_id, row.mint, row.mode, row.state) == (*place, rule.mode, PositionState.OPEN)
            for row in self._positions.values()
        )
        buys = any(
            (row.request.wallet_id, row.request.mint, row.request.side) == (*place, Side.BUY)
            for row in self._intents.values()
            if row.state in IN_FLIGHT
        )
        return Spent(
            spent(copy for copy, _ in mine if copy.decided_at_ms >= asked.hour_start_ms),
            spent(copy for copy, _ in mine if copy.decided_at_ms >= asked.day_start_ms),
            spent(copy for copy, is_open in mine if is_open and copy.mint == mint),
            spent(copy for copy, is_open in mine if is_open and copy.leader == rule.leader),
            spent(copy for copy, is_open in mine if is_open),
            holds or buys or any(is_open and copy.mint == mint for copy, is_open in mine),
        )

    async def copy_results(self, rule_ids: Sequence[str]) -> dict[str, list[int]]:
        await trio.lowlevel.checkpoint()
        found = dict[str, dict[str, Position]]()
        for copy in self._counted():
            position = self._position_of(copy)
            if copy.rule_id in rule_ids and copy.side is Side.BUY and position and position.realized_lamports:
                found.setdefault(copy.rule_id, {})[position.id] = position
        order = {position.id: place for place, position in enumerate(self._positions.values())}
        return {
            rule_id: [
                one.realized_lamports
                for one in sorted(
                    rows.values(), key=lambda row: (row.closed_at_ms is None, row.closed_at_ms or 0, order[row.id])
                )
            ]
            for rule_id, rows in found.items()
        }

    async def staked_rules(self, leader: str, mint: str) -> set[str]:
        await trio.lowlevel.checkpoint()
        running = {rule.id for rule in self._rules_of(None, leader)}
        return {
            copy.rule_id
            for copy in self._counted()
            if copy.rule_id in running and (copy.mint, copy.side) == (mint, Side.BUY) and self._is_open(copy)
        }

    async def copy_holdings(self, rule_ids: Sequence[str]) -> list[CopyHolding]:
        await trio.lowlevel.checkpoint()
        net = dict[tuple[str, str, str], int]()
        for copy in self._counted():
            trade, position = self._trade_of(copy), self._position_of(copy)
            if copy.rule_id not in rule_ids or trade is None or position is None or copy.id in self._copies_ended:
                continue
            if position.state is PositionState.OPEN:
                key = (copy.rule_id, copy.mint, position.id)
                sign = 1 if copy.side is Side.BUY else -1
                net[key] = net.get(key, 0) + sign * trade.fill.token_raw
        found = []
        for (rule_id, mint, position_id), net_raw in net.items():
            position_raw = self._positions[position_id].token_raw
            if (held_raw := min(position_raw, net_raw)) > 0:
                found.append(CopyHolding(rule_id, mint, position_id, held_raw, position_raw))
        return found

    async def copies_of(self, user_id: str, limit: int) -> list[CopyTold]:
        await trio.lowlevel.checkpoint()
        mine = [copy for copy in reversed(self._copies.values()) if copy.user_id == user_id][:limit]
        return [CopyTold(copy, None if (intent := self._order_of(copy)) is None else intent.state) for copy in mine]

    async def end_copies(self, before_ms: int) -> int:
        await trio.lowlevel.checkpoint()
        ended = set[str]()
        for copy in self._copies.values():
            intent, position = self._order_of(copy), self._position_of(copy)
            if copy.state is not CopyState.ORDERED or copy.id in self._copies_ended or intent is None:
                continue
            is_unfilled = intent.state in UNFILLED and self._closed_at_ms[intent.id] < before_ms
            closed_at_ms = None if position is None else position.closed_at_ms
            if is_unfilled or (closed_at_ms is not None and closed_at_ms < before_ms):
                ended.add(copy.id)
        self._copies_ended |= ended
        return len(ended)

    def _rules_of(self, user_id: str | None, leader: str | None) -> list[CopyRule]:
        return [
            rule
            for rule in self._copy_rules.values()
            if rule.state is not RuleState.STOPPED and user_id in (None, rule.user_id) and leader in (None, rule.leader)
        ]

    def _counted(self) -> Iterator[Copy]:
        """Copies that were not refused and whose orders did not end without a fill."""
        for copy in self._copies.values():
            intent = self._order_of(copy)
            if copy.state is not CopyState.REFUSED and (intent is None or intent.state not in UNFILLED):
                yield copy

    def _is_open(self, copy: Copy) -> bool:
        intent, position = self._order_of(copy), self._position_of(copy)
        if copy.id in self._copies_ended:
            return False
        is_filled = intent is not None and intent.state is IntentState.FILLED
        return not is_filled or (position is not None and position.state is PositionState.OPEN)

    def _order_of(self, copy: Copy) -> Intent | None:
        intent_id = self._intent_of_key.get(copy.key)
        return None if intent_id is None else self._intents[intent_id]

    def _trade_of(self, copy: Copy) -> MemoryTrade | None:
        intent = self._order_of(copy)
        if intent is None:
            return None
        return next((trade for trade in self._trades.values() if trade.intent.id == intent.id), None)

    def _position_of(self, copy: Copy) -> Position | None:
        trade = self._trade_of(copy)
        return None if trade is None else self._positions[trade.position_id]
