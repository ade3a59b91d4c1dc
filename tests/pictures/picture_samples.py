"""Pictures to draw in tests: ordinary ones, and any that hypothesis can think of."""

from __future__ import annotations

from hypothesis import strategies as st

from bot.pictures.plain import (
    Bar,
    BoardPicture,
    BoardRow,
    Dot,
    Mark,
    OpinionPicture,
    Part,
    Picture,
    PositionPicture,
    PricePicture,
    ProfitPicture,
    Ranked,
    RankingPicture,
    Stick,
)

MINT = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"
HOUR_MS = 3_600_000
NOW_MS = 1_790_000_000_000
HOSTILE = "\u202e</text><image href='file:///etc/hostname'/><script>alert(1)</script>&amp;\x00\n"

AMOUNTS = st.one_of(st.integers(0, 10), st.integers(0, 2**64))
RESULTS = st.integers(-(2**63), 2**63)
TEXTS = st.one_of(st.text(max_size=80), st.just(HOSTILE))
MODES = st.sampled_from(["live", "paper", "dry_run"])
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"])
TIMES = st.integers(NOW_MS - 9 * 24 * HOUR_MS, NOW_MS + HOUR_MS)

PRICES = st.builds(
    PricePicture,
    mint=st.just(MINT),
    name=TEXTS,
    symbol=TEXTS,
    mode=MODES,
    zone=ZONES,
    start_ms=st.integers(NOW_MS - 8 * 24 * HOUR_MS, NOW_MS),
    end_ms=st.just(NOW_MS),
    gap_ms=st.sampled_from([1_000, 45_000, 24 * HOUR_MS]),
    dots=st.lists(st.builds(Dot, TIMES, AMOUNTS, AMOUNTS), max_size=12).map(tuple),
    marks=st.lists(st.builds(Mark, TIMES, st.booleans(), AMOUNTS, AMOUNTS), max_size=5).map(tuple),
)
PROFITS = st.builds(
    ProfitPicture,
    mode=MODES,
    period=st.just("the last 14 days"),
    zone=ZONES,
    bars=st.lists(st.builds(Bar, TEXTS, RESULTS, AMOUNTS), max_size=40).map(tuple),
    buys=AMOUNTS,
    sells=AMOUNTS,
    failed=AMOUNTS,
    fees_lamports=AMOUNTS,
)
POSITIONS = st.builds(
    PositionPicture,
    mint=st.just(MINT),
    name=TEXTS,
    symbol=TEXTS,
    mode=MODES,
    zone=ZONES,
    opened_at_ms=TIMES,
    closed_at_ms=TIMES,
    cost_lamports=AMOUNTS,
    realized_lamports=RESULTS,
    buys=AMOUNTS,
    sales=AMOUNTS,
    reason=TEXTS,
)
FLOATS = st.floats(-1e18, 1e18) | st.floats(1e-9, 1e9)
OPINIONS = st.builds(
    OpinionPicture,
    mint=st.just(MINT),
    name=TEXTS,
    symbol=TEXTS,
    mode=MODES,
    zone=ZONES,
    start_ms=st.integers(NOW_MS - 8 * 24 * HOUR_MS, NOW_MS),
    end_ms=st.just(NOW_MS),
    step_ms=st.sampled_from([10_000, HOUR_MS]),
    sticks=st.lists(st.builds(Stick, TIMES, FLOATS, FLOATS, FLOATS, FLOATS), max_size=12).map(tuple),
    verdict=st.sampled_from(["", "buy", "sell", "neutral"]),
    confidence_bps=st.integers(0, 10_000),
    version=TEXTS,
    parts=st.lists(st.builds(Part, TEXTS, FLOATS | st.none(), FLOATS), max_size=9).map(tuple),
)
RANKINGS = st.builds(
    RankingPicture,
    title=TEXTS,
    rows=st.lists(st.builds(Ranked, TEXTS, RESULTS, RESULTS, AMOUNTS, AMOUNTS), max_size=12).map(tuple),
)
BOARD_ROWS = st.builds(BoardRow, TEXTS, TEXTS, st.integers(0, 100) | st.none(), RESULTS, AMOUNTS, AMOUNTS)
BOARDS = st.builds(
    BoardPicture, title=TEXTS, mode=MODES, period=TEXTS, rows=st.lists(BOARD_ROWS, max_size=14).map(tuple)
)
PICTURES: st.SearchStrategy[Picture] = st.one_of(PRICES, PROFITS, POSITIONS, OPINIONS, RANKINGS, BOARDS)


def price_picture(count: int = 60, *, name: str = "Pepe the Frog", symbol: str = "PEPE", **changed) -> PricePicture:
    """An hour of a price that climbs, with `count` dots."""
    step_ms = HOUR_MS // max(count, 1)
    dots = tuple(
        Dot(NOW_MS - HOUR_MS + number * step_ms, 28 * 10**9 + number * 10**8, 10**15) for number in range(count)
    )
    facts = {
        "mint": MINT,
        "name": name,
        "symbol": symbol,
        "mode": "paper",
        "zone": "UTC",
        "start_ms": NOW_MS - HOUR_MS,
        "end_ms": NOW_MS,
        "gap_ms": 90_000,
        "dots": dots,
    }
    return PricePicture(**(facts | changed))


def profit_picture(mode: str = "paper") -> ProfitPicture:
    """Two weeks with gains and losses."""
    bars = tuple(Bar(f"11-{8 + day:02}", (day % 5 - 2) * 10**8, day % 5) for day in range(14))
    return ProfitPicture(mode, "the last 14 days", "UTC", bars, 12, 10, 1, 4_000_000)
