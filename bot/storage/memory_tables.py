"""The rows of the in-memory store, and what several of its parts do with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.errors import Conflict
from bot.ports import (
    AllowedAddress,
    AutoDecision,
    ChatMessage,
    ConfigVersion,
    HourMeasure,
    KeyExport,
    LedgerCheck,
    OutboxMessage,
    PastPrice,
    Remark,
    SealedKey,
    SealedNote,
    SnipeRun,
    Subject,
    TakenCommand,
    Token,
    TrackedWallet,
    User,
    Wallet,
    WalletCursor,
    WalletSignal,
)
from bot.storage.position_rules import Adjusted
from bot.storage.position_table import PositionTable
from bot.storage.reversal_rules import Moved
from bot.storage.rules import FAILED_TRADES, decode_payload, encode_payload, no_user, storable
from bot.storage.share_rules import ShareRow
from bot.trading.alerting import AlertLevel
from bot.trading.copying import Copy, CopyRule
from bot.trading.fill import Fill
from bot.trading.flatten import FlattenRow
from bot.trading.intent import TRADES, Attempt, Intent, IntentState, Mode, TradeRequest
from bot.trading.ledger import Account, Entry, EntryKind
from bot.trading.limits import UserSettings
from bot.trading.opportunity import AutoPlan
from bot.trading.position import Position
from bot.trading.rewards import Award
from bot.trading.standing import StandingOrder
from bot.trading.trader import Trader
from bot.trading.trading_state import Cause, Halt
from bot.trading.wallet_ledger import MintBook


@dataclass(frozen=True, slots=True)
class MemoryTrade:
    """A settled fill of `intent`, which is as it was when it filled; `realized_lamports` is 0 for a buy.

    `moved` is what it added to its position, or took from it.
    """

    intent: Intent
    fill: Fill
    position_id: str
    realized_lamports: int
    moved: Moved

    @property
    def at_ms(self) -> int:
        """When the block was made, in milliseconds since 1970."""
        return self.fill.block_time_s * 1000


@dataclass(frozen=True, slots=True)
class MemoryReversal:
    """A fill that was taken back, and what showed it; `at_ms` is when the books took it back."""

    trade: MemoryTrade
    evidence: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class MemoryAdjustment:
    """A quantity that was put right, by which transaction or sweep where one is known; `undone` when it was ours after all."""

    position_id: str
    wallet_id: str
    taken: Adjusted
    signature: str | None
    at_ms: int
    undone: bool = False
    sweep_id: str | None = None

    @property
    def lamports(self) -> int:
        """What it made its user, negative for a loss."""
        is_result = not self.undone and self.sweep_id is None
        return self.taken.proceeds_lamports - self.taken.cost_lamports if is_result else 0


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to the program: `by` is a person or a subsystem, `action` a few stable words, `detail` the facts."""

    at_ms: int
    by: str
    action: str
    detail: dict[str, object]


def _is_of(row: TradeRequest | Position, user_id: str | None, mode: Mode | None) -> bool:
    return user_id in (None, row.user_id) and mode in (None, row.mode)


class MemoryTables:
    """One dictionary per table; insertion order stands for the order of writing."""

    def __init__(self) -> None:
        self.ledger: list[Entry] = []
        self.audited: list[AuditEntry] = []
        self._users: dict[str, User] = {}
        self._wallets: dict[str, Wallet] = {}
        self._keys: dict[str, SealedKey] = {}
        self._settings: dict[str, UserSettings] = {}
        self._allowed_addresses: dict[str, AllowedAddress] = {}
        self._key_exports: dict[str, KeyExport] = {}
        self._notes: dict[tuple[str, str], SealedNote] = {}  # by user and name
        self._intents: dict[str, Intent] = {}
        self._moving: dict[str, Intent] = {}
        self._intent_of_key: dict[str, str] = {}
        self._closed_at_ms: dict[str, int] = {}
        self._attempts: dict[str, Attempt] = {}
        self._sent_at_ms: dict[str, int] = {}
        self._attempts_by_intent: dict[str, dict[str, Attempt]] = {}
        self._trades: dict[str, MemoryTrade] = {}  # those that stand, in the order in which they settled
        self._adjustments: list[MemoryAdjustment] = []
        self._reversals: list[MemoryReversal] = []
        self._reversed_at_ms: dict[tuple[str | None, int], int] = {}  # by signature and landing
        self._positions = PositionTable()
        self._runs: dict[str, SnipeRun] = {}
        self._outbox: dict[str, OutboxMessage] = {}
        self._delivered: dict[str, int] = {}
        self._undeliverable: dict[str, str] = {}
        self._configs: list[ConfigVersion] = []
        self._measures: dict[tuple[int, str], HourMeasure] = {}
        self._alert_levels: dict[str, dict[str, AlertLevel]] = {}
        self._chat_messages: dict[Subject, ChatMessage] = {}
        self._inbox: dict[int, TakenCommand] = {}
        self._inbox_done: dict[int, int] = {}
        self._tracked: dict[tuple[str, str], TrackedWallet] = {}
        self._auto_plans: dict[str, AutoPlan] = {}
        self._auto_decisions: dict[str, AutoDecision] = {}
        self._cursors: dict[str, WalletCursor] = {}
        self._ledger_checks: dict[str, LedgerCheck] = {}
        self._signals: dict[tuple[str, str, str, str], WalletSignal] = {}
        self._folded_books: dict[tuple[str, str], MintBook] = {}  # of swaps that are kept no more, by address and mint
        self._tokens: dict[str, Token] = {}
        self._traders: dict[str, Trader] = {}
        self._handles: dict[str, tuple[str, str]] = {}  # by likeness, with whose it is; nobody's once he has left
        self._delisted_leavers: dict[str, str] = {}  # why, by the mark of a person
        self._trader_shares: dict[str, dict[int, int]] = {}  # by user, from when on
        self._ratings: dict[int, Remark] = {}  # by number
        self._rating_number = 0
        self._awards: dict[str, list[Award]] = {}  # by user
        self._shares: dict[str, ShareRow] = {}  # by the order that sold
        self._prices: dict[str, dict[int, PastPrice]] = {}  # by mint and moment
        self._standings: dict[str, StandingOrder] = {}
        self._copy_rules: dict[str, CopyRule] = {}
        self._copies: dict[tuple[str, str, int], Copy] = {}  # by user, signature and instruction
        self._copies_ended: set[str] = set()
        self._copies_due: dict[tuple[str, str, str, str], None] = {}  # keys of signals
        self._flattens: dict[tuple[str, str], FlattenRow] = {}
        self._causes: dict[tuple[str, str], Cause] = {}
        self._genesis_hash: str | None = None
        self._halt: Halt | None = None
        self._ended_halts: list[tuple[Halt, int]] = []  # with the moment of each rearm

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} users={len(self._users)} intents={len(self._intents)}"
            f" positions={len(self._positions)} owed={sum(self._is_due(message_id) for message_id in self._outbox)}>"
        )

    def _put_notes(self, user_id: str, notes: Mapping[str, SealedNote | None]) -> None:
        """Write some of a user's notes and take those away that are None."""
        for name, note in notes.items():
            if note is None:
                self._notes.pop((user_id, name), None)
            else:
                self._notes[user_id, name] = note

    def _has_looked(self, run: SnipeRun) -> bool:
        """Whether its user has a run for its mint and epoch."""
        return any(
            (row.user_id, row.mint, row.epoch) == (run.user_id, run.mint, run.epoch) for row in self._runs.values()
        )

    def _put_run(self, run: SnipeRun) -> None:
        """Write a new run; raises Conflict when its id is taken."""
        if run.id in self._runs:
            raise Conflict(f"snipe run {run.id} exists already")
        self._runs[run.id] = run

    def _user(self, user_id: str) -> User:
        """Raises LookupError for an unknown user."""
        if user_id not in self._users:
            raise no_user(user_id)
        return self._users[user_id]

    def _judged(self) -> set[str]:
        """Positions with a trade that stands; those of which all was swept and nothing sold have neither won nor lost."""
        swept = {row.position_id for row in self._adjustments if row.sweep_id is not None}
        traded = {row.position_id for row in self._trades.values()}
        return {one for one in traded if one not in swept or self._positions[one].realized_lamports}

    def _tokens_at_cost(self, position_id: str) -> int:
        """What the market was paid for the tokens that a position still holds, in lamports."""
        return sum(entry.tokens_lamports for entry in self.ledger if entry.position_id == position_id)

    def _results(self, since_ms: int, user_id: str | None = None, mode: Mode | None = None) -> int:
        """What was made or lost for good since a moment: sales, failed orders, and tokens that left without an order."""
        trades = sum(
            row.realized_lamports
            for row in self._trades.values()
            if row.at_ms >= since_ms and _is_of(row.intent.request, user_id, mode)
        )
        failed = {
            row.id
            for row in self._intents.values()
            if row.state in FAILED_TRADES
            and self._closed_at_ms[row.id] >= since_ms
            and _is_of(row.request, user_id, mode)
        }
        adjusted = sum(
            row.lamports
            for row in self._adjustments
            if row.at_ms >= since_ms and _is_of(self._positions[row.position_id], user_id, mode)
        )
        unfilled = sum(row.wallet_lamports for row in self.ledger if row.intent_id in failed)
        paid = self._closing_costs(since_ms, user_id, mode) + self._fees_beside(since_ms, user_id, mode)
        return trades + adjusted + unfilled - paid

    def _fees_beside(self, since_ms: int, user_id: str | None = None, mode: Mode | None = None) -> int:
        """What attempts took that landed with an error beside the one that filled their order."""
        filled_by = {
            row.intent.id: row.fill.signature
            for row in self._trades.values()
            if row.at_ms >= since_ms and _is_of(row.intent.request, user_id, mode)
        }
        return sum(self._beside(filled_by).values())

    def _beside(self, filled_by: Mapping[str, str]) -> Counter[str]:
        """By order what it paid for attempts beside the one that filled it; what the network took back cost nothing."""
        paid: dict[tuple[str, str | None, int], int] = {}
        for entry in self.ledger:
            order = entry.intent_id or ""
            if order not in filled_by or entry.signature == filled_by[order]:
                continue
            if entry.kind is EntryKind.FEE:
                paid[order, entry.signature, entry.landing] = -entry.wallet_lamports
            elif entry.kind is EntryKind.REVERSAL:
                paid.pop((order, entry.signature, entry.landing), None)
        sums: Counter[str] = Counter()
        for (order, _, _), lamports in paid.items():
            sums[order] += lamports
        return sums

    def _closing_costs(self, since_ms: int, user_id: str | None = None, mode: Mode | None = None) -> int:
        """What the network took for closings and withdrawals that succeeded; what they moved is nobody's gain or loss."""
        closed = {
            row.id
            for row in self._intents.values()
            if row.state is IntentState.FILLED
            and row.request.side not in TRADES
            and self._closed_at_ms[row.id] >= since_ms
            and _is_of(row.request, user_id, mode)
        }
        return sum(
            leg.lamports
            for row in self.ledger
            if row.intent_id in closed
            for leg in row.legs
            if leg.account in {Account.NETWORK_FEE, Account.PRIORITY_FEE}
        )

    def _ours(self, wallet_id: str, signatures: Sequence[str]) -> set[str]:
        booked = {entry.signature for entry in self.ledger if entry.wallet_id == wallet_id}
        booked |= {row.signature for row in self._adjustments if row.wallet_id == wallet_id}
        orders = {one for one in signatures if one in self._attempts and self._wallet_of_attempt(one) == wallet_id}
        return orders | {one for one in signatures if one in booked}

    def _wallet_of_attempt(self, signature: str) -> str:
        return self._intents[self._attempts[signature].intent_id].request.wallet_id

    def _is_due(self, message_id: str) -> bool:
        return message_id not in self._delivered and message_id not in self._undeliverable

    def _put_audit(self, by: str, action: str, detail: dict[str, object], at_ms: int | None) -> None:
        """Keep an entry as it would come back from JSON. Without a moment PostgreSQL takes its own; the twin has 0."""
        stored = decode_payload(encode_payload(detail))
        self.audited.append(AuditEntry(at_ms or 0, storable(by), storable(action), stored))

    def _put_message(self, message: OutboxMessage) -> None:
        """Keep a message as it would come back from JSON; one whose id is there already is left as it is."""
        self._user(message.user_id)
        stored = replace(message, payload=decode_payload(encode_payload(message.payload)))
        self._outbox.setdefault(message.id, stored)
