"""Numbers, times and foreign texts as the dashboard writes them."""

from __future__ import annotations

import unicodedata
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from bot.top.words import age, brief_age, byte_size, change_bps, clean, clip, count, percent, short_mint, sol

AMOUNTS = st.integers(-(10**24), 10**24)


@pytest.mark.parametrize(
    ("lamports", "plain", "signed"),
    [
        (0, "0.0000", "0.0000"),
        (1, "0.0000", "+0.0000"),
        (-1, "-0.0000", "-0.0000"),
        (50_000, "0.0001", "+0.0001"),
        (49_999, "0.0000", "+0.0000"),
        (-11_200_000, "-0.0112", "-0.0112"),
        (9_999_999_900_000, "9999.9999", "+9999.9999"),
        (9_999_999_949_999, "9999.9999", "+9999.9999"),
        (9_999_999_950_000, "10000.00", "+10000.00"),
        (999_999_995_000_000, "1.0M", "+1.0M"),
        (12_345_678_900_000, "12345.68", "+12345.68"),
        (-1_234_567_000_000_000, "-1.2M", "-1.2M"),
        (999_950_000 * 10**9, "1.0G", "+1.0G"),
    ],
)
def test_sol_amounts(lamports: int, plain: str, signed: str) -> None:
    assert (sol(lamports), sol(lamports, signed=True)) == (plain, signed)


@given(AMOUNTS)
def test_an_amount_fits_its_column_whatever_it_is(lamports: int) -> None:
    assert len(sol(lamports, signed=True)) <= 10
    assert len(percent(lamports, signed=True)) <= 9
    assert len(count(lamports)) <= 7


@given(st.integers(1, 10**15))
def test_a_loss_is_written_exactly_as_a_gain_of_its_size(lamports: int) -> None:
    assert sol(lamports, signed=True)[1:] == sol(-lamports, signed=True)[1:]


@given(st.integers(0, 9_999 * 10**9))
def test_amounts_are_rounded_as_by_hand(lamports: int) -> None:
    by_hand = (Decimal(lamports) / 10**9).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    assert Decimal(sol(lamports)) == by_hand


@given(st.integers(1, 10**18), AMOUNTS)
def test_a_change_has_the_sign_of_the_difference(cost_lamports: int, value_lamports: int) -> None:
    change = change_bps(cost_lamports, value_lamports)
    assert change is not None
    assert change == 0 or (change > 0) == (value_lamports > cost_lamports)


def test_what_cost_nothing_has_no_change_in_percent() -> None:
    assert change_bps(0, 5) is None


@pytest.mark.parametrize(
    ("bps", "text"), [(2_240, "+22.4 %"), (-1_205, "-12.1 %"), (123_456, "+1235 %"), (10**9, "+10.0M %"), (0, "0.0 %")]
)
def test_percentages(bps: int, text: str) -> None:
    assert percent(bps, signed=True) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (14.9, "14 s"), (125, "2m 05s"), (11_220, "3h 07m"), (1_051_200, "12d 04h"), (1e15, "11.6Gd")],
)
def test_lengths_of_time(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_freshness_is_told_in_tenths_of_a_second() -> None:
    assert [brief_age(seconds) for seconds in (-1, 0.34, 31)] == ["0.0 s", "0.3 s", "31 s"]


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (3_210, "3.2 kB"), (96_000_000, "96 MB"), (10**23, "100000000 PB")]
)
def test_sizes(size: int, text: str) -> None:
    assert byte_size(size) == text


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[2J\x1b[31mRED", "?[2J?[31mRED"),
        ("two\r\nlines\tand a tab", "two lines and a tab"),
        ("\x9b31m\x07\x00", "?31m??"),
        ("PUMP\u202e\u200f\u2066", "PUMP???"),
        ("\u05d0\u0627", "??"),
        ("z\u0351\u0352\u0353a\u20e3lgo", "zalgo"),
        ("cafe\u0301", "caf\u00e9"),
        ("\u4e2d\u6587 coin", "\u4e2d\u6587 coin"),
        ("\ud800\ue000\uffff", "???"),
        ("[bold red]markup[/]", "[bold red]markup[/]"),
        (" \u2028 \u3000 ", ""),
    ],
)
def test_a_foreign_text_can_steer_nothing(hostile: str, harmless: str) -> None:
    assert clean(hostile) == harmless


@given(st.text(alphabet=st.characters()))
def test_only_harmless_characters_are_left(text: str) -> None:
    shown = clean(text)
    assert {unicodedata.category(character)[0] for character in shown} <= set("LNPSZ")
    assert not {unicodedata.bidirectional(character) for character in shown} & {"R", "AL", "AN", "RLO", "RLE", "RLI"}
    assert clean(text, ascii_only=True).isascii()
    assert clean(shown) == shown


def test_a_text_without_end_is_not_read_to_its_end() -> None:
    assert len(clean("A" * 10_000_000)) == 600


@given(st.text(), st.integers(0, 30))
def test_a_clipped_text_has_the_room_it_was_given(text: str, cells: int) -> None:
    shown = clip(clean(text), cells, "~")
    assert cell_len(shown) <= cells
    assert shown.endswith("~") or shown == clean(text) or cells == 0


def test_a_mint_is_shortened_as_people_compare_it() -> None:
    assert short_mint("7xKXabcdefghijklmnopqrstuvwxyz9fQ2") == "7xKX..9fQ2"
    assert short_mint("short") == "short"
