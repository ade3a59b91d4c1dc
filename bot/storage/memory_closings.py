"""Closings of emptied token accounts in memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import trio

from bot.errors import Conflict
from bot.storage.closing_rules import is_booked_closing, planned_closing
from bot.storage.ledger_rules import closing_entry
from bot.storage.memory_intents import MemoryIntents
from bot.storage.reversal_rules import LANDED
from bot.storage.rules import no_wallet, wrong_state
from bot.trading.fill import LandedTransaction
from bot.trading.intent import IN_FLIGHT, MAY_LAND, AttemptState, Intent, IntentState, Side, TradeRequest, sources_of
from bot.trading.ledger import Account
from bot.trading.position import Position, PositionState


class MemoryClosings(MemoryIntents):
    """What may be closed, and what came back."""

    async def plan_closing(
        self, request: TradeRequest, *, intent_id: str, now_ms: int, reserved_lamports: int
    ) -> Intent | None:
        await trio.lowlevel.checkpoint()
        wallet = self._wallets.get(request.wallet_id)
        if wallet is None or wallet.user_id != request.user_id:
            raise no_wallet(request.user_id, request.wallet_id)
        if request.key in self._intent_of_key:
            return self._intents[self._intent_of_key[request.key]]
        if any((row.request.wallet_id, row.request.side) == (wallet.id, Side.CLOSE) for row in self._moving.values()):
            return None
        free = tuple(mint for mint in request.closes if not self._moves(wallet.id, mint))
        if not free:
            return None
        if intent_id in self._intents:
            raise Conflict(f"intent {intent_id} exists already")
        intent = planned_closing(request, free, intent_id, reserved_lamports, now_ms)
        self._intent_of_key[request.key] = intent_id
        self._put_intent(intent)
        return intent

    def _moves(self, wallet_id: str, mint: str) -> bool:
        """Whether anything in the books holds tokens of a mint in a wallet, or may still bring or take some."""
        held = (row.wallet_id == wallet_id and row.mint == mint for row in self._positions.values() if _is_open(row))
        mine = [row for row in self._intents.values() if (row.request.wallet_id, row.request.mint) == (wallet_id, mint)]
        unproven = (
            attempt.state in MAY_LAND
            or (attempt.state in LANDED and attempt.landed_slot is not None and not attempt.final)
            for row in mine
            for attempt in self._attempts_of(row.id)
        )
        return any(held) or any(row.state in IN_FLIGHT for row in mine) or any(unproven)

    async def settle_closing(self, intent_id: str, landed: LandedTransaction, *, now_ms: int) -> bool:
        await trio.lowlevel.checkpoint()
        intent = self._intent(intent_id)
        if is_booked_closing(intent, self._attempts_of(intent_id), landed):
            return False
        if intent.state not in sources_of(IntentState.FILLED):
            raise wrong_state(intent_id, intent.state, IntentState.FILLED)
        attempt = self._attempt_of(intent_id, landed.signature)
        self._put_attempt(replace(attempt, state=AttemptState.LANDED, landed_slot=landed.slot))
        locked = self._locked(intent.request.wallet_id)
        self.ledger.append(closing_entry(intent, landed, locked, attempt.rollbacks))
        self._closed_at_ms[intent_id] = now_ms
        self._put_intent(replace(intent, state=IntentState.FILLED, reserved_lamports=0))
        return True

    def _locked(self, wallet_id: str) -> Counter[str]:
        """By mint what the wallet's entries say that is locked in its token account."""
        locked: Counter[str] = Counter()
        for entry in self.ledger:
            if entry.wallet_id == wallet_id and entry.intent_id is not None:
                rent = sum(leg.lamports for leg in entry.legs if leg.account is Account.RENT)
                locked[self._intents[entry.intent_id].request.mint] += rent
        return locked


def _is_open(position: Position) -> bool:
    return position.state is PositionState.OPEN
