"""Drawings: whatever the numbers and names are, they stay whole, inside of their sheet, and say what they show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.pictures.drawing import packed, svg_of, unpacked
from bot.pictures.ink import HEIGHT, WIDTH
from bot.pictures.plain import (
    BoardPicture,
    BoardRow,
    Dot,
    Mark,
    OpinionPicture,
    Part,
    Picture,
    PositionPicture,
    Ranked,
    RankingPicture,
    Stick,
)
from bot.pictures.scales import figure, moments, price_scale, result_scale, sol, ticks
from tests.pictures.picture_samples import (
    HOSTILE,
    HOUR_MS,
    MINT,
    NOW_MS,
    PICTURES,
    price_picture,
    profit_picture,
)

SHAPES = {"svg", "text", "line", "polyline", "polygon", "circle", "rect"}
SOL = 10**9
CARD = PositionPicture(MINT, "Pepe", "PEPE", "live", "UTC", NOW_MS - HOUR_MS, NOW_MS, SOL, -SOL // 4, 1, 2, "stop-loss")


def elements(picture: Picture) -> list[ET.Element]:
    return list(ET.fromstring(svg_of(picture)).iter())


def named(picture: Picture, name: str) -> Iterator[ET.Element]:
    return (one for one in elements(picture) if one.tag.endswith("}" + name))


def texts(picture: Picture) -> str:
    return "\n".join(one.text or "" for one in named(picture, "text"))


@given(PICTURES)
def test_any_picture_becomes_a_drawing_of_plain_shapes_inside_its_sheet(picture: Picture) -> None:
    for element in elements(picture):
        assert element.tag.rpartition("}")[2] in SHAPES
        for name in ("x", "x1", "x2", "cx"):
            assert -1 <= float(element.get(name, 0)) <= WIDTH + 1
        for name in ("y", "y1", "y2", "cy"):
            assert -1 <= float(element.get(name, 0)) <= HEIGHT + 1
    assert picture.mode in texts(picture)


@given(PICTURES)
def test_a_picture_crosses_to_another_process_unchanged(picture: Picture) -> None:
    assert unpacked(packed(picture)) == picture


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"kind":"x","picture":{}}', b'{"kind":"price","picture":{}}'])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="no picture"):
        unpacked(content)


def test_a_hostile_name_is_a_text_of_its_own_and_nothing_else() -> None:
    told = texts(price_picture(name=HOSTILE, symbol=HOSTILE))
    assert "</text><image" in told
    assert "\u202e" not in told
    assert "\x00" not in svg_of(price_picture(name=HOSTILE, symbol=HOSTILE))


def test_a_gap_is_left_open_and_named() -> None:
    whole = price_picture()
    holed = replace(whole, dots=whole.dots[:20] + whole.dots[40:])
    assert len(list(named(whole, "polyline"))) == 1
    assert len(list(named(holed, "polyline"))) == 2
    assert "not recorded" in texts(holed)
    assert "not recorded" not in texts(whole)


def test_nothing_and_a_single_price_are_said_to_be_so() -> None:
    assert "no price was recorded" in texts(price_picture(0))
    assert not list(named(price_picture(0), "polyline"))
    assert len(list(named(price_picture(1), "circle"))) == 1


def test_ten_thousand_prices_keep_their_extremes_and_little_else() -> None:
    many = price_picture(10_000)
    spike = replace(many.dots[5_000], quote_lamports=many.dots[5_000].quote_lamports * 3)
    drawn = price_picture(10_000, dots=(*many.dots[:5_000], spike, *many.dots[5_001:]))
    assert len(svg_of(drawn)) < 80_000
    [curve] = named(drawn, "polyline")
    heights = [float(point.partition(",")[2]) for point in (curve.get("points") or "").split()]
    assert min(heights) < 290  # the spike is the highest place of the curve, near the upper edge


def test_the_readers_trades_stand_on_the_price_and_are_counted_with_their_mode() -> None:
    marks = (Mark(NOW_MS - HOUR_MS // 2, True, 30 * 10**9, 10**15), Mark(NOW_MS - 1_000, False, 33 * 10**9, 10**15))
    told = price_picture(marks=marks)
    assert len(list(named(told, "polygon"))) == 2
    assert "your trades: ▲ 1 buy, ▼ 1 sale (paper)" in texts(told)
    assert "no trades of yours in this time (paper)" in texts(price_picture())


def test_prices_that_span_powers_of_ten_are_drawn_by_powers_of_ten() -> None:
    dots = tuple(Dot(NOW_MS - 60_000 * number, 10 ** (3 * number), 10**6) for number in range(6))
    told = texts(price_picture(dots=dots)).splitlines()
    assert {"0.001", "10", "100k", "1G"} <= set(told)


def test_a_result_shows_gains_losses_count_and_fees() -> None:
    told = texts(profit_picture())
    assert "Result, the last 14 days" in told
    assert "spans with a gain +0.7, with a loss -0.9 SOL" in told
    assert "12 buys, 10 sales, 1 failed; fees 0.004 SOL" in told
    assert "promises nothing" in told


def test_a_card_tells_the_loss_as_plainly_as_a_gain() -> None:
    told = texts(CARD)
    assert "-0.25 SOL" in told
    assert "-25.00 % of its cost" in told
    assert "0.75 SOL" in told
    assert "Play money" not in told
    assert "Play money" in texts(replace(CARD, mode="paper"))


def test_a_leaderboard_shows_every_loss_beside_the_gains_and_whole_handles() -> None:
    rows = (
        BoardRow("ada_lovelace_trades_", "gold", 63, -12_345 * SOL // 1_000, 140, 160),
        BoardRow("newcomer", "", None, -SOL, 0, 1),
    )
    told = texts(BoardPicture("Leaderboard", "live", "closed positions of the last 90 days, net of fees", rows))
    for words in ("ada_lovelace_trades_", "63 gold", "140 won, 160 lost", "-12.345 SOL", "not rated", "0 won, 1 lost"):
        assert words in told.splitlines(), words
    assert "nobody is ranked yet" in texts(BoardPicture("Leaderboard", "live", "", ()))


@given(st.lists(st.floats(1e-18, 1e18), min_size=1, max_size=9))
def test_a_scale_of_prices_holds_them_and_has_marks(prices: list[float]) -> None:
    scale = price_scale(prices, 600, 200)
    for price in prices:
        assert 200 <= scale.place(price) <= 600
    found = ticks(scale, 5)
    assert len(found) <= 16
    assert all(scale.low <= value * 1.000001 and value <= scale.high * 1.000001 for value in found)


@given(st.lists(st.integers(-(2**64), 2**64), min_size=1, max_size=9))
def test_a_scale_of_results_holds_zero_and_all_of_them(results: list[int]) -> None:
    scale = result_scale(results, 600, 200)
    assert all(200 <= scale.place(value) <= 600 for value in (0, *results))
    assert ticks(scale, 5)


@given(st.integers(0, 2 * NOW_MS), st.integers(0, 400 * 24 * HOUR_MS))
def test_the_moments_of_a_span_lie_inside_of_it_and_are_few(start_ms: int, span_ms: int) -> None:
    found = moments(start_ms, start_ms + span_ms, 6)
    assert len(found) <= 8
    assert all(start_ms <= at_ms <= start_ms + span_ms for at_ms in found)


def test_figures_and_sums_fit_beside_an_axis() -> None:
    assert [figure(value) for value in (0, 0.02814, 3.1, 12_500, 4.2e-7, 1e9, -2.5, 1000)] == [
        "0",
        "0.02814",
        "3.1",
        "12.5k",
        "4.2e-07",
        "1G",
        "-2.5",
        "1000",
    ]
    assert sol(1_234_567_890, signed=True) == "+1.2345"
    assert sol(-1) == "-0.000000001"
    assert sol(-12_345_678) == "-0.0123"
    assert sol(5_000 * SOL + 129_000_000) == "5,000.12"
    assert sol(10**20) == "100G"
    assert sol(0) == "0"


def test_an_opinion_shows_its_candles_its_parts_and_what_is_not_known() -> None:
    sticks = tuple(Stick(NOW_MS - 60_000 * n, 1.0 + n, 2.0 + n, 0.5 + n, 1.5 + n) for n in range(10))
    parts = (Part("inflow", 12, 30), Part("what people write", None, 100))
    picture = OpinionPicture(
        MINT, HOSTILE, "SYM", "live", "UTC", NOW_MS - 600_000, NOW_MS, 60_000, sticks, "buy", 7_200, "rules-1", parts
    )
    said = texts(picture)
    assert "BUY 72 %" in said
    assert "12 of 30" in said
    assert "unknown" in said
    assert "promises nothing" in said
    none = replace(picture, sticks=(Stick(NOW_MS, 0.0, 0.0, 0.0, 0.0),), verdict="", parts=())
    assert "no price was recorded" in texts(none)
    assert "no opinion" in texts(none)


def test_a_ranking_tells_score_result_and_rounds_and_promises_nothing() -> None:
    rows = (Ranked("whale", 73, 12 * SOL, 50, 30), Ranked("9xQe…", 8, -SOL, 1, 0))
    told = texts(RankingPicture("Followed wallets", rows)).splitlines()
    assert {"1. whale", "73", "+12 SOL", "30 of 50 rounds won", "2. 9xQe…", "-1 SOL", "0 of 1 round won"} <= set(told)
    assert "promises nothing" in "\n".join(told)
    assert "none has traded yet" in texts(RankingPicture("Followed wallets", ()))


def test_of_more_wallets_than_fit_the_best_are_drawn() -> None:
    rows = tuple(Ranked(f"wallet-{number}", 99 - number, 0, 0, 0) for number in range(30))
    assert "8. wallet-7" in texts(RankingPicture("", rows))
    assert "wallet-8" not in texts(RankingPicture("", rows))
