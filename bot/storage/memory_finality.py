"""What has landed and is not final yet, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import trio

from bot.ports import LandedAttempt, MakeReversal, Reversed
from bot.storage.memory_intents import MemoryIntents
from bot.storage.memory_tables import MemoryReversal, MemoryTrade
from bot.storage.position_rules import check_evidence
from bot.storage.reversal_rules import (
    LANDED,
    Settledness,
    has_landed_there,
    position_before,
    reopened,
    reversal_entry,
    taken_back,
    undoes,
)
from bot.storage.rules import storable, unknown_signature
from bot.trading.intent import TERMINAL, Attempt, AttemptState
from bot.trading.ledger import EntryKind


class MemoryFinality(MemoryIntents):
    """Landings that may be taken back."""

    async def unfinal(self, limit: int, wallet_id: str | None = None) -> list[LandedAttempt]:
        await trio.lowlevel.checkpoint()
        found = [
            LandedAttempt(self._intents[row.intent_id], row)
            for row in self._attempts.values()
            if row.state in LANDED and row.landed_slot is not None and not row.final
        ]
        found = [one for one in found if wallet_id in (None, one.intent.request.wallet_id)]
        return sorted(found, key=lambda one: (one.attempt.landed_slot or 0, one.attempt.signature))[:limit]

    async def never_landed(self, signatures: Sequence[str]) -> list[LandedAttempt]:
        await trio.lowlevel.checkpoint()
        found = [self._attempts[signature] for signature in sorted(set(signatures)) if signature in self._attempts]
        return [LandedAttempt(self._intents[row.intent_id], row) for row in found if row.state is AttemptState.EXPIRED]

    async def finalize(self, landed: Sequence[tuple[str, int]]) -> None:
        await trio.lowlevel.checkpoint()
        for signature, slot in landed:
            attempt = self._attempts.get(signature)
            if attempt is not None and has_landed_there(attempt, slot):
                self._put_attempt(replace(attempt, final=True))

    async def reverse(
        self, signature: str, *, landed_slot: int | None, evidence: str, now_ms: int, message: MakeReversal
    ) -> list[Reversed]:
        await trio.lowlevel.checkpoint()
        check_evidence(evidence)
        attempt = self._attempts.get(signature)
        if attempt is None:
            raise unknown_signature(signature)
        if not has_landed_there(attempt, landed_slot):
            return []
        evidence = storable(evidence)
        trade = self._trades.get(signature)
        if trade is None:
            return [self._undo(attempt, None, evidence, now_ms, message)]
        return [
            self._undo(self._attempts[later.fill.signature], later, evidence, now_ms, message)
            for later in reversed(self._on_top_of(trade))
        ]

    def _on_top_of(self, trade: MemoryTrade) -> list[MemoryTrade]:
        """A fill and those of its wallet, mint and mode that were settled after it, in that order."""
        asked = trade.intent.request
        wanted = (asked.wallet_id, asked.mint, asked.mode)
        rows = list(self._trades.values())
        later = rows[rows.index(trade) :]
        return [
            row
            for row in later
            if (row.intent.request.wallet_id, row.intent.request.mint, row.intent.request.mode) == wanted
        ]

    def _undo(
        self, attempt: Attempt, trade: MemoryTrade | None, evidence: str, now_ms: int, message: MakeReversal
    ) -> Reversed:
        intent = self._intent(attempt.intent_id)
        slot = attempt.landed_slot if attempt.landed_slot is not None else 0
        position = None
        if trade is not None:
            done = Settledness(trade.fill, trade.position_id, trade.realized_lamports, trade.moved)
            position = position_before(self._positions[trade.position_id], intent, done, now_ms)
            self._positions[position.id] = position
            slot = trade.fill.slot
            del self._trades[attempt.signature]
            self._reversals.append(MemoryReversal(trade, evidence, now_ms))
        for entry in [row for row in self.ledger if row.signature == attempt.signature]:
            if (
                entry.intent_id == intent.id
                and entry.kind is not EntryKind.REVERSAL
                and entry.landing == attempt.rollbacks
            ):
                self.ledger.append(reversal_entry(entry, slot, evidence))
        self._reversed_at_ms[attempt.signature, attempt.rollbacks] = now_ms
        back = taken_back(attempt)
        self._put_attempt(back)
        # Its fill by another attempt stands: then only this one is followed again.
        if trade is not None or undoes(intent, attempt):
            if intent.state in TERMINAL:
                del self._closed_at_ms[intent.id]
            intent = reopened(intent)
            self._put_intent(intent)
        told = Reversed(intent, back, slot, None if trade is None else trade.fill, position)
        if (owed := message(told)) is not None:
            self._put_message(owed)
        return told
