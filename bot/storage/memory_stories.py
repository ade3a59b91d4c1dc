"""The rows of one order together, in memory."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from bot.ports import Booked, Landed, OrderStory, SentAttempt, Told
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import run_of
from bot.trading.intent import Intent, IntentState
from bot.trading.position import Position


class MemoryStories(MemoryTables):
    """Stories of orders.

    The twin has no clock of its own: an entry is as old as the end of its order, or as what took it back.
    """

    async def orders_of(self, word: str) -> Sequence[str]:
        await trio.lowlevel.checkpoint()
        found = [intent for intent in self._intents.values() if self._is_named(intent, word)]
        return [intent.id for intent in sorted(found, key=lambda intent: intent.created_at_ms)]

    async def order_story(self, intent_id: str) -> OrderStory | None:
        await trio.lowlevel.checkpoint()
        intent = self._intents.get(intent_id)
        if intent is None:
            return None
        closed_at_ms = self._closed_at_ms.get(intent_id)
        attempts = sorted(self._attempts_by_intent.get(intent_id, {}).values(), key=lambda row: row.number)
        trade = next((row for row in self._trades.values() if row.intent.id == intent_id), None)
        messages = sorted(
            (row for row in self._outbox.values() if row.trace_id == intent_id), key=lambda row: row.created_at_ms
        )
        return OrderStory(
            intent=intent,
            closed_at_ms=closed_at_ms,
            run=self._runs.get(run_of(intent.request) or ""),
            attempts=tuple(SentAttempt(row, self._sent_at_ms.get(row.signature)) for row in attempts),
            landed=None
            if trade is None
            else Landed(
                signature=trade.fill.signature,
                slot=trade.fill.slot,
                block_time_ms=trade.at_ms,
                position_id=trade.position_id,
                token_raw=trade.fill.token_raw,
                realized_lamports=trade.realized_lamports,
            ),
            booked=tuple(
                Booked(entry, self._reversed_at_ms.get((entry.signature, entry.landing), closed_at_ms or 0))
                for entry in self.ledger
                if entry.intent_id == intent_id
            ),
            told=tuple(Told(row.kind, row.created_at_ms, self._delivered.get(row.id)) for row in messages),
        )

    def _is_named(self, intent: Intent, word: str) -> bool:
        settled = [*self._trades.values(), *(row.trade for row in self._reversals)]
        filled = {(row.intent.id, row.position_id) for row in settled}
        return (
            word in {intent.id, intent.request.position_id}
            or word in self._attempts_by_intent.get(intent.id, {})
            or (intent.id, word) in filled
            or self._closed_account_of(intent, self._positions.get(word))
        )

    @staticmethod
    def _closed_account_of(intent: Intent, position: Position | None) -> bool:
        """Whether a closing took the account that this position had been in, or paid for trying to."""
        return (
            position is not None
            and position.mint in intent.request.closes
            and (intent.request.wallet_id, intent.request.mode) == (position.wallet_id, position.mode)
            and intent.state in {IntentState.FILLED, IntentState.FAILED}
            and intent.created_at_ms >= position.opened_at_ms
        )
