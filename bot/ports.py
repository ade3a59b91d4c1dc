"""The ports: what the rooms above ask of storage, the chain, the vault and the doors, as protocols and plain records.

Every port has a real adapter and an in-memory twin that pass the same contract suite. Whatever a port cannot answer it
says by raising `bot.errors.Unavailable`; no port ever answers a failed question with zero or with an empty list.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from bot.trading.curve import Curve, Fees
from bot.trading.fill import Fill, LandedTransaction
from bot.trading.intent import Attempt, Intent, IntentState, Mode, Side, TradeRequest
from bot.trading.launch import LaunchpadEvent
from bot.trading.ledger import Leg
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.position import Position
from bot.trading.recovery import Absence, SignatureStatus
from bot.trading.risk_gate import Admitted, Refused, RiskSnapshot
from bot.trading.trading_state import Cause, Halt

# ---------------------------------------------------------------------------------------------------------- storage


@dataclass(frozen=True, slots=True)
class User:
    """A person who consented. `handle` is a short unique name (`demo-1`); `telegram_id` is None for demo users.

    `consent_version` names the consent text that the person agreed to; it is asked again when the text changes.
    """

    id: str
    handle: str
    telegram_id: int | None
    mode: Mode
    consent_version: str


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet that the bot signs for. `address` is base58; the sealed key lives beside it and never leaves the vault."""

    id: str
    user_id: str
    address: str


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A wallet's private key in envelope encryption.

    `wrapped_data_key` is the data key under the master key `master_key_id`; `ciphertext` is the private key under the
    data key. Both are AES-256-GCM with a 12-byte nonce in front, bound to user id and public key as associated data.
    """

    master_key_id: str
    wrapped_data_key: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class SnipeRun:
    """One look of one user's sniper at one token; unique per user, mint and epoch.

    `status` is ANALYZED, MONITORING, EXECUTING, COMPLETED, FAILED, SKIPPED, EXPIRED or UNKNOWN.
    """

    id: str
    user_id: str
    mint: str
    epoch: int
    status: str
    reason: str
    confidence_bps: int
    launch_signature: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """Something a user must be told, written in the transaction that made it true. `urgent` ones are sent first.

    `payload` is JSON-ready; `trace_id` ties the message to the intent or run that caused it.
    """

    id: str
    user_id: str
    kind: str
    payload: dict[str, object]
    urgent: bool
    trace_id: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settlement did. `position` is its state after; `realized_lamports` is 0 for a buy."""

    intent: Intent
    position: Position
    realized_lamports: int
    already_done: bool


@dataclass(frozen=True, slots=True)
class Day:
    """A user's or the program's sums since a moment: trades, and net PnL in lamports, fees of failed orders included."""

    buys: int
    sells: int
    failed: int
    realized_lamports: int
    closed_positions: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to the program: `by` is a person or a subsystem, `action` a few stable words, `detail` the facts."""

    at_ms: int
    by: str
    action: str
    detail: dict[str, object]


@dataclass(frozen=True, slots=True)
class TrackedWallet:
    """Somebody's wallet (base58 address) that a user follows under a label of his own."""

    user_id: str
    address: str
    label: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class WalletCursor:
    """How far a followed wallet was read: its newest transaction that is dealt with, and the slot of it.

    `signature` is None for a wallet that had no transaction when it was first read.
    """

    address: str
    signature: str | None
    slot: int


@dataclass(frozen=True, slots=True)
class WalletSignal:
    """What one transaction of a followed wallet bought or sold of one token on the launchpad.

    The price is `quote_lamports` per `token_raw`: what went into or out of the curve, without fees, per raw units. Kept
    as the two integers, so that nothing is rounded. Several swaps of one side in one transaction are one signal.
    """

    address: str
    mint: str
    side: Side
    token_raw: int
    quote_lamports: int
    slot: int
    block_time_s: int
    signature: str


Gate = Callable[[RiskSnapshot], Admitted | Refused]
MakeMessage = Callable[[Position, int], OutboxMessage]


class UserStore(Protocol):
    async def create_user(self, user: User, wallet: Wallet, key: SealedKey, settings: UserSettings) -> bool:
        """Write user, wallet, sealed key and settings in one transaction; False when the handle exists, changing nothing."""

    async def users(self) -> list[User]: ...

    async def user_by_handle(self, handle: str) -> User | None: ...

    async def user_by_telegram_id(self, telegram_id: int) -> User | None: ...

    async def save_consent(self, user_id: str, version: str) -> None: ...

    async def wallets(self, user_id: str | None = None) -> list[Wallet]:
        """The wallets of one user, or all, oldest first."""

    async def sealed_key(self, wallet_id: str) -> SealedKey:
        """Raises KeyUnavailable for an unknown wallet."""

    async def settings(self, user_id: str) -> UserSettings:
        """Raises LookupError for an unknown user."""

    async def save_settings(self, user_id: str, settings: UserSettings, by: str) -> None:
        """Replace a user's settings, keeping the old row in the history with who changed it."""


class IntentStore(Protocol):
    """Intents and their attempts.

    The causation id of a buy with context `sniper` is its snipe run, whose status follows the intent in the same
    transaction: admit -> EXECUTING, unknown -> UNKNOWN, settle -> COMPLETED, failed or cancelled -> FAILED,
    expired -> EXPIRED.
    """

    async def admit(
        self,
        request: TradeRequest,
        *,
        intent_id: str,
        now_ms: int,
        wallet_lamports: int,
        unrealized_lamports: int,
        ceilings: Ceilings,
        pause_causes: Sequence[str],
        day_start_ms: int,
        gate: Gate,
    ) -> Intent | Refused:
        """Judge and write in one transaction that holds the wallet's row: snapshot, `gate`, intent `planned`, reservation.

        `unrealized_lamports` is what sales of the user's open positions would bring now beyond their cost.
        A request whose key already has an intent returns that intent as it stands, whatever its state, and writes nothing.
        """

    async def intent(self, intent_id: str) -> Intent | None: ...

    async def in_flight(self) -> list[tuple[Intent, list[Attempt]]]:
        """Every intent that is not in a terminal state, oldest first, with its attempts in order."""

    async def record_attempt(self, attempt: Attempt) -> None:
        """Commit an attempt's bytes and move its intent to `signed`; raises Conflict when the intent cannot be signed."""

    async def mark_sent(self, signature: str, now_ms: int) -> None:
        """The bytes are about to leave: attempt and intent become `sent`. Again for the same signature changes nothing."""

    async def mark_unknown(self, intent_id: str) -> None:
        """Past its last valid height and not proven: the intent becomes `unknown`; raises Conflict for a terminal one."""

    async def close_unfilled(
        self,
        intent_id: str,
        state: IntentState,
        failure: str,
        *,
        now_ms: int,
        signature: str | None = None,
        legs: Sequence[Leg] = (),
        message: OutboxMessage | None = None,
    ) -> bool:
        """End an intent without a fill (`failed`, `expired`, `cancelled`) and release its reservation, in one transaction.

        `signature` names the attempt that landed with an error or expired; `legs` are what it cost. False when the
        intent was terminal already.
        """

    async def settle(
        self, intent_id: str, fill: Fill, *, legs: Sequence[Leg], position_id: str, message: MakeMessage
    ) -> Settled:
        """Fill -> position, PnL, ledger, outbox and snipe run in one transaction, once per signature.

        `position_id` is used when the fill opens a position; a second settlement of the same signature changes
        nothing and says `already_done`. `message` makes the outbox row from the position after and the realised PnL.
        """


class PositionStore(Protocol):
    async def position(self, position_id: str) -> Position | None: ...

    async def open_positions(self, user_id: str | None = None) -> list[Position]: ...

    async def recent_positions(self, user_id: str, limit: int) -> list[Position]:
        """Open ones first, then the latest closed."""

    async def day(self, since_ms: int, user_id: str | None = None, mode: Mode | None = None) -> Day:
        """Sums since a moment; the modes are never mixed for a user's eyes: None, every mode, is for the program's own."""

    async def note_peak(self, position_id: str, peak_lamports: int, *, token_raw: int) -> None:
        """Remember the highest quote seen for the `token_raw` held, in lamports; a lower one changes nothing.

        A quote for another quantity than the row's, or for a closed position, is left out: it came too late. Raises
        LookupError for an unknown position.
        """

    async def adjust(
        self, position_id: str, chain_token_raw: int, *, evidence: str, now_ms: int, message: OutboxMessage
    ) -> Position:
        """Take the chain's quantity for an open position and write an adjustment row with its evidence; 0 closes it.

        Its cost shrinks by the missing share; tokens that came from outside cost nothing.
        """


class SnipeStore(Protocol):
    async def open_run(self, run: SnipeRun) -> bool:
        """False when this user already has a run for the mint and epoch; nothing is written then."""

    async def set_run(self, run_id: str, status: str, reason: str) -> None: ...

    async def runs_since(self, user_id: str, since_ms: int) -> list[SnipeRun]: ...

    async def expire_runs(self, now_ms: int) -> int:
        """At boot: runs left in ANALYZED or MONITORING, or EXECUTING without an intent, end as EXPIRED; how many did."""


class OutboxStore(Protocol):
    async def post(self, message: OutboxMessage) -> None: ...

    async def due(self, limit: int) -> list[OutboxMessage]:
        """Undelivered messages, urgent first, then oldest first."""

    async def delivered(self, message_id: str, now_ms: int) -> None: ...

    async def undeliverable(self, message_id: str, why: str, now_ms: int) -> None:
        """The message can never reach its reader; it is not due any more, so that nobody waits behind it."""


class TrackingStore(Protocol):
    async def track(self, wallet: TrackedWallet) -> bool:
        """Follow a wallet; False when the user follows it already, under whatever label. LookupError for no such user."""

    async def untrack(self, user_id: str, address: str) -> bool:
        """Follow it no more; False when the user did not. With its last follower the wallet's cursor goes, signals stay."""

    async def tracked(self, user_id: str | None = None) -> list[TrackedWallet]:
        """What one user follows, or all, oldest first."""

    async def cursor(self, address: str) -> WalletCursor | None:
        """How far a wallet was read, None before the first time."""

    async def move_cursor(self, cursor: WalletCursor) -> None:
        """Remember how far a wallet was read; one of a lower slot than is known changes nothing."""

    async def record_signal(self, signal: WalletSignal) -> bool:
        """Write a swap once per address, signature, mint and side; False when it is there. ValueError for no tokens."""

    async def signals(self, address: str, limit: int) -> list[WalletSignal]:
        """A wallet's swaps, the newest first."""

    async def signals_since(self, since_ms: int) -> int:
        """How many swaps of all followed wallets were made since a moment, by the time of their blocks."""


class ProgramStore(Protocol):
    async def genesis_hash(self) -> str | None:
        """The cluster that this database belongs to, None before its first boot."""

    async def bind_genesis(self, genesis_hash: str) -> None:
        """Bind a fresh database to a cluster; raises Conflict when it is bound to another."""

    async def causes(self) -> list[Cause]:
        """Pause causes that outlive a restart."""

    async def save_cause(self, cause: Cause) -> None: ...

    async def clear_cause(self, name: str, scope: str, by: str) -> None:
        """Take a cause away and write into the audit who did."""

    async def halt(self) -> Halt | None:
        """The halt that is latched; it outlives a restart and only `rearm` takes it away."""

    async def latch_halt(self, halt: Halt) -> bool:
        """Latch a halt; False when one is latched already, which stays as it is."""

    async def rearm(self, by: str, now_ms: int) -> bool:
        """Take the latched halt away and keep it as history; False when none is latched."""

    async def audit(self, by: str, action: str, detail: dict[str, object], now_ms: int) -> None:
        """Write who did what; `detail` is JSON-ready. Entries are never changed or deleted.

        Setting and clearing a cause, latching and re-arming write their own.
        """

    async def audit_log(self, limit: int) -> list[AuditEntry]:
        """The latest entries, newest first."""

    async def ping(self) -> None:
        """One round trip; raises StoreUnavailable."""


class Store(UserStore, IntentStore, PositionStore, SnipeStore, OutboxStore, TrackingStore, ProgramStore, Protocol):
    """All of storage as one port; callers take the narrowest protocol that serves them."""


# ------------------------------------------------------------------------------------------------------------ chain


@dataclass(frozen=True, slots=True)
class Blockhash:
    """A recent blockhash (base58) and the last block height at which it is valid."""

    value: str
    last_valid_block_height: int


@dataclass(frozen=True, slots=True)
class WalletBalances:
    """What the chain shows for a wallet at `slot`: lamports, and raw units by mint (SPL Token and Token-2022)."""

    slot: int
    lamports: int
    token_raw: dict[str, int]


@dataclass(frozen=True, slots=True)
class SwapOrder:
    """One launchpad trade to be built. `limit_raw` is the least tokens out (buy) or the least lamports out (sale).

    `close_account` asks a sale of everything to close the emptied token account and take its rent back.
    """

    wallet_address: str
    mint: str
    side: Side
    curve: Curve
    spend_lamports: int
    token_raw: int
    limit_raw: int
    compute_unit_limit: int
    priority_fee_lamports: int
    close_account: bool = False


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """One RPC endpoint as status shows it; `name` is redacted and safe to print.

    `breaker` is `closed`, `open` or `half_open`, or `refused` for one that serves another chain and is never asked.
    `latency_ms` and `error_bps` are moving averages; the latency is None before the first answer.
    """

    name: str
    healthy: bool
    since_ms: int
    slot: int | None
    detail: str
    breaker: str = "closed"
    latency_ms: int | None = None
    error_bps: int = 0


class Chain(Protocol):
    """Reads and sends. Commitment: accounts `confirmed`; statuses whatever is known. All raise ChainUnavailable."""

    async def genesis_hash(self) -> str: ...

    async def curve(self, mint: str) -> Curve:
        """Current reserves; raises LookupError when the mint has no curve account, DecodeError for a strange one."""

    async def curves(self, mints: Sequence[str]) -> dict[str, Curve]:
        """Current reserves of many mints in as few calls as the endpoint allows; unknown mints are left out."""

    async def fees(self) -> Fees: ...

    async def balances(self, address: str) -> WalletBalances: ...

    async def latest_blockhash(self) -> Blockhash: ...

    async def statuses(self, signatures: Sequence[str]) -> list[SignatureStatus | None]:
        """One entry per signature, None where the endpoint's recent status cache does not know it."""

    async def finalized_height(self) -> int: ...

    async def search_absences(self, signature: str) -> SignatureStatus | tuple[Absence, ...]:
        """Ask every endpoint's history. A status when any knows it, else one Absence per endpoint that answered."""

    async def landed(self, signature: str, address: str, mint: str) -> LandedTransaction | None:
        """What a landed transaction did to this wallet and mint; None when no endpoint shows it yet."""

    async def send(self, raw: bytes) -> None:
        """Hand the bytes to every route; raises SendRejected when they can never land, ChainUnavailable when none took them.

        A transaction that was already processed counts as sent.
        """

    async def compute_units(self, order: SwapOrder) -> int:
        """Units that a simulation of this order uses; raises SendRejected with its program error when it would fail."""

    def build(self, order: SwapOrder, blockhash: Blockhash) -> bytes:
        """The message bytes to be signed by the wallet alone."""

    def assemble(self, message: bytes, signature: bytes) -> tuple[bytes, str]:
        """Wire bytes and the base58 signature of a signed message."""

    async def probe(self) -> str:
        """Ask every endpoint how it is and say so in a few words; raises ChainUnavailable when none answers."""

    def health(self) -> list[EndpointHealth]: ...


@dataclass(frozen=True, slots=True)
class WalletTransaction:
    """A transaction that touched a wallet, as its history lists it; `failed` ones moved nothing but fees."""

    signature: str
    slot: int
    failed: bool


class WalletHistory(Protocol):
    """What any wallet did, at `confirmed`. Both raise ChainUnavailable."""

    async def transactions(
        self, address: str, *, limit: int, before: str | None = None, until: str | None = None
    ) -> list[WalletTransaction]:
        """At most `limit` (1 to 1,000) of them, the newest first: those older than `before`, and none from `until` on.

        An endpoint that does not know `until` goes back as far as it can: look at the slots. An empty list may come
        from an endpoint that is behind.
        """

    async def swaps(self, signature: str, address: str) -> list[WalletSignal] | None:
        """The launchpad swaps of this wallet in a transaction; None when no endpoint shows it yet. Raises DecodeError."""


class LaunchStream(Protocol):
    def events(self) -> AbstractAsyncContextManager[AsyncIterator[LaunchpadEvent]]:
        """A live subscription to the launchpad's logs. Iteration raises ChainUnavailable when the stream is lost or silent."""


# ------------------------------------------------------------------------------------------------------------ vault


class Vault(Protocol):
    async def create_key(self, user_id: str) -> tuple[str, SealedKey]:
        """A fresh keypair: its base58 address and the sealed private key. The key itself is not kept."""

    async def sign(self, wallet: Wallet, key: SealedKey, intent_id: str, message: bytes) -> bytes:
        """The wallet's ed25519 signature (64 bytes) of a message of this intent; raises KeyUnavailable."""


# ------------------------------------------------------------------------------------------------------------ doors


@dataclass(frozen=True, slots=True)
class Submitted:
    """A request that became an intent. `text` says in one line what was sent, for whoever asked."""

    intent: Intent
    text: str


class Desk(Protocol):
    """The one inbound port of trading: commands, snipers and monitors all come in here."""

    async def submit(self, request: TradeRequest) -> Submitted | Refused:
        """Admit, sign and send. Returns when the bytes have left or the request was refused; fills are told by outbox."""


@dataclass(frozen=True, slots=True)
class PricePoint:
    """The newest curve of a mint and when it was seen, in milliseconds since 1970."""

    curve: Curve
    seen_at_ms: int


class Prices(Protocol):
    def latest(self, mint: str) -> PricePoint | None:
        """The newest known reserves of a mint that somebody watches, else None."""


class Messenger(Protocol):
    async def deliver(self, user: User, message: OutboxMessage) -> None:
        """Hand one message to the user's chat.

        Raises Unavailable when the chat cannot be reached now, Undeliverable when it never will be for this message.
        """


# ------------------------------------------------------------------------------------------------------------- chat

MAX_UPDATES = 100  # one poll brings no more


@dataclass(frozen=True, slots=True)
class ChatText:
    """A new message. `chat_type` is `private`, `group`, `supergroup` or `channel`; in a private chat `chat_id` is `user_id`.

    `text` is a caption where the message has one, and empty for a message of another kind; no repr shows it, because
    it may be a secret. `update_id` identifies the update for good. `sent_at_ms` is by the clock of the chat service.
    """

    update_id: int
    chat_id: int
    chat_type: str
    user_id: int
    message_id: int
    text: str = field(repr=False)
    sent_at_ms: int


@dataclass(frozen=True, slots=True)
class ButtonPress:
    """Somebody pressed a button under a message of ours. `data` is what the button carries; a client may forge it."""

    update_id: int
    chat_id: int
    chat_type: str
    user_id: int
    message_id: int
    query_id: str
    data: str


@dataclass(frozen=True, slots=True)
class OtherUpdate:
    """An update that the bot has no use for, an edited message among them; it is only confirmed."""

    update_id: int


ChatUpdate = ChatText | ButtonPress | OtherUpdate


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message. A press brings back `data`, 1 to 64 bytes of UTF-8."""

    label: str
    data: str


class ChatApi(Protocol):
    """The chat service. Every method raises ChatUnavailable, ChatForbidden or ChatRejected; see there who must act."""

    async def whoami(self) -> str:
        """The bot's own name in the chat service."""

    async def updates(self, offset: int | None, wait_s: int) -> list[ChatUpdate]:
        """The next updates, at most MAX_UPDATES; waits up to `wait_s` seconds for the first.

        An offset confirms every update below it: they never come again. None asks for everything unconfirmed. One
        poll at a time: a second one ends the first with ChatUnavailable.
        """

    async def send(self, chat_id: int, text: str, buttons: Sequence[Button] = ()) -> int:
        """Send a text of 1 to 4096 UTF-16 units with buttons below each other; returns its message id."""

    async def edit(self, chat_id: int, message_id: int, text: str, buttons: Sequence[Button] = ()) -> None:
        """Replace the text and the buttons of a message of ours; one that reads so already counts as edited."""

    async def delete(self, chat_id: int, message_id: int) -> None:
        """Delete a message, in a private chat also one of the other side; one that is gone counts as deleted."""

    async def answer_press(self, query_id: str) -> None:
        """Tell the presser's client that the press arrived; raises ChatRejected for one that is too old or was answered."""

    async def set_commands(self, commands: Mapping[str, str]) -> None:
        """What private chats offer as commands: help by name."""


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What is said in answer to a text: one message per part, the buttons under the last."""

    parts: tuple[str, ...]
    buttons: tuple[Button, ...] = ()


class ChatDoor(Protocol):
    """What the gateway asks of the chat handlers."""

    def is_secret(self, text: str) -> bool:
        """Whether a text looks like a private key; such a text is deleted and never goes any further."""

    async def answer(self, telegram_id: int, text: str, key: str) -> ChatReply:
        """Run one command of one person. `key` identifies it for good, so that a repeat trades nothing twice."""
