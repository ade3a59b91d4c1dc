"""What the rules make of launches recorded on the real launchpad; the numbers in docs/analysis.md come from here."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bot.analysis.features import Features, TokenWindow
from bot.analysis.opinion import BUY_BPS, rule_opinion
from bot.trading.launch import CurveTrade
from bot.trading.signal import STRONG_CONFIDENCE_BPS, Action, Opinion
from bot.trading.units import LAMPORTS_PER_SOL
from tests.analysis.launch_samples import BORN_MS, SLOT_MS, launch

SHARED = os.environ.get("BOT_SHARED_DATA")
pytestmark = pytest.mark.skipif(SHARED is None, reason="BOT_SHARED_DATA names no folder with recorded markets")

SOL = LAMPORTS_PER_SOL
CURVE_PRODUCT = 30 * 1.073e9  # virtual SOL times virtual tokens of a standard curve


def recorded(name: str) -> pl.DataFrame:
    return pl.read_parquet(Path(SHARED or "", "market", name))


def is_birth(row: dict[str, Any]) -> bool:
    """Whether this trade is the first on its curve: its price shows that 30 virtual SOL stood there before it."""
    sol = row["sol_lamports"] / SOL
    product = row["sol_lamports"] / row["tokens_raw"] / 1_000 * CURVE_PRODUCT
    before_sol: float = (math.sqrt(sol * sol + 4 * product) - sol) / 2
    return bool(row["side"] == "buy") and before_sol < 30.1


def trades_of(rows: list[dict[str, Any]]) -> Iterator[CurveTrade]:
    curve = launch(rows[0]["trader"], rows[0]["mint"], rows[0]["slot"]).curve
    for row in rows:
        sign = 1 if row["side"] == "buy" else -1
        curve = replace(
            curve,
            virtual_token_raw=curve.virtual_token_raw - sign * row["tokens_raw"],
            virtual_quote_lamports=curve.virtual_quote_lamports + sign * row["sol_lamports"],
            real_quote_lamports=curve.real_quote_lamports + sign * row["sol_lamports"],
            slot=row["slot"],
        )
        yield CurveTrade(
            mint=row["mint"],
            trader=row["trader"],
            is_buy=sign > 0,
            token_raw=row["tokens_raw"],
            quote_lamports=row["sol_lamports"],
            curve=curve,
            signature=row["signature"],
            slot=row["slot"],
            seen_at_ms=BORN_MS + (row["slot"] - rows[0]["slot"]) * SLOT_MS,
        )


def best_of_first_ten_seconds(rows: list[dict[str, Any]]) -> Opinion:
    """The most confident opinion at any slot of a launch's first ten seconds; its first trader is its creator."""
    window = TokenWindow(launch(rows[0]["trader"], rows[0]["mint"], rows[0]["slot"]))
    waiting = list(trades_of(rows))
    opinions = []
    for now_ms in range(BORN_MS, BORN_MS + 10_001, SLOT_MS):
        while waiting and waiting[0].seen_at_ms <= now_ms:
            assert window.add(waiting.pop(0))
        opinions.append(rule_opinion(window.features(now_ms)))
    return max(opinions, key=lambda opinion: (opinion.action is Action.BUY, opinion.confidence_bps))


def test_most_launches_with_known_traders_are_declined() -> None:
    stream = recorded("trades_stream.parquet").group_by("mint", maintain_order=True)
    launches = [rows for _, group in stream if is_birth((rows := group.rows(named=True))[0])]
    best = [best_of_first_ten_seconds(rows) for rows in launches]
    bought = [opinion for opinion in best if opinion.action is Action.BUY]
    strong = [opinion for opinion in bought if opinion.confidence_bps >= STRONG_CONFIDENCE_BPS]
    assert (len(best), len(bought), len(strong)) == (19, 4, 1)


def first_look(row: dict[str, Any], recent_sol: int) -> Features:
    """A track's first sample. It names no trader: the largest buyer is taken for half of what the three largest hold."""
    buyers = max(int(row["unique_buyers"]) - 1, 0)
    return Features(
        mint=row["mint"],
        at_ms=row["ts_ms"],
        age_s=8.0,
        buys=buyers,
        sells=0,
        distinct_buyers=buyers,
        bought_lamports=int(row["buy_pressure"] * SOL),
        sold_lamports=int(row["sell_pressure"] * SOL),
        recent_inflow_lamports=recent_sol * SOL,
        recent_trades_per_s=3.0,
        creator_bought_share=0.03,
        creator_sold=False,
        largest_buyer_share=min(1.0, row["top3_pct"] / 200),
        launch_slot_buys=0,
        price_change=(row["v_sol"] / 30) ** 2 - 1,
        curve_lamports=max(0, int((row["v_sol"] - 30) * SOL)),
        virtual_quote_lamports=int(row["v_sol"] * SOL),
        curve_complete=False,
    )


@pytest.mark.parametrize(("recent_sol", "bought", "strong"), [(0, 37, 4), (1, 56, 19)])
def test_a_small_share_of_all_tracked_launches_is_bought(recent_sol: int, bought: int, strong: int) -> None:
    samples = recorded("tracks.parquet").drop_nulls(["mint", "ts_ms"]).filter(pl.col("v_sol") < 200)
    first = samples.sort("mint", "ts_ms").group_by("mint", maintain_order=True).first()
    assert len(first) == 367
    opinions = [rule_opinion(first_look(row, recent_sol)) for row in first.iter_rows(named=True)]
    buys = [opinion.confidence_bps for opinion in opinions if opinion.action is Action.BUY]
    assert min(buys) >= BUY_BPS
    assert (len(buys), sum(bps >= STRONG_CONFIDENCE_BPS for bps in buys)) == (bought, strong)
