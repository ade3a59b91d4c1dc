"""Typed amounts become exact integers or are refused; nothing in between."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.units import (
    BPS,
    MAX_U64,
    AmountError,
    bps_ceil,
    bps_floor,
    ceil_div,
    format_sol,
    format_tokens,
    parse_percent,
    parse_sol,
    parse_tokens,
)

PARSERS: list[Callable[[str], int]] = [parse_sol, parse_tokens, parse_percent]

digits = st.text("0123456789", min_size=1, max_size=18)


@pytest.mark.parametrize(
    ("text", "lamports"),
    [
        ("1", 1_000_000_000),
        ("0.5", 500_000_000),
        (".5", 500_000_000),
        ("  2 ", 2_000_000_000),
        ("0.000000001", 1),
        ("1.100000000000", 1_100_000_000),
        ("18446744073.709551615", MAX_U64),
    ],
)
def test_a_plain_amount_is_read_to_the_lamport(text: str, lamports: int) -> None:
    assert parse_sol(text) == lamports


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("-1", "negative"),
        ("-0", "negative"),
        ("\u22121", "not an amount"),
        ("+1", "not an amount"),
        ("0", "zero"),
        ("0.000", "zero"),
        ("0.0000000001", "more than 9 decimals"),
        ("18446744073.000000000000000001", "more than 9 decimals"),
        ("18446744073.709551616", "more than the chain can hold"),
        ("9" * 18, "more than the chain can hold"),
        ("9" * 19, "not an amount"),
        ("1" + "0" * 5_000, "not an amount"),
        ("1e3", "not an amount"),
        ("1E-3", "not an amount"),
        ("0x10", "not an amount"),
        ("1_000", "not an amount"),
        ("1,000", "not an amount"),
        ("1,5", "not an amount"),
        ("1.", "not an amount"),
        (".", "not an amount"),
        ("", "not an amount"),
        ("1 2", "not an amount"),
        ("1\n2", "not an amount"),
        ("inf", "not an amount"),
        ("NaN", "not an amount"),
        ("all", "not an amount"),
        ("\u0663", "not an amount"),
        ("\uff11", "not an amount"),
        ("1.\u0665", "not an amount"),
        ("\u00b2", "not an amount"),
        ("\u00bd", "not an amount"),
    ],
)
def test_anything_else_is_refused_with_its_reason(text: str, because: str) -> None:
    with pytest.raises(AmountError, match=because):
        parse_sol(text)


def test_tokens_have_six_decimals() -> None:
    assert parse_tokens("1.000001") == 1_000_001
    with pytest.raises(AmountError, match="more than 6 decimals"):
        parse_tokens("1.0000001")


@pytest.mark.parametrize(("text", "bps"), [("50%", 5_000), (" 50 % ", 5_000), ("100%", BPS), ("0.01%", 1)])
def test_a_percentage_becomes_basis_points(text: str, bps: int) -> None:
    assert parse_percent(text) == bps


@pytest.mark.parametrize("text", ["50", "100.01%", "0%", "-5%", "%", "%%", "50%%", "0.001%", "\uff15%", "1e1%"])
def test_a_share_of_nothing_or_of_more_than_all_is_refused(text: str) -> None:
    with pytest.raises(AmountError):
        parse_percent(text)


@given(text=st.text() | st.text("0123456789.-+eE%_, \u0661\u0967\uff10") | st.from_regex(r"\d+\.?\d*", fullmatch=True))
def test_no_text_gives_anything_but_a_tradable_amount(text: str) -> None:
    for parse in PARSERS:
        try:
            amount = parse(text)
        except AmountError as error:
            assert str(error)
        else:
            assert 0 < amount <= MAX_U64
            assert text.isascii()


@given(whole=digits, fraction=digits)
def test_what_is_read_is_exactly_what_was_typed(whole: str, fraction: str) -> None:
    typed = Fraction(f"{whole}.{fraction}") * 10**9
    try:
        assert parse_sol(f"{whole}.{fraction}") == typed
    except AmountError:
        assert typed.denominator != 1 or not 0 < typed <= MAX_U64


@given(amount=st.integers(1, MAX_U64))
def test_what_is_shown_can_be_typed_again(amount: int) -> None:
    assert parse_sol(format_sol(amount).replace(",", "")) == amount
    assert parse_tokens(format_tokens(amount).replace(",", "")) == amount


@given(amount=st.integers(-MAX_U64, MAX_U64))
def test_a_loss_is_shown_like_a_gain_with_its_sign(amount: int) -> None:
    shown = format_sol(amount, signed=True)
    sign = {True: "+", False: "-"}[amount > 0] if amount else ""
    assert shown == sign + format_sol(abs(amount))


@given(amount=st.integers(0, MAX_U64), bps=st.integers(0, 2 * BPS))
def test_fees_round_up_and_shares_round_down(amount: int, bps: int) -> None:
    exact = Fraction(amount * bps, BPS)
    assert bps_floor(amount, bps) <= exact <= bps_ceil(amount, bps)
    assert bps_ceil(amount, bps) - bps_floor(amount, bps) == (exact.denominator != 1)
    assert ceil_div(amount, BPS) * BPS >= amount
