"""Requests, intents and attempts, and the transitions that are legal between their states.

A request is what somebody wants; an intent is a request that was admitted and committed; an attempt is one signed
transaction of an intent. One intent has many attempts, and a signature belongs to exactly one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.trading.units import BPS


class Mode(StrEnum):
    PAPER = "paper"
    DRY_RUN = "dry_run"
    LIVE = "live"


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"
    CLOSE = "close"  # no trade: emptied token accounts are closed, and their rent comes back
    WITHDRAW = "withdraw"  # no trade: SOL goes to an address that its user has allowed


SWEEP = "sweep"  # the reason of a withdrawal from a frozen wallet to its user's safe address
TRADES = frozenset({Side.BUY, Side.SELL})


class Context(StrEnum):
    """Who wanted the trade."""

    MANUAL_COMMAND = "manual_command"
    AI_SIGNAL = "ai_signal"
    SNIPER = "sniper"
    COPY_TRADE = "copy_trade"
    AUTOMATED = "automated"


FORESEEN = frozenset({Context.SNIPER, Context.COPY_TRADE})  # many want one token at once: what they ask is asked before


class Protection(StrEnum):
    """Which routes may see the bytes before they land.

    Block engines only; those only until the order has not landed for 20 slots, then every route; every route at once.
    """

    PROTECTED = "protected"
    PROTECTED_FIRST = "protected_first"
    OPEN = "open"


class IntentState(StrEnum):
    PLANNED = "planned"  # committed, limits reserved, nothing signed
    SIGNED = "signed"  # an attempt's bytes are committed; nothing is known to have left
    SENT = "sent"  # bytes may have left
    UNKNOWN = "unknown"  # sent, past its last valid height, not yet proven either way
    FILLED = "filled"  # a fill is settled, or what a closing brought back is booked
    FAILED = "failed"  # landed with an error, or could not be built or sent
    EXPIRED = "expired"  # proven never to have landed
    CANCELLED = "cancelled"  # given up before anything was signed


class AttemptState(StrEnum):
    SIGNED = "signed"
    SENT = "sent"
    LANDED = "landed"
    LANDED_ERROR = "landed_error"  # landed and is no fill: with an error, or not as the trade that was asked for
    EXPIRED = "expired"


MAY_LAND = frozenset({AttemptState.SIGNED, AttemptState.SENT})

TERMINAL = frozenset({IntentState.FILLED, IntentState.FAILED, IntentState.EXPIRED, IntentState.CANCELLED})
IN_FLIGHT = frozenset(IntentState) - TERMINAL

# From an end there is one way back: the network took back the block that the order had landed in, or it landed after all.
LEGAL: dict[IntentState, frozenset[IntentState]] = {
    IntentState.PLANNED: frozenset({IntentState.SIGNED, IntentState.FAILED, IntentState.CANCELLED}),
    IntentState.SIGNED: frozenset(
        {IntentState.SENT, IntentState.UNKNOWN, IntentState.FILLED, IntentState.FAILED, IntentState.EXPIRED}
    ),
    IntentState.SENT: frozenset(
        {IntentState.UNKNOWN, IntentState.FILLED, IntentState.FAILED, IntentState.EXPIRED, IntentState.SIGNED}
    ),
    IntentState.UNKNOWN: frozenset(
        {IntentState.FILLED, IntentState.FAILED, IntentState.EXPIRED, IntentState.SIGNED, IntentState.SENT}
    ),
    IntentState.FILLED: frozenset({IntentState.SENT}),
    IntentState.FAILED: frozenset({IntentState.SENT}),
    IntentState.EXPIRED: frozenset({IntentState.SENT}),
    IntentState.CANCELLED: frozenset(),
}


def sources_of(target: IntentState) -> frozenset[IntentState]:
    """The states from which `target` may be entered; storage guards every transition with them."""
    return frozenset(state for state, targets in LEGAL.items() if target in targets)


@dataclass(frozen=True, slots=True)
class TradeRequest:
    """A wish to trade, before the risk gate.

    `key` makes it idempotent: the same key never becomes two intents. A buy names `spend_lamports`, everything
    included but network fees and account rent. A sale names either `token_raw` or `share_bps` of the balance that the
    chain shows at signing (10,000 is all of it); one of everything closes the token account and takes its rent back
    unless `keep_account` is set, because anybody who sends dust to the account makes the closing fail.
    `causation_id` is the id of what led here: a snipe run, a command, a position. `min_token_raw` is the least tokens
    that a buyer was shown before he confirmed; he never gets fewer, however the price has moved since. `min_lamports` is
    the least that a sale brings whose user has named its price. `evidence` is what shows that `reason` holds, for whoever asks
    why; empty where the reason says it all.

    A closing trades nothing and names no `mint`: `closes` are the mints of the emptied token accounts that one transaction
    closes. A withdrawal names no mint either: `spend_lamports` go `to_address`, the fee besides, or with a `share_bps` of 10,000
    all that may leave, which its intent names as lamports. A sweep may name a `mint`: it takes all of that token then, which its
    intent names as `token_raw`, and no lamports.
    """

    key: str
    user_id: str
    wallet_id: str
    mode: Mode
    side: Side
    mint: str
    context: Context
    slippage_bps: int
    protection: Protection
    causation_id: str
    reason: str
    spend_lamports: int = 0
    token_raw: int = 0
    share_bps: int = 0
    keep_account: bool = False
    position_id: str | None = None
    min_token_raw: int = 0
    min_lamports: int = 0
    closes: tuple[str, ...] = ()
    evidence: str = ""
    to_address: str = ""

    @property
    def is_sweep(self) -> bool:
        """Whether it takes SOL or a token of a frozen wallet to its user's safe address."""
        return self.side is Side.WITHDRAW and self.reason == SWEEP

    def __post_init__(self) -> None:
        if not 0 <= self.slippage_bps <= BPS:
            raise ValueError(f"slippage_bps {self.slippage_bps} is outside 0..{BPS}")
        if (self.side is Side.CLOSE) != bool(self.closes):
            raise ValueError("a closing names the mints of the accounts that it closes, and nothing else names any")
        if (self.side is Side.WITHDRAW) != bool(self.to_address):
            raise ValueError("a withdrawal names where it goes, and nothing else does")
        if self.side is Side.WITHDRAW:
            self._check_withdrawal()
        elif self.side is Side.CLOSE:
            if self.mint or any(
                (self.spend_lamports, self.token_raw, self.share_bps, self.min_token_raw, self.min_lamports)
            ):
                raise ValueError("a closing trades nothing")
        elif self.side is Side.BUY:
            if self.spend_lamports <= 0 or self.token_raw or self.share_bps:
                raise ValueError("a buy names spend_lamports and no quantity to sell")
            if self.min_token_raw < 0 or self.min_lamports:
                raise ValueError("the least tokens of a buy are not below zero, and it has no least lamports")
        elif self.min_token_raw:
            raise ValueError("a sale has no least tokens")
        elif self.spend_lamports or min(self.token_raw, self.share_bps, self.min_lamports) < 0 or self.share_bps > BPS:
            raise ValueError("a sale spends nothing, sells no less than nothing and no more than everything")
        elif (self.token_raw > 0) == (self.share_bps > 0):
            raise ValueError("a sale names either token_raw or share_bps")

    def _check_withdrawal(self) -> None:
        if self.min_token_raw or self.min_lamports or min(self.spend_lamports, self.token_raw, self.share_bps) < 0:
            raise ValueError("a withdrawal trades nothing")
        if self.mint:
            if not self.is_sweep or self.spend_lamports or (self.token_raw > 0) == (self.share_bps == BPS):
                raise ValueError("a withdrawal of a token is a sweep of all of it")
        elif self.token_raw or (self.spend_lamports > 0) == (self.share_bps == BPS):
            raise ValueError("a withdrawal names lamports, or all of them")


@dataclass(frozen=True, slots=True)
class Intent:
    """A request that was admitted: the row that exists before anything is signed."""

    id: str
    request: TradeRequest
    state: IntentState
    reserved_lamports: int
    created_at_ms: int
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed transaction of an intent: the bytes that may be sent again freely.

    `limit_raw` is the bound that the bytes carry: the least raw tokens out for a buy, the least lamports for a sale.
    `sells_all` says that the bytes sell the token account's whole balance of their moment: of several such at most one
    can succeed. `fee_lamports` is what landing costs at most, whether it succeeds or not. `landed_slot` is where it has
    landed, None while that is not known; `final` says that it stays there. `rollbacks` counts how often the network has
    taken it back.
    """

    signature: str
    intent_id: str
    number: int
    raw: bytes
    last_valid_block_height: int
    token_raw: int
    limit_raw: int
    state: AttemptState
    created_at_ms: int
    error: str | None = None
    sells_all: bool = False
    fee_lamports: int = 0
    landed_slot: int | None = None
    final: bool = False
    rollbacks: int = 0
