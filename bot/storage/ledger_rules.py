"""What a fill, a failed transaction and an adjustment are in the ledger: the rules that both stores share. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from bot.trading.fill import Fill
from bot.trading.intent import Attempt, Intent, Side
from bot.trading.ledger import Entry, EntryKind, Leg, at_cost, legs_of_lost
from bot.trading.position import Position, PositionState


def fill_entry(
    intent: Intent,
    fill: Fill,
    legs: Sequence[Leg],
    *,
    latest: Position | None,
    position_id: str,
    cost_lamports: int,
    landing: int,
) -> Entry:
    """The entry of a fill. `latest` is the newest position before it, open or closed, `position_id` the one after it.

    `cost_lamports` is what the ledger says that the tokens of that position had cost before the fill, `landing` how
    often the network had taken it back before.
    """
    held_raw = latest.token_raw if latest is not None and latest.state is PositionState.OPEN else 0
    sold_raw = fill.token_raw if fill.side is Side.SELL else 0
    return Entry(
        kind=EntryKind.FILL,
        wallet_id=intent.request.wallet_id,
        legs=at_cost(legs, cost_lamports=cost_lamports, held_raw=held_raw, sold_raw=sold_raw),
        intent_id=intent.id,
        position_id=position_id,
        signature=fill.signature,
        slot=fill.slot,
        landing=landing,
    )


def fee_entry(intent: Intent, attempt: Attempt | None, slot: int | None, legs: Sequence[Leg]) -> Entry:
    """The entry of what an order cost that traded nothing; `attempt` is the one that landed, in `slot`."""
    return Entry(
        EntryKind.FEE,
        intent.request.wallet_id,
        tuple(legs),
        intent_id=intent.id,
        signature=None if attempt is None else attempt.signature,
        slot=slot,
        landing=0 if attempt is None else attempt.rollbacks,
    )


def adjustment_entry(before: Position, after: Position, evidence: str, cost_lamports: int) -> Entry | None:
    """The entry of a quantity that was put right; None where nothing of any cost is missing.

    `cost_lamports` is what the ledger says that the tokens had cost before.
    """
    missing_raw = before.token_raw - after.token_raw
    if missing_raw <= 0 or not cost_lamports:
        return None
    legs = legs_of_lost(cost_lamports, held_raw=before.token_raw, missing_raw=missing_raw)
    if not legs:
        return None
    return Entry(EntryKind.ADJUSTMENT, before.wallet_id, legs, position_id=before.id, evidence=evidence)
