"""Other people's wallets: who follows them, how far each was read, and what it bought and sold."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from bot.trading.intent import Side


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
    """What one transaction of a followed wallet bought or sold of one token on the launchpad, in its pools or in Raydium's.

    The price is `quote_lamports` per `token_raw`: what went into or out of the curve or pool, without fees, per raw units;
    Raydium's own fee, of a quarter of a percent, is in it. Kept as the two integers, so that nothing is rounded. Several
    swaps of one side in one transaction are one signal, and `instruction` is the place of this one among the wallet's signals of
    the transaction. `held_before_raw` is what the wallet held of the token before it, None where the record does not say it.
    `seen_at_ms` is when the bot recorded it, 0 before that. `both_sides` says that the wallet bought and sold the token in it.
    """

    address: str
    mint: str
    side: Side
    token_raw: int
    quote_lamports: int
    slot: int
    block_time_s: int
    signature: str
    instruction: int = 0
    held_before_raw: int | None = None
    seen_at_ms: int = 0
    both_sides: bool = False


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


@dataclass(frozen=True, slots=True)
class WalletTransaction:
    """A transaction that touched a wallet, as its history lists it; `failed` ones moved nothing but fees."""

    signature: str
    slot: int
    failed: bool


@dataclass(frozen=True, slots=True)
class WalletMove:
    """What one landed transaction changed in a wallet, in lamports and, by mint, in raw tokens of all its accounts.

    `paid` says that the wallet paid its fee, `signed` that it signed it, for its fee or for anything else. `payer` is who
    paid the fee (base58).
    """

    signature: str
    slot: int
    lamports: int
    paid: bool
    signed: bool = False
    token_raw: Mapping[str, int] = field(default_factory=dict)
    payer: str = ""

    @property
    def used_the_key(self) -> bool:
        """Whether it takes the wallet's key: SOL left it, it paid the fee, or it signed what took tokens of it."""
        return self.lamports < 0 or self.paid or (self.signed and any(raw < 0 for raw in self.token_raw.values()))


class WalletHistory(Protocol):
    """What any wallet did, at `confirmed`. All raise ChainUnavailable."""

    async def transactions(
        self, address: str, *, limit: int, before: str | None = None, until: str | None = None, not_before: int = 0
    ) -> list[WalletTransaction]:
        """At most `limit` (1 to 1,000) of them, the newest first: those older than `before`, and none from `until` on.

        An endpoint that does not know `until` goes back as far as it can: look at the slots. An empty list may come
        from an endpoint that is behind; one that has not come to the slot `not_before` is not believed at all.
        """

    async def moved(self, signature: str, address: str) -> WalletMove | None:
        """What a transaction changed in this wallet; None when no endpoint shows it yet. Raises DecodeError."""

    async def swaps(self, signature: str, address: str) -> list[WalletSignal] | None:
        """The swaps of this wallet in a transaction; None when no endpoint shows it yet. Raises DecodeError.

        What was read in the last ten minutes is not asked for again.
        """

    def credit_per_s(self) -> float | None:
        """Requests a second that the endpoints' budgets leave to others than exits; None where there is no limit."""


@dataclass(frozen=True, slots=True)
class WalletTold:
    """A confirmed transaction of a followed wallet that succeeded, and what the wallet swapped in it, mostly nothing.

    `unread` says why its swaps could not be read from what was told, and is empty where they could.
    """

    address: str
    signature: str
    slot: int
    swaps: tuple[WalletSignal, ...]
    unread: str = ""


@dataclass(frozen=True, slots=True)
class WalletNewsHealth:
    """A source of followed wallets' transactions as status shows it.

    Of `calls` that it needs for `wallets`, `calls_up` stand. `age_s` is how long ago the one of them that was silent the
    longest gave a sign of life, None before the first. `told` counts transactions, `lost` updates that could not be read,
    `gaps` the times that what a call told did not join what was told before, so that histories were read instead; all since
    the start. `detail` says why a call is not up. One that is not `is_believed` gives hints alone.
    """

    name: str
    wallets: int
    calls: int
    calls_up: int
    age_s: float | None
    told: int
    lost: int
    detail: str = ""
    is_believed: bool = True
    gaps: int = 0


class WalletListener(Protocol):
    """Whoever follows a source of wallets' transactions. None of its methods may block."""

    def told(self, told: WalletTold) -> None:
        """Take one transaction; it may have been told before."""

    def hinted(self, address: str, signature: str) -> None:
        """A transaction is said to name this wallet; whoever says so is not believed."""

    def covers(self, addresses: Collection[str], slot: int) -> None:
        """Whatever these wallets do after this slot is told; what they did until then has to be read elsewhere."""

    def lost(self, addresses: Collection[str], slot: int) -> None:
        """What these wallets did after this slot was not told, and nothing is told of them for now."""


class WalletNews(Protocol):
    """A source that tells what many wallets do as soon as it is confirmed, or at least that they did something."""

    def want(self, addresses: Collection[str]) -> None:
        """Tell of these wallets from now on, and of no others."""

    async def follow(self, listener: WalletListener) -> NoReturn:
        """Tell until cancelled. It waits out every outage, and says what it missed where it missed anything.

        At its end, however it comes, the listener hears that all wallets are lost.
        """

    def health(self) -> WalletNewsHealth: ...
