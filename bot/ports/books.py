"""A user's own books: what each span of time made or cost him, and every entry of the ledger that says where it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.trading.intent import Context, Mode, Side
from bot.trading.ledger import Account, Entry


@dataclass(frozen=True, slots=True)
class PeriodSums:
    """What a user did in one mode between two moments.

    `failed` orders traded nothing. `realized_lamports` is the net result: sales less what was sold had cost, what orders
    took that traded nothing, and what tokens had cost that left without an order. `fees_lamports` is what program,
    creators, network and block engines got from the trades and other orders of the span; those of a buy count in the
    result when its tokens are sold.
    """

    buys: int = 0
    sells: int = 0
    failed: int = 0
    realized_lamports: int = 0
    fees_lamports: int = 0

    def __add__(self, other: PeriodSums) -> PeriodSums:
        """Both spans together."""
        return PeriodSums(
            self.buys + other.buys,
            self.sells + other.sells,
            self.failed + other.failed,
            self.realized_lamports + other.realized_lamports,
            self.fees_lamports + other.fees_lamports,
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened."""
        return self == PeriodSums()


@dataclass(frozen=True, slots=True)
class ReasonSums:
    """The sales of one reason: how many, how many of them with a gain, and their net result."""

    reason: str
    sales: int
    won: int
    realized_lamports: int


@dataclass(frozen=True, slots=True)
class ResultSums:
    """A result since a moment, divided by what made it: the parts sum to `realized_lamports`.

    `by_reason` has the most frequent reasons of sales, as many as were asked for. `sold_lamports` is all sales,
    `untraded_lamports` what orders took that traded nothing and attempts that landed beside a fill, `closings_lamports` what
    closing emptied accounts cost, `moved_lamports` what tokens had cost that left without an order, less what came in for
    them. `swept_lamports` is what those had cost that were swept to their user's safe address, which is no part of the result.
    """

    by_reason: tuple[ReasonSums, ...]
    sold_lamports: int
    untraded_lamports: int
    closings_lamports: int
    moved_lamports: int
    swept_lamports: int = 0

    @property
    def realized_lamports(self) -> int:
        """All parts together."""
        return self.sold_lamports + self.untraded_lamports + self.closings_lamports + self.moved_lamports


@dataclass(frozen=True, slots=True)
class ClosedSums:
    """The closed positions that one kind of wish had opened.

    Those are left out whose only buy the network took back, and those that were swept to a safe address with nothing sold.

    `won` closed with a gain of `won_lamports` together, `lost` without one; `lost_lamports` is not positive. `held_ms` is
    how long all of them were held together. `best` and `worst` are mint and result of one position each.
    """

    context: Context
    won: int
    lost: int
    won_lamports: int
    lost_lamports: int
    held_ms: int
    best: tuple[str, int]
    worst: tuple[str, int]


@dataclass(frozen=True, slots=True)
class BookedEntry:
    """One entry of a user's ledger and what it is of.

    `number` grows with the order of writing. `at_ms` is the block's time for a fill, the end of its order for what else an
    order did, and for anything else when it was written. `side` is the order's, None without an order. `mint` is empty where
    the entry is of no single token; `token_raw` is what a fill moved, 0 for anything else.
    """

    number: int
    at_ms: int
    entry: Entry
    side: Side | None
    mint: str
    token_raw: int
    reason: str


class BookStore(Protocol):
    """Every read is of one user and one mode."""

    async def period_sums(self, user_id: str, mode: Mode, bounds_ms: Sequence[int]) -> list[PeriodSums]:
        """The sums between each two neighbours of at least two rising moments, the first included, the second not."""

    async def result_sums(self, user_id: str, mode: Mode, since_ms: int, limit: int) -> ResultSums:
        """What made the result since a moment, with at most `limit` reasons of sales."""

    async def closed_sums(self, user_id: str, mode: Mode) -> list[ClosedSums]:
        """One for each context that a closed position has, in the order of `Context`."""

    async def ledger_sums(self, user_id: str, mode: Mode, before: int | None = None) -> Mapping[Account, int]:
        """What the entries sum to by account, of those alone whose number is below `before`; zeros are left out."""

    async def booked(self, user_id: str, mode: Mode, limit: int, before: int | None = None) -> list[BookedEntry]:
        """The newest entries, newest first; with `before` the newest of those whose number is below it."""
