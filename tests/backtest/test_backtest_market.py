"""Reading recordings: what is told of them, in which order, and what is refused in one line."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backtest.market import DAY_MS, MarketError, read_market
from bot.backtest.told import OPENING, PRODUCT, Row, Teller, Told
from bot.trading.launch import CurveTrade, TokenLaunch
from tests.backtest.small_market import MINT, START_MS, moved, riser, write


def row(ts_ms: int, v_sol: float, *, mint: str = MINT, side: str | None = None, lamports: int | None = None) -> Row:
    return Row(mint, ts_ms, side, lamports, *[None] * 2, v_sol, *[None] * 9)  # type: ignore[arg-type]


def test_a_launch_and_its_trades_are_told_as_they_were_recorded(tmp_path: Path) -> None:
    told = list(read_market(write(tmp_path / "m.csv", riser())).told())
    launch, *trades = [one.event for one in told]
    assert isinstance(launch, TokenLaunch)
    assert (launch.mint, launch.creator, launch.seen_at_ms) == (MINT, f"maker of {MINT}", START_MS)
    assert [(trade.is_buy, trade.quote_lamports) for trade in trades if isinstance(trade, CurveTrade)] == [
        *[(True, 300_000_000)] * 13,
        *[(False, 300_000_000)] * 2,
        (True, 16_700_000_000),
    ]
    assert [one.at_ms for one in told] == sorted(one.at_ms for one in told)


def test_a_token_that_had_traded_before_is_opened_in_the_past_at_the_reserves_of_its_first_row() -> None:
    told = list(Teller("x").tell(row(START_MS, 42.0)))
    assert len(told) == 1 + len(OPENING)
    assert {one.curve.virtual_quote_lamports for one in told} == {42 * 10**9}
    assert {one.at_ms for one in told} == {START_MS}
    launch, *buys = [one.event for one in told]
    assert isinstance(launch, TokenLaunch)
    assert launch.seen_at_ms == START_MS - 21_000
    seen = [buy.seen_at_ms for buy in buys if isinstance(buy, CurveTrade)]
    assert seen == sorted(seen)
    assert seen[-1] < START_MS - 2_000
    assert sum(buy.quote_lamports for buy in buys if isinstance(buy, CurveTrade)) == 12 * 10**9


def test_side_and_amount_of_a_recording_of_reserves_alone_follow_from_their_change() -> None:
    teller = Teller("x")
    list(teller.tell(row(START_MS, 40.0)))
    (bought,), (sold,), (dust,) = (list(teller.tell(row(START_MS + 1, sol))) for sol in (41.0, 39.5, 39.501))
    assert isinstance(bought.event, CurveTrade)
    assert isinstance(sold.event, CurveTrade)
    assert (bought.event.is_buy, bought.event.quote_lamports) == (True, 10**9)
    assert (sold.event.is_buy, sold.event.quote_lamports) == (False, 1_500_000_000)
    assert bought.event.token_raw == PRODUCT // (40 * 10**9) - PRODUCT // (41 * 10**9)
    assert dust.event is None
    assert dust.curve.virtual_quote_lamports == 39_501_000_000


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.integers(0, 5_000),
            st.sampled_from([None, "create", "snapshot", "buy", "sell", "dust"]),
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.floats(1e-9, 1e6),
        ),
        max_size=20,
    )
)
def test_whatever_a_row_says_nothing_is_raised_and_nothing_told_hangs_on_later_rows(
    drawn: list[tuple[str, int, str | None, int | None, float]],
) -> None:
    ordered = sorted(drawn, key=lambda one: one[1])
    rows = [row(START_MS + ms, sol, mint=mint, side=side, lamports=sol_) for mint, ms, side, sol_, sol in ordered]

    def tell(count: int) -> list[Told]:
        teller = Teller("x")
        return [one for given in rows[:count] for one in teller.tell(given)]

    everything = tell(len(rows))
    for count in range(len(rows)):
        part = tell(count)
        assert everything[: len(part)] == part
    for one in everything:
        assert min(one.curve.virtual_quote_lamports, one.curve.virtual_token_raw) > 0
        assert min(one.curve.real_quote_lamports, one.curve.real_token_raw) >= 0
        if isinstance(one.event, CurveTrade):
            assert min(one.event.quote_lamports, one.event.token_raw) >= 0


def test_parquet_csv_and_gzip_hold_the_same_market(tmp_path: Path) -> None:
    text = write(tmp_path / "m.csv", riser())
    (tmp_path / "m.csv.gz").write_bytes(gzip.compress(text.read_bytes()))
    pl.read_csv(text).write_parquet(tmp_path / "m.parquet")
    markets = [read_market(tmp_path / name) for name in ("m.csv", "m.csv.gz", "m.parquet")]
    assert len({market.fingerprint for market in markets}) == 1
    assert len({tuple(map(repr, market.told())) for market in markets}) == 1


def test_days_part_a_market_by_when_each_token_was_first_seen(tmp_path: Path) -> None:
    late = riser("Later1111111111111111111111111111111111111", DAY_MS - 10_000)
    market = read_market(write(tmp_path / "m.csv", [*riser(), *late]))
    parts = [market.of(part) for part in market.days()]
    assert len(parts) == 1  # the rise of the next day belongs to the token's own
    assert parts[0].rows.height == market.rows.height
    assert market.of(market.days()[0], 0).rows.is_empty()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.csv", None, "cannot be read"),
        ("empty.csv", b"", "no recorded market"),
        ("columns.csv", b"mint,ts_ms\na,1\n", "lacks the column(s) v_sol"),
        ("words.csv", b"mint,ts_ms,v_sol\na,yesterday,much\n", "no row with mint, ts_ms and v_sol"),
        ("torn.parquet", b"PAR1 and no more", "no recorded market"),
        ("binary.csv", b"\xff\xfe\x00\x01", "lacks the column(s) mint"),
    ],
)
def test_a_file_that_is_no_market_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MarketError) as refused:
        read_market(path)
    text = str(refused.value)
    assert name in text
    assert says in text, text
    assert "\n" not in text


def test_rows_that_cannot_be_are_left_out_and_counted(tmp_path: Path) -> None:
    good = riser()
    bad = [(*moved(MINT, 70000, 50.0, 51.0, "x")[:6], value, 1.0) for value in ("nan", "-1", "inf", "1e300")] + [
        ("", START_MS, "buy", 1, 1, "x", 31.0, 1.0),
        (MINT, -5, "buy", 1, 1, "x", 31.0, 1.0),
    ]
    market = read_market(write(tmp_path / "m.csv", [*good, *bad]))
    assert (market.rows.height, market.left_out) == (len(good), len(bad))
