"""The position ledger of somebody else's wallet, out of its swaps alone: average cost, results, how long it holds. Pure.

Every swap counts once, whoever tells it how often and in whatever order; a swap that is taken back leaves what it would have
been without it. A book is of one token; what a wallet came to is the sum of its books.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace

from bot.trading.intent import Side
from bot.trading.units import BPS

# What a swap names is what went into or out of the curve or the pool, without fees. The launchpad takes 1.25 % a side of its
# youngest tokens (docs/backtest.md), so that is what every side is charged here: less than nothing is nobody's gain.
FEE_BPS = 125
DUST_BPS = 100  # of what a round bought; who has sold all but so much has sold all of it
RETURN_MAX_BPS = 10 * BPS  # what a round counts at most: one lucky token says little about the next one


@dataclass(frozen=True, slots=True)
class LedgerSwap:
    """One side of one token that a transaction of a wallet traded: raw tokens against lamports, without fees.

    There is one of each side in a transaction, so signature and side are what makes it the same.
    """

    signature: str
    mint: str
    side: Side
    token_raw: int
    quote_lamports: int
    slot: int
    at_s: int

    @property
    def place(self) -> tuple[int, bool, str]:
        """Where it stands among a token's swaps. Within a slot nobody knows more than that what is sold was bought before."""
        return self.slot, self.side is Side.SELL, self.signature


@dataclass(frozen=True, slots=True)
class WalletResults:
    """Sums over swaps and rounds; they add. A round is from the first buy of a token until all of it is sold.

    `bought_lamports` and `sold_lamports` are with fees, and of sales only the part of which the purchase was seen;
    `unseen` counts sales of which it was not. `realized_lamports` is of all that was sold, in open rounds too. The returns
    of rounds are in basis points of what was spent, capped.
    """

    swaps: int = 0
    unseen: int = 0
    bought_lamports: int = 0
    sold_lamports: int = 0
    realized_lamports: int = 0
    rounds: int = 0
    won: int = 0
    won_lamports: int = 0
    lost_lamports: int = 0
    held_s: int = 0
    return_bps: int = 0
    return_bps_squared: int = 0

    def __add__(self, other: WalletResults) -> WalletResults:
        return WalletResults(*(getattr(self, name) + getattr(other, name) for name in RESULT_NAMES))

    @property
    def lost(self) -> int:
        """Rounds that did not win."""
        return self.rounds - self.won


RESULT_NAMES = tuple(one.name for one in fields(WalletResults))


@dataclass(frozen=True, slots=True)
class MintBook:
    """What one wallet did with one token. `last_slot` is that of its latest swap, -1 before the first.

    Of the round that is open: `held_raw` tokens at `cost_lamports`, `round_raw` bought for `spent_lamports` since
    `opened_at_s`, and what sales have brought. `first_at_s` and `last_at_s` are the times of its first and latest swap.
    """

    mint: str
    held_raw: int = 0
    cost_lamports: int = 0
    round_raw: int = 0
    spent_lamports: int = 0
    brought_lamports: int = 0
    opened_at_s: int = 0
    first_at_s: int = 0
    last_at_s: int = 0
    last_slot: int = -1
    results: WalletResults = field(default_factory=WalletResults)

    def after(self, swap: LedgerSwap) -> MintBook:
        """The book with a later swap. Raises ValueError for one of a slot that it has seen: `book_of` folds those anew."""
        if swap.slot <= self.last_slot:
            raise ValueError(f"{swap.signature} of slot {swap.slot} is not later than slot {self.last_slot}")
        return self._after(swap)

    def _after(self, swap: LedgerSwap) -> MintBook:
        moved = self._bought(swap) if swap.side is Side.BUY else self._sold(swap)
        return replace(
            moved,
            first_at_s=min(self.first_at_s, swap.at_s) if self.last_slot >= 0 else swap.at_s,
            last_at_s=max(self.last_at_s, swap.at_s),
            last_slot=max(self.last_slot, swap.slot),
            results=replace(moved.results, swaps=self.results.swaps + 1),
        )

    def _bought(self, swap: LedgerSwap) -> MintBook:
        paid = swap.quote_lamports + -(-swap.quote_lamports * FEE_BPS // BPS)
        return replace(
            self,
            held_raw=self.held_raw + swap.token_raw,
            cost_lamports=self.cost_lamports + paid,
            round_raw=self.round_raw + swap.token_raw,
            spent_lamports=self.spent_lamports + paid,
            opened_at_s=self.opened_at_s if self.held_raw else swap.at_s,
            results=replace(self.results, bought_lamports=self.results.bought_lamports + paid),
        )

    def _sold(self, swap: LedgerSwap) -> MintBook:
        matched = min(swap.token_raw, self.held_raw)
        if matched == 0:
            return replace(self, results=replace(self.results, unseen=self.results.unseen + 1))
        received = swap.quote_lamports - -(-swap.quote_lamports * FEE_BPS // BPS)
        brought = received * matched // swap.token_raw
        cost = self.cost_lamports * matched // self.held_raw
        left_raw, left_cost = self.held_raw - matched, self.cost_lamports - cost
        results = replace(
            self.results,
            unseen=self.results.unseen + (matched < swap.token_raw),
            sold_lamports=self.results.sold_lamports + brought,
            realized_lamports=self.results.realized_lamports + brought - cost,
        )
        after = replace(
            self,
            held_raw=left_raw,
            cost_lamports=left_cost,
            brought_lamports=self.brought_lamports + brought,
            results=results,
        )
        return after._closed(swap.at_s) if left_raw * BPS <= self.round_raw * DUST_BPS else after

    def _closed(self, at_s: int) -> MintBook:
        """The round is over; what is left is dust, and lost."""
        result = self.brought_lamports - self.spent_lamports
        return_bps = RETURN_MAX_BPS if result > 0 else 0
        if self.spent_lamports > 0:
            return_bps = min(result * BPS // self.spent_lamports, RETURN_MAX_BPS)
        before = self.results
        results = replace(
            before,
            realized_lamports=before.realized_lamports - self.cost_lamports,
            rounds=before.rounds + 1,
            won=before.won + (result > 0),
            won_lamports=before.won_lamports + max(result, 0),
            lost_lamports=before.lost_lamports + max(-result, 0),
            held_s=before.held_s + max(at_s - self.opened_at_s, 0),
            return_bps=before.return_bps + return_bps,
            return_bps_squared=before.return_bps_squared + return_bps * return_bps,
        )
        return replace(
            self,
            held_raw=0,
            cost_lamports=0,
            round_raw=0,
            spent_lamports=0,
            brought_lamports=0,
            opened_at_s=0,
            results=results,
        )


def book_of(mint: str, swaps: Iterable[LedgerSwap], before: MintBook | None = None) -> MintBook:
    """The book of a token out of all swaps of it that stand, in any order, each as often as it was told.

    `before` is the book of the earlier ones that are not among them, None where all are.
    """
    once = {(swap.signature, swap.side): swap for swap in swaps if swap.mint == mint}
    book = before or MintBook(mint)
    for swap in sorted(once.values(), key=lambda one: one.place):
        book = book._after(swap)
    return book


@dataclass(frozen=True, slots=True)
class WalletRecord:
    """What a wallet came to over `tokens` tokens, of which it holds `open` still; times in seconds since 1970."""

    address: str
    results: WalletResults = field(default_factory=WalletResults)
    tokens: int = 0
    open: int = 0
    first_at_s: int = 0
    last_at_s: int = 0


def record_of(address: str, books: Iterable[MintBook]) -> WalletRecord:
    """The sum of a wallet's books; of no books an empty record."""
    traded = [book for book in books if book.last_slot >= 0]
    if not traded:
        return WalletRecord(address)
    return WalletRecord(
        address,
        sum((book.results for book in traded), WalletResults()),
        tokens=len(traded),
        open=sum(book.held_raw > 0 for book in traded),
        first_at_s=min(book.first_at_s for book in traded),
        last_at_s=max(book.last_at_s for book in traded),
    )
