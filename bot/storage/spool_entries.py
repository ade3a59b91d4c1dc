"""What was decided from memory, each as one entry that can be carried out in the database any number of times.

Entries are carried out in the order in which they were made. Each step of the store that they use is guarded by ids,
keys and states, so that one that was carried out before changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import Conflict
from bot.ports import MakeMessage, OutboxMessage, Store
from bot.storage.spool_codec import Kept, Record, Sent, Signed
from bot.trading.fill import Brought, Fill
from bot.trading.intent import TERMINAL, Intent, IntentState
from bot.trading.ledger import Leg
from bot.trading.limits import Ceilings
from bot.trading.risk_gate import Admitted
from bot.trading.trading_state import Cause


@dataclass(frozen=True, slots=True)
class Planned:
    """An exit was admitted and is not signed. Nothing can have left: a crash may lose it."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Unproven:
    """An order is too old to land and not proven absent."""

    intent_id: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An order ended without a fill, with the arguments of `IntentStore.close_unfilled`."""

    intent_id: str
    state: IntentState
    failure: str
    now_ms: int
    signature: str | None
    slot: int | None
    legs: tuple[Leg, ...]
    message: OutboxMessage | None
    brought: Brought | None = None


@dataclass(frozen=True, slots=True)
class Filled:
    """A fill that the chain has shown, with the arguments of `IntentStore.settle`."""

    intent_id: str
    fill: Fill
    legs: tuple[Leg, ...]
    position_id: str
    message: MakeMessage


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest quote of a position."""

    position_id: str
    peak_lamports: int
    token_raw: int


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that was written while nobody could store it."""

    message: OutboxMessage


@dataclass(frozen=True, slots=True)
class Audited:
    """What somebody did meanwhile, with the arguments of `ProgramStore.audit`."""

    by: str
    action: str
    detail: dict[str, object]
    now_ms: int


@dataclass(frozen=True, slots=True)
class Overtaken:
    """What somebody ordered before another bot led: it is told and not carried out."""

    cause: Cause


# The outcomes are in memory alone: after a crash the chain tells them again.
Action = Record | Planned | Unproven | Ended | Filled | Peak | Posted | Audited
Entry = Action | Overtaken


async def carry_out(entry: Action, store: Store) -> None:
    """Do in the database what an entry says.

    Raises StoreUnavailable, and Conflict, LookupError or ValueError for an entry that the rows contradict: nothing was
    written for it then.
    """
    match entry:
        case Signed():
            await _sign(entry, store)
        case Sent(signature, at_ms):
            await store.mark_sent(signature, at_ms)
        case Kept(cause):
            await store.save_cause(cause)
        case Planned(intent):
            await _admit(intent, store)
        case Unproven(intent_id):
            await store.mark_unknown(intent_id)
        case Ended():
            await store.close_unfilled(
                entry.intent_id,
                entry.state,
                entry.failure,
                now_ms=entry.now_ms,
                signature=entry.signature,
                slot=entry.slot,
                legs=entry.legs,
                message=entry.message,
                brought=entry.brought,
            )
        case Filled():
            await store.settle(
                entry.intent_id,
                entry.fill,
                legs=entry.legs,
                position_id=entry.position_id,
                message=entry.message,
            )
        case Peak():
            await store.note_peak(entry.position_id, entry.peak_lamports, token_raw=entry.token_raw)
        case Posted(message):
            await store.post(message)
        case Audited(by, action, detail, now_ms):
            await store.audit(by, action, detail, now_ms)


async def _sign(signed: Signed, store: Store) -> None:
    """The intent, its bytes, and that they may have left. An intent that has ended since says that all of it is there."""
    intent = await _admit(signed.intent, store)
    if intent.state is IntentState.CANCELLED:
        raise Conflict(f"intent {intent.id} is cancelled, and {signed.attempt.signature} of it may have left")
    if intent.state in TERMINAL:
        return
    await store.record_attempt(signed.attempt)
    await store.mark_sent(signed.attempt.signature, signed.attempt.created_at_ms)


async def _admit(planned: Intent, store: Store) -> Intent:
    """The intent's row, written now unless the database committed it before it went away. It was judged already."""
    reserved = Admitted(planned.reserved_lamports)
    intent = await store.admit(
        planned.request,
        intent_id=planned.id,
        now_ms=planned.created_at_ms,
        wallet_lamports=0,
        unrealized_lamports=0,
        ceilings=Ceilings(),
        pause_causes=(),
        day_start_ms=0,
        gate=lambda _: reserved,
    )
    if not isinstance(intent, Intent) or intent.id != planned.id:
        raise Conflict(f"another order has the key {planned.request.key} of intent {planned.id}")
    return intent
