"""What a fill, a failed transaction and an adjustment are in the ledger: the rules that both stores share. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.ports import WalletMove
from bot.trading.fill import Brought, Fill, LandedTransaction
from bot.trading.intent import Attempt, Intent, Side
from bot.trading.ledger import (
    Entry,
    EntryKind,
    Leg,
    at_cost,
    legs_of_brought,
    legs_of_closing,
    legs_of_lost,
    legs_of_moved,
    legs_of_outside,
    legs_of_sold_outside,
    reversing,
)
from bot.trading.position import Position, PositionState


def fill_entry(
    intent: Intent,
    fill: Fill,
    legs: Sequence[Leg],
    *,
    standing: Position | None,
    position_id: str,
    cost_lamports: int,
    landing: int,
) -> Entry:
    """The entry of a fill.

    `standing` is the position before it, the open one or the newest closed one, `position_id` the one after it.
    `cost_lamports` is what the ledger says that the tokens of that position had cost before the fill, `landing` how
    often the network had taken it back before.
    """
    held_raw = standing.token_raw if standing is not None and standing.state is PositionState.OPEN else 0
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


def closing_entry(intent: Intent, landed: LandedTransaction, locked_lamports: Mapping[str, int], landing: int) -> Entry:
    """The entry of emptied accounts that were closed; see `legs_of_closing` for `locked_lamports`."""
    return Entry(
        EntryKind.CLOSING,
        intent.request.wallet_id,
        legs_of_closing(landed, locked_lamports),
        intent_id=intent.id,
        signature=landed.signature,
        slot=landed.slot,
        landing=landing,
    )


def adjustment_entry(
    before: Position,
    after: Position,
    evidence: str,
    cost_lamports: int,
    by: WalletMove | None,
    *,
    is_swept: bool = False,
) -> Entry | None:
    """The entry of a quantity that was put right; None where neither SOL nor anything of any cost moved.

    `cost_lamports` is what the ledger says that the tokens had cost before, `by` the transaction that moved them, where it was
    no sweep of ours.
    """
    missing_raw = max(0, before.token_raw - after.token_raw)
    proceeds_lamports = proceeds_of(before, after, by)
    if proceeds_lamports:
        legs = legs_of_sold_outside(
            proceeds_lamports, cost_lamports, held_raw=before.token_raw, missing_raw=missing_raw
        )
    else:
        gone = legs_of_moved if is_swept else legs_of_lost
        left = gone(cost_lamports, held_raw=before.token_raw, missing_raw=missing_raw) if missing_raw else ()
        legs = (*legs_of_outside(0 if by is None else by.lamports), *left)
    if not legs:
        return None
    return Entry(
        EntryKind.ADJUSTMENT,
        before.wallet_id,
        legs,
        position_id=before.id,
        signature=None if by is None else by.signature,
        slot=None if by is None else by.slot,
        evidence=evidence,
    )


def brought_entry(position: Position, brought: Brought) -> Entry | None:
    """The entry of tokens that a written-off purchase brought into a position; None where nothing was paid for them."""
    legs = legs_of_brought(brought.cost_lamports)
    if not legs:
        return None
    return Entry(
        EntryKind.ADJUSTMENT,
        position.wallet_id,
        legs,
        position_id=position.id,
        signature=brought.signature,
        slot=brought.slot,
        evidence=brought.evidence,
    )


def proceeds_of(before: Position, after: Position, by: WalletMove | None) -> int:
    """What a transaction that is no order of ours brought in lamports for tokens of a position that left; 0 for nothing."""
    if by is None or after.token_raw >= before.token_raw:
        return 0
    return max(0, by.lamports)


def ours_after_all(entry: Entry, intent_id: str) -> Entry:
    """The entry that undoes one from outside whose transaction turns out to be an order of ours."""
    evidence = f"{entry.signature} is an order of this bot after all, {intent_id}, and has its own entry"
    return replace(entry, kind=EntryKind.REVERSAL, legs=reversing(entry.legs), evidence=evidence)
