"""Closings: emptied token accounts of a wallet that one transaction closes, in the journal of intents and in the ledger."""

from __future__ import annotations

from typing import Protocol

from bot.trading.fill import LandedTransaction
from bot.trading.intent import Intent, TradeRequest


class ClosingStore(Protocol):
    async def plan_closing(
        self, request: TradeRequest, *, intent_id: str, now_ms: int, reserved_lamports: int
    ) -> Intent | None:
        """Write a closing of those accounts of the request that nothing else moves, in a transaction that holds the wallet.

        None, and nothing is written, where the wallet has another closing on its way, or none of its accounts is
        free. One is not while a position of its mint is open, an order of its mint has no outcome, an attempt of it
        may land, or one that landed is not final. A request whose key has an intent gives that intent.
        Raises LookupError for a wallet that the user does not have, Conflict when `intent_id` is taken.
        """

    async def settle_closing(self, intent_id: str, landed: LandedTransaction, *, now_ms: int) -> bool:
        """What a closing brought back and cost, into the ledger, and its intent ends as filled; in one transaction.

        False, and nothing is written, where this landing is booked already. Raises LookupError for no such intent or attempt
        of it, Conflict for one that ended another way.
        """
