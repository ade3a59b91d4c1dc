"""Wallets that were early in tokens that rose: what counts, what does not, and bounds that hold under any flood."""

from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from bot.execution import early_buyers
from bot.execution.early_buyers import BUYERS_MAX, TOKENS_MAX, WATCHED_MS, Early, EarlyBuyers
from bot.trading.curve import Curve
from bot.trading.launch import CurveTrade, TokenLaunch

NOW_MS = 1_790_000_000_000
NUMBERS = count()


def curve(price: int) -> Curve:
    """A curve at which a token costs so many lamports."""
    return Curve(10**9, price * 10**9, 10**9, 0, False, "Creator", 1)


def launched(book: EarlyBuyers, mint: str, *, at_ms: int = NOW_MS) -> None:
    book.heard(TokenLaunch(mint, "", "", "", "Creator", "program", curve(1), "launch", 10, at_ms, "logs"))


def bought(book: EarlyBuyers, mint: str, trader: str, price: int, *, slot: int = 11, at_ms: int = NOW_MS) -> None:
    """A buy of a thousand tokens for so many lamports each, after which they cost that."""
    signature = f"s{next(NUMBERS)}"
    book.heard(CurveTrade(mint, trader, True, 1_000, 1_000 * price, curve(price), signature, slot, at_ms))


def wins(book: EarlyBuyers, trader: str, tokens: int, *, times: int = 3) -> None:
    for number in range(tokens):
        mint = f"{trader}-{number}-{next(NUMBERS)}"
        launched(book, mint)
        bought(book, mint, trader, 10)
        bought(book, mint, f"Other{next(NUMBERS)}", 10 * times)


def test_three_winners_make_a_wallet_known_and_two_do_not() -> None:
    book = EarlyBuyers()
    wins(book, "Ada", 3)
    wins(book, "Bob", 2)
    wins(book, "Eve", 9, times=2)
    assert book.best(9) == [Early("Ada", 3, 3)]
    assert book.best(9, besides=["Ada"]) == []


def test_who_is_early_everywhere_is_early_in_winners_too_and_is_not_told() -> None:
    book = EarlyBuyers()
    wins(book, "Ada", 3)
    for number in range(7):
        launched(book, f"Flat{number}")
        bought(book, f"Flat{number}", "Ada", 10)
    assert book.best(9) == [Early("Ada", 10, 3)]
    launched(book, "Another")
    bought(book, "Another", "Ada", 10)
    assert book.best(9) == []


def test_the_creator_and_who_bought_in_the_slot_of_the_launch_are_nobody_to_follow() -> None:
    book = EarlyBuyers()
    for number in range(5):
        launched(book, f"M{number}")
        bought(book, f"M{number}", "Creator", 10)
        bought(book, f"M{number}", "Bundled", 10, slot=10)
        bought(book, f"M{number}", f"Late{number}", 30)
    assert book.best(9) == []


def test_a_token_counts_once_for_a_wallet_by_what_it_paid_on_average() -> None:
    book = EarlyBuyers()
    for number in range(3):
        launched(book, f"M{number}")
        bought(book, f"M{number}", "Ada", 10)
        bought(book, f"M{number}", "Ada", 30)
        bought(book, f"M{number}", "Other", 59)
        assert book.best(9) == []
    for number in range(3):
        for price in (60, 61, 90):
            bought(book, f"M{number}", "Other", price)
    assert book.best(9) == [Early("Ada", 3, 3)]


def test_what_rises_after_half_an_hour_is_not_counted() -> None:
    book = EarlyBuyers()
    for number in range(3):
        launched(book, f"M{number}")
        bought(book, f"M{number}", "Ada", 10)
        bought(book, f"M{number}", "Other", 90, at_ms=NOW_MS + WATCHED_MS + 1)
    assert book.best(9) == []


def test_a_flood_of_tokens_and_wallets_stays_within_its_bounds(monkeypatch) -> None:
    monkeypatch.setattr(early_buyers, "WALLETS_MAX", 100)
    book = EarlyBuyers()
    for number in range(TOKENS_MAX + 50):
        launched(book, f"M{number}")
    for trader in range(3 * BUYERS_MAX):
        for mint in range(60, 70):
            bought(book, f"M{mint}", f"T{trader}-{mint}", 10)
    assert book.counts() == (TOKENS_MAX, 100)
    wins(book, "Ada", 3)
    assert book.best(9) == [Early("Ada", 3, 3)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["M1", "M2", "M3", "M4"]),
            st.sampled_from(["Ada", "Bob", "Creator"]),
            st.integers(0, 2**63),
            st.integers(0, 2**64 - 1),
            st.integers(0, 2**64 - 1),
        ),
        max_size=40,
    )
)
def test_no_trade_however_absurd_makes_more_winners_than_tokens(trades: list[tuple[str, str, int, int, int]]) -> None:
    book = EarlyBuyers()
    for mint in ("M1", "M2", "M3", "M4"):
        launched(book, mint)
    for number, (mint, trader, lamports, token_raw, virtual) in enumerate(trades):
        after = Curve(virtual, lamports, 0, 0, False, "Creator", 1)
        book.heard(CurveTrade(mint, trader, True, token_raw, lamports, after, f"s{number}", 11, NOW_MS))
    assert all(one.won <= one.early <= 4 for one in book.best(9))
