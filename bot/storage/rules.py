"""What PostgreSQL and its in-memory twin have in common: pure rules about rows. No I/O, no SQL, no trio."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.errors import Conflict
from bot.ports import ConfigVersion, User, Wallet, WalletSignal
from bot.trading.intent import (
    IN_FLIGHT,
    MAY_LAND,
    TERMINAL,
    TRADES,
    Attempt,
    AttemptState,
    Context,
    Intent,
    IntentState,
    Mode,
    Side,
    TradeRequest,
    sources_of,
)
from bot.trading.ledger import Leg
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.risk_gate import RiskSnapshot
from bot.trading.trading_state import Binds, Cause, Halt

MAX_I64 = 2**63 - 1  # the largest bigint

RUN_STATUSES = frozenset(
    {"ANALYZED", "MONITORING", "EXECUTING", "COMPLETED", "FAILED", "SKIPPED", "EXPIRED", "UNKNOWN"}
)
RUN_STATUSES_BEFORE_INTENT = ("ANALYZED", "MONITORING")
RUN_LEFT_BEHIND = "whoever ran it stopped before it came to a decision"

# The actions that the stores write into the audit themselves, in the transaction of what they tell of.
CLUSTER_BOUND = "cluster bound"
PAUSE_SET = "pause set"
PAUSE_CLEARED = "pause cleared"
HALT_LATCHED = "halt latched"
HALT_REARMED = "halt rearmed"
CONFIG_CHANGED = "config changed"
ALERTS_SET = "alerts set"
WALLET_BOUND = "wallet bound"
PROGRAM = "program"

_UNSTORABLE = re.compile("[\\0\\ud800-\\udfff]")

# A sniper's buy carries its snipe run along: the run's status follows the intent, whatever moved it.
RUN_STATUS_OF: dict[IntentState, str] = {
    IntentState.PLANNED: "EXECUTING",
    IntentState.SIGNED: "EXECUTING",
    IntentState.SENT: "EXECUTING",
    IntentState.UNKNOWN: "UNKNOWN",
    IntentState.FILLED: "COMPLETED",
    IntentState.FAILED: "FAILED",
    IntentState.EXPIRED: "EXPIRED",
    IntentState.CANCELLED: "FAILED",
}

# What an intent's end without a fill says about the attempt that is named with it.
_ATTEMPT_AT_CLOSE: dict[IntentState, AttemptState] = {
    IntentState.FAILED: AttemptState.LANDED_ERROR,
    IntentState.EXPIRED: AttemptState.EXPIRED,
}
# Bytes leave for an intent that is signed, unknown, or sent already with other bytes. One that has ended becomes `sent`
# again only when the network takes its transaction back.
SENDABLE = (sources_of(IntentState.SENT) - TERMINAL) | {IntentState.SENT}
_UNFILLED = frozenset({IntentState.FAILED, IntentState.EXPIRED, IntentState.CANCELLED})

# These ends count as a failed trade of the day; a cancelled intent never left the house.
FAILED_TRADES = frozenset({IntentState.FAILED, IntentState.EXPIRED})


def is_failed_trade(intent: Intent) -> bool:
    """Whether an intent counts as a failed trade; a closing of emptied accounts is none, nor is a withdrawal."""
    return intent.state in FAILED_TRADES and intent.request.side in TRADES


# A sniper's buy takes one of the day's places while it is in flight and when it filled; without a fill it gives it back.
SNIPE_GIVEN_BACK = _UNFILLED


@dataclass(frozen=True, slots=True)
class WalletFacts:
    """What the rows say about one wallet, one mint and one mode at one moment; all of it feeds the risk gate.

    `open_positions` counts the wallet's open positions and its in-flight buys of mints that it does not hold yet, so
    that buys on their way cannot exceed the limit together and each has its reserve for the exit. The last three are of the user,
    over all of his wallets of the mode, and the last two of buys in the request's own context; all three are 0 for a sale.
    """

    reserved_lamports: int
    open_positions: int
    mint_cost_lamports: int
    exposure_lamports: int
    mint_in_flight: int
    mint_sells_in_flight: int
    mint_held_raw: int
    realized_today_lamports: int
    snipes_today: int
    user_positions: int
    strategy_positions: int
    strategy_spent_lamports: int


def risk_snapshot(
    facts: WalletFacts,
    *,
    settings: UserSettings,
    ceilings: Ceilings,
    pause_causes: Sequence[str],
    wallet_lamports: int,
    unrealized_lamports: int,
) -> RiskSnapshot:
    """The gate's view: the rows' facts and what the caller knows."""
    return RiskSnapshot(
        pause_causes=tuple(pause_causes),
        settings=settings,
        ceilings=ceilings,
        wallet_lamports=wallet_lamports,
        reserved_lamports=facts.reserved_lamports,
        open_positions=facts.open_positions,
        mint_cost_lamports=facts.mint_cost_lamports,
        exposure_lamports=facts.exposure_lamports,
        mint_in_flight=facts.mint_in_flight,
        mint_sells_in_flight=facts.mint_sells_in_flight,
        mint_held_raw=facts.mint_held_raw,
        loss_today_lamports=max(0, -facts.realized_today_lamports - unrealized_lamports),
        snipes_today=facts.snipes_today,
        user_positions=facts.user_positions,
        strategy_positions=facts.strategy_positions,
        strategy_spent_lamports=facts.strategy_spent_lamports,
    )


def planned_intent(request: TradeRequest, intent_id: str, reserved_lamports: int, now_ms: int) -> Intent:
    """The intent of an admitted request, as it is first written; ValueError for a gate that reserves less than nothing."""
    if reserved_lamports < 0:
        raise ValueError(f"the gate reserved {reserved_lamports} lamports for {request.key}")
    return Intent(
        id=intent_id,
        request=replace(request, reason=storable(request.reason), evidence=storable(request.evidence)),
        state=IntentState.PLANNED,
        reserved_lamports=reserved_lamports,
        created_at_ms=now_ms,
    )


def run_of(request: TradeRequest) -> str | None:
    """The id of the snipe run that a request belongs to; None for everything but a sniper's buy."""
    is_snipe = request.context is Context.SNIPER and request.side is Side.BUY
    return request.causation_id if is_snipe else None


def is_recorded(intent: Intent, attempts: Sequence[Attempt], attempt: Attempt) -> bool:
    """Whether an attempt is written already, so that writing it again changes nothing; False when it may be written.

    Raises Conflict when the intent cannot be signed now: it is in another state, it is a buy or a sale of a part with
    an attempt that may still land (decisions, money path 3), or the attempt's number is taken; ValueError for a number
    below 1.
    """
    if attempt.number < 1:
        raise ValueError(f"attempts are numbered from 1, not from {attempt.number}")
    if intent.state in IN_FLIGHT and any(
        (row.signature, row.raw) == (attempt.signature, attempt.raw) for row in attempts
    ):
        return True
    if intent.state not in sources_of(IntentState.SIGNED):
        raise wrong_state(intent.id, intent.state, IntentState.SIGNED)
    open_attempts = [row for row in attempts if row.state in MAY_LAND]
    if open_attempts and intent.request.side is Side.BUY:
        raise Conflict(f"intent {intent.id} is a buy with an attempt that may still land; it is not signed again")
    if open_attempts and not all(row.sells_all for row in (*open_attempts, attempt)):
        raise Conflict(f"intent {intent.id} sells a part with an attempt that may still land; it is not signed again")
    if attempt.number in {row.number for row in attempts}:
        raise Conflict(f"attempt {attempt.number} of intent {intent.id} exists already")
    return False


def attempt_at_close(state: IntentState, signature: str | None) -> AttemptState | None:
    """The state of the attempt named when an intent ends as `state`; None when none is named.

    Raises ValueError for a state that is no end without a fill, and for an attempt named with a cancelled intent.
    """
    if state not in _UNFILLED:
        raise ValueError(f"{state} is not an end without a fill; use failed, expired or cancelled")
    if signature is None:
        return None
    if state not in _ATTEMPT_AT_CLOSE:
        raise ValueError(f"an intent with the attempt {signature} was signed and cannot be {state}")
    return _ATTEMPT_AT_CLOSE[state]


def may_land(attempts: Sequence[Attempt], signature: str | None) -> bool:
    """Whether the attempt named may still land; False when none is named."""
    return any(row.signature == signature and row.state in MAY_LAND for row in attempts)


def ends_later(intent: Intent, attempts: Sequence[Attempt], signature: str | None) -> bool:
    """Whether the end of the attempt named does not end its intent: that has ended already, or another one may land.

    Raises LookupError when it is no attempt of an intent on its way.
    """
    if intent.state in TERMINAL:
        return True
    if signature is not None and all(row.signature != signature for row in attempts):
        raise no_attempt(intent.id, signature)
    return signature is not None and any(row.state in MAY_LAND and row.signature != signature for row in attempts)


def check_legs(legs: Sequence[Leg]) -> None:
    """Raises ValueError unless the legs of an entry sum to zero."""
    total = sum(leg.lamports for leg in legs)
    if total:
        raise ValueError(f"the legs of a ledger entry sum to {total} lamports, not to zero")


def check_run_status(status: str) -> None:
    """Raises ValueError for a status that no snipe run has."""
    if status not in RUN_STATUSES:
        raise ValueError(f"{status!r} is not the status of a snipe run; use one of {', '.join(sorted(RUN_STATUSES))}")


def check_signal(signal: WalletSignal) -> None:
    """Raises ValueError for a swap that moved no tokens, whose price nobody could tell, or less than nothing."""
    if signal.token_raw <= 0 or signal.quote_lamports < 0:
        raise ValueError(
            f"{signal.signature} swapped {signal.token_raw} raw tokens for {signal.quote_lamports} lamports"
        )


def check_owner(user: User, wallet: Wallet) -> None:
    """Raises ValueError when a new user's wallet names another user, or trades in another mode than he does."""
    if wallet.user_id != user.id:
        raise ValueError(f"wallet {wallet.id} belongs to user {wallet.user_id}, not to {user.id}")
    if wallet.mode is not user.mode:
        raise ValueError(f"wallet {wallet.id} is of mode {wallet.mode.value}, its user's mode is {user.mode.value}")


def no_message(message_id: str) -> LookupError:
    """The error of a message that does not exist."""
    return LookupError(f"there is no outbox message {message_id}")


def no_position(position_id: str) -> LookupError:
    """The error of a position that does not exist."""
    return LookupError(f"there is no position {position_id}")


def other_cluster(bound: str, genesis_hash: str) -> Conflict:
    """The error of a database that belongs to another cluster than the one that the program talks to."""
    return Conflict(f"this database belongs to the cluster {bound}, not to {genesis_hash}; use another --data-dir")


def no_intent(intent_id: str) -> LookupError:
    """The error of a transition of an intent that does not exist."""
    return LookupError(f"there is no intent {intent_id}")


def no_attempt(intent_id: str, signature: str) -> LookupError:
    """The error of an attempt that its intent does not have."""
    return LookupError(f"intent {intent_id} has no attempt {signature}")


def unknown_signature(signature: str) -> LookupError:
    """The error of a signature that no attempt has."""
    return LookupError(f"there is no attempt {signature}")


def other_intent(signature: str, settled_id: str, intent_id: str) -> Conflict:
    """The error of a fill that settled another intent already."""
    return Conflict(f"{signature} settled intent {settled_id}, not {intent_id}")


def no_user(user_id: str) -> LookupError:
    """The error of a user who does not exist."""
    return LookupError(f"there is no user {user_id}")


def no_wallet(user_id: str, wallet_id: str) -> LookupError:
    """The error of a request for a wallet that its user does not have."""
    return LookupError(f"user {user_id} has no wallet {wallet_id}")


def no_wallet_in(user_id: str, mode: Mode) -> Conflict:
    """The error of a mode that a user has no wallet of."""
    return Conflict(f"user {user_id} has no wallet of mode {mode.value}")


def wrong_state(intent_id: str, state: IntentState, target: IntentState) -> Conflict:
    """The error of a transition that is not legal from where the intent is."""
    return Conflict(f"intent {intent_id} is {state} and cannot become {target}")


def in_mode(mode: Mode, wanted: Mode | None) -> bool:
    """Whether a row of `mode` belongs to a sum over `wanted`; None is every mode."""
    return wanted is None or mode is wanted


def halt_facts(halt: Halt) -> dict[str, object]:
    """What the audit says of a halt that is latched or taken away."""
    return {"cause": halt.cause, "since_ms": halt.since_ms, "latched_by": halt.by, "why": storable(halt.why)}


def cause_of_facts(facts: Mapping[str, object] | str, since_ms: int) -> Cause:
    """The pause that an entry of the audit is about, which `cause_facts` has written."""
    said = json.loads(facts) if isinstance(facts, str) else facts
    return Cause(
        str(said["cause"]),
        str(said["scope"]),
        since_ms,
        str(said["set_by"]),
        str(said["why"]),
        Binds(str(said["binds"])),
    )


def cause_facts(cause: Cause) -> dict[str, object]:
    """What the audit says of a pause cause that is set or taken away."""
    return {
        "cause": cause.name,
        "scope": cause.scope,
        "set_by": cause.by,
        "why": storable(cause.why),
        "binds": cause.binds.value,
    }


def config_facts(version: ConfigVersion) -> dict[str, object]:
    """A version of the program's settings as the audit has it."""
    return {
        "version": version.number,
        "why": version.why,
        "values": dict(version.values),
        "changed": {key: list(change) for key, change in version.changed.items()},
    }


def storable(text: str) -> str:
    """Text as PostgreSQL can hold it: NUL and lone surrogates, which token names carry, become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def encode_payload(payload: dict[str, object]) -> str:
    """What a message or an audit entry says as ASCII JSON; raises TypeError or ValueError for what JSON cannot say."""
    return json.dumps(payload, allow_nan=False)


def decode_payload(text: str) -> dict[str, object]:
    """The payload of an outbox row, or the facts of an audit entry."""
    payload = json.loads(text)
    if not isinstance(payload, dict):
        raise TypeError(f"a payload is {type(payload).__name__}, not an object")
    return payload
