"""What an order asks for in compute units follows what orders of its kind used."""

from __future__ import annotations

from bot.execution.units_book import ENOUGH, Kind, UnitsBook
from bot.trading.intent import Side
from bot.trading.venue import PUMPFUN, PUMPSWAP

SALE = Kind(Side.SELL, PUMPFUN, closes=True)
MOST = 160_000


def seen(book: UnitsBook, kind: Kind, *used: int) -> None:
    for number, units in enumerate(used):
        book.signed(f"{kind} {number}", kind)
        book.landed(f"{kind} {number}", units)


def test_few_samples_change_nothing() -> None:
    book = UnitsBook()
    seen(book, SALE, *[50_000] * (ENOUGH - 1))
    assert book.limit(SALE, MOST) == MOST


def test_the_limit_is_half_as_much_again_as_the_most_that_was_used() -> None:
    book = UnitsBook()
    seen(book, SALE, *[50_000] * ENOUGH, 60_000)
    assert book.limit(SALE, MOST) == 90_000
    assert book.limit(SALE, 80_000) == 80_000, "the cap stands above it"
    assert book.limit(Kind(Side.SELL, PUMPSWAP, closes=True), MOST) == MOST, "each kind for itself"


def test_what_another_process_signed_or_nobody_measured_counts_for_nothing() -> None:
    book = UnitsBook()
    for number in range(ENOUGH):
        book.landed(f"unknown {number}", 10_000)
        book.signed(f"unmeasured {number}", SALE)
        book.landed(f"unmeasured {number}", None)
    assert book.limit(SALE, MOST) == MOST
