"""The ledger of somebody else's wallet: average cost, rounds, and the same books however its swaps are told."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.intent import Side
from bot.trading.units import LAMPORTS_PER_SOL
from bot.trading.wallet_ledger import (
    RETURN_MAX_BPS,
    LedgerSwap,
    MintBook,
    WalletResults,
    book_of,
    record_of,
)

SOL = LAMPORTS_PER_SOL
BUY, SELL = Side.BUY, Side.SELL


def swap(number: int, side: Side, token_raw: int, lamports: int, mint: str = "M") -> LedgerSwap:
    return LedgerSwap(f"s{number}", mint, side, token_raw, lamports, slot=number, at_s=100 * number)


SWAPS = st.lists(
    st.builds(
        LedgerSwap,
        st.sampled_from([f"s{number}" for number in range(12)]),
        st.just("M"),
        st.sampled_from([BUY, SELL]),
        st.one_of(st.integers(1, 1_000), st.integers(1, 2**64 - 1)),
        st.one_of(st.integers(0, 10 * SOL), st.integers(0, 2**63 - 1)),
        st.integers(0, 6),
        st.integers(0, 10_000),
    ),
    max_size=14,
    unique_by=lambda one: (one.signature, one.side),
)


def test_a_round_is_from_the_first_buy_until_all_is_sold_at_average_cost() -> None:
    book = book_of(
        "M",
        [swap(1, BUY, 100, 80_000), swap(2, BUY, 100, 160_000), swap(3, SELL, 50, 80_000), swap(4, SELL, 150, 400_000)],
    )
    # 243,000 were spent with fees; the sales brought 79,000 and 395,000.
    assert book.results == WalletResults(
        swaps=4,
        bought_lamports=243_000,
        sold_lamports=474_000,
        realized_lamports=231_000,
        rounds=1,
        won=1,
        won_lamports=231_000,
        held_s=300,
        return_bps=9_506,
        return_bps_squared=9_506**2,
    )
    assert (book.held_raw, book.cost_lamports, book.round_raw, book.first_at_s, book.last_at_s) == (0, 0, 0, 100, 400)


def test_a_price_that_rose_by_less_than_the_fees_is_no_gain() -> None:
    results = book_of("M", [swap(1, BUY, 10, SOL), swap(2, SELL, 10, SOL * 102 // 100)]).results
    assert (results.rounds, results.won, results.lost) == (1, 0, 1)
    assert results.realized_lamports == -results.lost_lamports < 0


def test_a_sale_of_what_was_never_seen_bought_brings_nothing() -> None:
    book = book_of("M", [swap(1, SELL, 10, 9 * SOL), swap(2, BUY, 10, SOL), swap(3, SELL, 40, 8 * SOL)])
    assert (book.results.unseen, book.results.rounds) == (2, 1)
    assert book.results.sold_lamports == (8 * SOL - SOL // 10) // 4
    assert book.results.won == 1


def test_dust_ends_a_round_and_its_cost_is_lost() -> None:
    book = book_of("M", [swap(1, BUY, 1_000, SOL), swap(2, SELL, 990, 2 * SOL)])
    assert (book.held_raw, book.cost_lamports, book.results.rounds) == (0, 0, 1)
    assert book.results.realized_lamports == book.results.won_lamports
    assert book_of("M", [swap(1, BUY, 1_000, SOL), swap(2, SELL, 989, 2 * SOL)]).results.rounds == 0


def test_within_a_slot_what_is_sold_was_bought_before() -> None:
    bought, sold = swap(1, BUY, 10, SOL), replace(swap(2, SELL, 10, 2 * SOL), slot=1)
    assert book_of("M", [sold, bought]) == book_of("M", [bought, sold])
    assert book_of("M", [sold, bought]).results.won == 1


def test_a_lucky_token_counts_ten_times_its_cost_at_most_and_what_cost_nothing_too() -> None:
    assert book_of("M", [swap(1, BUY, 10, 1), swap(2, SELL, 10, 2**63 - 1)]).results.return_bps == RETURN_MAX_BPS
    assert book_of("M", [swap(1, BUY, 10, 0), swap(2, SELL, 10, SOL)]).results.return_bps == RETURN_MAX_BPS
    assert book_of("M", [swap(1, BUY, 10, 0), swap(2, SELL, 10, 0)]).results.return_bps == 0


def test_a_swap_that_is_not_later_is_folded_anew_or_refused() -> None:
    book = MintBook("M").after(swap(5, BUY, 10, SOL))
    with pytest.raises(ValueError, match="not later"):
        book.after(swap(5, SELL, 10, SOL))


@given(SWAPS, st.randoms(use_true_random=False), st.integers(1, 3))
def test_order_and_repeats_change_nothing(swaps: list[LedgerSwap], dice: random.Random, repeats: int) -> None:
    shuffled = swaps * repeats
    dice.shuffle(shuffled)
    assert book_of("M", shuffled) == book_of("M", swaps)


@given(SWAPS)
def test_one_after_the_other_is_the_same_as_all_at_once(swaps: list[LedgerSwap]) -> None:
    told = [replace(one, slot=number) for number, one in enumerate(swaps)]
    book = MintBook("M")
    for one in told:
        book = book.after(one)
    assert book == book_of("M", told)


@given(SWAPS, st.data())
def test_a_swap_that_is_taken_back_leaves_what_would_have_been_without_it(
    swaps: list[LedgerSwap], data: st.DataObject
) -> None:
    """A fork undoes some of them; what is told again afterwards, in another slot, counts as it is told then."""
    gone = data.draw(st.sets(st.sampled_from([one.signature for one in swaps]))) if swaps else set()
    stands = [one for one in swaps if one.signature not in gone]
    again = [replace(one, slot=one.slot + 10) for one in swaps if one.signature in gone]
    assert book_of("M", [*stands, *again]) == book_of("M", [*again, *stands])
    assert book_of("M", stands).results.swaps == len(stands)


@given(SWAPS)
def test_the_sums_agree_whatever_was_swapped(swaps: list[LedgerSwap]) -> None:
    book, results = book_of("M", swaps), book_of("M", swaps).results
    assert all(type(getattr(results, name)) is int for name in WalletResults.__slots__)
    assert results.swaps == len(swaps)
    assert book.held_raw >= 0
    assert book.cost_lamports >= 0
    assert results.realized_lamports == results.sold_lamports - (results.bought_lamports - book.cost_lamports)
    assert 0 <= results.won <= results.rounds
    open_lamports = results.realized_lamports - (results.won_lamports - results.lost_lamports)
    assert (open_lamports == 0) or book.held_raw > 0
    assert min(results.won_lamports, results.lost_lamports, results.held_s, results.return_bps_squared) >= 0
    assert abs(results.return_bps) <= RETURN_MAX_BPS * max(results.rounds, 1)


@given(SWAPS, SWAPS)
def test_a_record_is_the_sum_of_its_books(one: list[LedgerSwap], two: list[LedgerSwap]) -> None:
    books = [book_of("M", one), book_of("M", two), MintBook("Other")]
    record = record_of("W", books)
    assert record.results == books[0].results + books[1].results
    assert record.tokens == bool(one) + bool(two)
    assert record.open == sum(book.held_raw > 0 for book in books)
    assert record.first_at_s <= record.last_at_s or not record.tokens
