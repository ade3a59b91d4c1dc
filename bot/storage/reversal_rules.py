"""What a landing that the network took back, or an expiry that was none, does to the rows; both stores share these rules."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.storage.position_rules import takes_profit
from bot.storage.rules import wrong_state
from bot.trading.fill import Fill
from bot.trading.intent import TERMINAL, Attempt, AttemptState, Intent, IntentState, Side, TradeRequest, sources_of
from bot.trading.ledger import Entry, EntryKind, reversing
from bot.trading.position import Position, PositionState
from bot.trading.risk_gate import ENTRY_OVERHEAD_LAMPORTS
from bot.trading.withdrawal import reserved_lamports

LANDED = frozenset({AttemptState.LANDED, AttemptState.LANDED_ERROR})


@dataclass(frozen=True, slots=True)
class Moved:
    """What a fill added to its position or took from it: raw tokens and basis in lamports, never negative.

    A sale may take fewer tokens from its position than it sold: what came from outside was in no position.
    `basis_lamports` is None where an older program settled the fill.
    """

    token_raw: int
    basis_lamports: int | None


@dataclass(frozen=True, slots=True)
class Settledness:
    """What a settled fill did to its position."""

    fill: Fill
    position_id: str
    realized_lamports: int
    moved: Moved


def has_landed_there(attempt: Attempt, landed_slot: int | None) -> bool:
    """Whether the books have this attempt landed in this slot, or never (None), and may still take that back."""
    if landed_slot is None:
        return attempt.state is AttemptState.EXPIRED
    return attempt.state in LANDED and attempt.landed_slot == landed_slot and not attempt.final


def moved_by(fill: Fill, before: Position | None, after: Position) -> Moved:
    if fill.side is Side.BUY:
        return Moved(fill.token_raw, fill.basis_lamports)
    if before is None:
        return Moved(0, 0)
    return Moved(before.token_raw - after.token_raw, before.basis_lamports - after.basis_lamports)


def position_before(position: Position, intent: Intent, done: Settledness, now_ms: int) -> Position:
    """The position as it was before a fill that is taken back, the latest of it.

    A buy takes its tokens and their cost away; without any left the position closes, and nothing of it is realised. A
    sale gives back what it took from the position, at the cost that it had; the position is open again, its peak no
    lower than what the sale had brought. One that took nothing sold what came from outside.
    """
    fill = done.fill
    if fill.side is Side.BUY:
        left = max(0, position.token_raw - fill.token_raw)
        return replace(
            position,
            token_raw=left,
            cost_lamports=position.cost_lamports - fill.cost_lamports if left else 0,
            basis_lamports=position.basis_lamports - fill.basis_lamports if left else 0,
            peak_lamports=position.peak_lamports * left // position.token_raw if left else 0,
            bought_raw=max(0, position.bought_raw - fill.token_raw),
            state=PositionState.OPEN if left else PositionState.CLOSED,
            closed_at_ms=None if left else now_ms,
        )
    realized = position.realized_lamports - done.realized_lamports
    if not done.moved.token_raw:
        return replace(position, realized_lamports=realized)
    cost_sold = fill.proceeds_lamports - done.realized_lamports
    held = position.token_raw + done.moved.token_raw
    basis = cost_sold if done.moved.basis_lamports is None else done.moved.basis_lamports
    peak = position.peak_lamports * held // position.token_raw if position.token_raw else fill.proceeds_lamports
    return replace(
        position,
        token_raw=held,
        cost_lamports=position.cost_lamports + cost_sold,
        basis_lamports=position.basis_lamports + basis,
        realized_lamports=realized,
        peak_lamports=max(0, peak),
        took_profit=position.took_profit and not takes_profit(intent.request),
        levels_taken=max(0, position.levels_taken - takes_profit(intent.request)),
        state=PositionState.OPEN,
        closed_at_ms=None,
    )


def reopened(intent: Intent) -> Intent:
    """An intent whose transaction was taken back: the same bytes may land again, so it is sent and reserves anew.

    One that is on its way by another attempt stays as it is. Raises Conflict for one that cannot be sent any more.
    """
    if intent.state not in TERMINAL:
        return intent
    if intent.state not in sources_of(IntentState.SENT):
        raise wrong_state(intent.id, intent.state, IntentState.SENT)
    return replace(intent, state=IntentState.SENT, reserved_lamports=_reserved(intent.request), failure=None)


def _reserved(request: TradeRequest) -> int:
    """What those reserve that spend something."""
    if request.side is Side.BUY:
        return request.spend_lamports + ENTRY_OVERHEAD_LAMPORTS
    return reserved_lamports(request) if request.side is Side.WITHDRAW else 0


def undoes(intent: Intent, attempt: Attempt) -> bool:
    """Whether an intent is on its way again without the landing of this attempt, which had no trade.

    A fill by another attempt stands. What closed accounts or sent SOL out is no trade and has filled its intent itself.
    """
    return intent.state is not IntentState.FILLED or attempt.state is AttemptState.LANDED


def taken_back(attempt: Attempt) -> Attempt:
    """An attempt whose landing or expiry was taken back: it has left, and may land, again."""
    return replace(
        attempt, state=AttemptState.SENT, error=None, landed_slot=None, final=False, rollbacks=attempt.rollbacks + 1
    )


def reversal_entry(entry: Entry, landed_slot: int, evidence: str) -> Entry:
    """The entry that undoes another one of the same transaction."""
    return replace(entry, kind=EntryKind.REVERSAL, legs=reversing(entry.legs), slot=landed_slot, evidence=evidence)
