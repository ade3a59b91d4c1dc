"""Allowed addresses and withdrawals in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import trio

from bot.errors import Conflict
from bot.ports import AllowedAddress, OutboxMessage, SealedNote
from bot.storage.memory_intents import MemoryIntents
from bot.storage.rules import no_wallet, wrong_state
from bot.storage.withdrawal_rules import (
    ADDRESS_REMOVED,
    NOT_ALLOWED,
    ON_ITS_WAY,
    action_of,
    is_booked_withdrawal,
    judged_withdrawal,
    withdrawal_entry,
)
from bot.trading.fill import LandedTransaction
from bot.trading.intent import AttemptState, Intent, IntentState, Side, TradeRequest, sources_of
from bot.trading.ledger import Leg
from bot.trading.position import PositionState
from bot.trading.risk_gate import Refused


class MemoryWithdrawals(MemoryIntents):
    """See `WithdrawalStore`."""

    async def allowed_addresses(self, user_id: str) -> list[AllowedAddress]:
        await trio.lowlevel.checkpoint()
        return [row for row in self._allowed_addresses.values() if row.user_id == user_id]

    async def allow_address(
        self, row: AllowedAddress, notes: Mapping[str, SealedNote], message: OutboxMessage, now_ms: int
    ) -> None:
        await trio.lowlevel.checkpoint()
        self._check_wallet(row.user_id, row.wallet_id)
        if self._is_allowed(row.wallet_id, row.address, row.is_safe):
            raise Conflict(f"wallet {row.wallet_id} has the address {row.address} already")
        self._allowed_addresses[row.id] = row
        self._put_notes(row.user_id, notes)
        self._put_message(message)
        self._put_audit(row.user_id, action_of(row), {"wallet": row.wallet_id, "address": row.address}, now_ms)

    async def remove_address(self, user_id: str, address_id: str, now_ms: int) -> bool:
        await trio.lowlevel.checkpoint()
        row = self._allowed_addresses.get(address_id)
        if row is None or row.user_id != user_id:
            return False
        del self._allowed_addresses[address_id]
        self._put_notes(user_id, {row.note: None})
        self._put_audit(user_id, ADDRESS_REMOVED, {"wallet": row.wallet_id, "address": row.address}, now_ms)
        return True

    async def plan_withdrawal(
        self, request: TradeRequest, *, intent_id: str, now_ms: int, wallet_lamports: int
    ) -> Intent | Refused:
        await trio.lowlevel.checkpoint()
        self._check_wallet(request.user_id, request.wallet_id)
        if request.key in self._intent_of_key:
            return self._intents[self._intent_of_key[request.key]]
        if not self._is_allowed(request.wallet_id, request.to_address, request.is_sweep):
            return NOT_ALLOWED
        moving = [row for row in self._moving.values() if row.request.wallet_id == request.wallet_id]
        if any(row.request.side is Side.WITHDRAW for row in moving):
            return ON_ITS_WAY
        held = {
            row.mint
            for row in self._positions.values()
            if row.wallet_id == request.wallet_id and row.state is PositionState.OPEN
        }
        coming = {row.request.mint for row in moving if row.request.side is Side.BUY}
        intent = judged_withdrawal(
            request,
            intent_id,
            now_ms,
            wallet_lamports=wallet_lamports,
            reserved_for_others=sum(row.reserved_lamports for row in moving),
            open_positions=len(held | coming),
        )
        if isinstance(intent, Intent):
            if intent_id in self._intents:
                raise Conflict(f"intent {intent_id} exists already")
            self._intent_of_key[request.key] = intent_id
            self._put_intent(intent)
        return intent

    async def settle_withdrawal(
        self, intent_id: str, landed: LandedTransaction, *, legs: tuple[Leg, ...], message: OutboxMessage, now_ms: int
    ) -> bool:
        await trio.lowlevel.checkpoint()
        intent = self._intent(intent_id)
        if is_booked_withdrawal(intent, self._attempts_of(intent_id), landed):
            return False
        if intent.state not in sources_of(IntentState.FILLED):
            raise wrong_state(intent_id, intent.state, IntentState.FILLED)
        attempt = self._attempt_of(intent_id, landed.signature)
        self._put_message(message)
        self._put_attempt(replace(attempt, state=AttemptState.LANDED, landed_slot=landed.slot))
        self.ledger.append(withdrawal_entry(intent, landed, legs, attempt.rollbacks))
        self._closed_at_ms[intent_id] = now_ms
        self._put_intent(replace(intent, state=IntentState.FILLED, reserved_lamports=0))
        return True

    def _check_wallet(self, user_id: str, wallet_id: str) -> None:
        wallet = self._wallets.get(wallet_id)
        if wallet is None or wallet.user_id != user_id:
            raise no_wallet(user_id, wallet_id)

    def _is_allowed(self, wallet_id: str, address: str, is_safe: bool) -> bool:
        wanted = (wallet_id, address, is_safe)
        return any((row.wallet_id, row.address, row.is_safe) == wanted for row in self._allowed_addresses.values())
