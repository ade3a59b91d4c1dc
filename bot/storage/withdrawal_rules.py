"""What withdrawals are in the rows: the rules that both stores share. No I/O, no SQL."""

from __future__ import annotations

from collections.abc import Sequence

from bot.ports import AllowedAddress
from bot.storage.rules import planned_intent
from bot.trading.fill import LandedTransaction
from bot.trading.intent import Attempt, AttemptState, Intent, Side, TradeRequest
from bot.trading.ledger import Entry, EntryKind, Leg
from bot.trading.risk_gate import Refused
from bot.trading.withdrawal import refuse_withdrawal, reserved_lamports

ADDRESS_ALLOWED, ADDRESS_REMOVED = "address allowed", "address removed"  # the actions of the audit
SAFE_ADDRESS = "safe address registered"
ON_ITS_WAY = Refused("in_flight", "another withdrawal of this wallet is on its way; wait for its result")
NOT_ALLOWED = Refused("not_allowed", "that address is not among those that you have allowed for this wallet")


def action_of(row: AllowedAddress) -> str:
    """The action of the audit by which an address is written."""
    return SAFE_ADDRESS if row.is_safe else ADDRESS_ALLOWED


def judged_withdrawal(
    request: TradeRequest,
    intent_id: str,
    now_ms: int,
    *,
    wallet_lamports: int,
    reserved_for_others: int,
    open_positions: int,
) -> Intent | Refused:
    """The intent of a withdrawal, as it is first written, or why so much cannot leave."""
    refused = refuse_withdrawal(
        request.spend_lamports,
        wallet_lamports=wallet_lamports,
        reserved_lamports=reserved_for_others,
        open_positions=0 if request.is_sweep else open_positions,
    )
    if request.mint:  # what it costs was held against the account that it would open
        refused = None
    return refused or planned_intent(request, intent_id, reserved_lamports(request), now_ms)


def is_booked_withdrawal(intent: Intent, attempts: Sequence[Attempt], landed: LandedTransaction) -> bool:
    """Whether the books have the landing of a withdrawal already; raises ValueError for an intent that is none."""
    if intent.request.side is not Side.WITHDRAW:
        raise ValueError(f"intent {intent.id} is a {intent.request.side}, no withdrawal")
    return any((row.signature, row.state) == (landed.signature, AttemptState.LANDED) for row in attempts)


def withdrawal_entry(intent: Intent, landed: LandedTransaction, legs: tuple[Leg, ...], landing: int) -> Entry:
    """The entry of SOL that was sent out."""
    return Entry(
        EntryKind.WITHDRAWAL,
        intent.request.wallet_id,
        legs,
        intent_id=intent.id,
        signature=landed.signature,
        slot=landed.slot,
        landing=landing,
    )
