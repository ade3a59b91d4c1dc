"""What closings of emptied token accounts are in the rows: the rules that both stores share. No I/O, no SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.storage.rules import planned_intent
from bot.trading.fill import LandedTransaction
from bot.trading.intent import Attempt, AttemptState, Intent, Side, TradeRequest


def planned_closing(
    request: TradeRequest, free: tuple[str, ...], intent_id: str, reserved_lamports: int, now_ms: int
) -> Intent:
    """The intent of a closing of those accounts that are free, as it is first written."""
    return planned_intent(replace(request, closes=free), intent_id, reserved_lamports, now_ms)


def is_booked_closing(intent: Intent, attempts: Sequence[Attempt], landed: LandedTransaction) -> bool:
    """Whether the books have the landing of a closing already; raises ValueError for an intent that is none."""
    if intent.request.side is not Side.CLOSE:
        raise ValueError(f"intent {intent.id} is a {intent.request.side}, no closing")
    return any((row.signature, row.state) == (landed.signature, AttemptState.LANDED) for row in attempts)
