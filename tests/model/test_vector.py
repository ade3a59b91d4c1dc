"""What a model sees of a token, whatever is told of it."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.analysis.token_analysis import TokenAnalysis
from bot.analysis.vector import FEATURES, NAMES, Known, Needs, row
from bot.trading.curve import Curve
from tests.analysis.launch_samples import BORN_MS, Market, launch

WHOLE = st.integers(min_value=-(10**30), max_value=10**30)


def crowd() -> Market:
    market = Market()
    market.buy("creator", 1.0, 0)
    for number in range(8):
        market.buy(f"buyer {number}", 0.5, 400 + 300 * number)
    market.sell("buyer 3", 0.5, 4_000)
    return market


def analysed(market: Market, *, nameless: bool = False) -> TokenAnalysis:
    analysis = TokenAnalysis(market.launch)
    for trade in market.told:
        assert analysis.add(replace(trade, trader="") if nameless else trade)
    return analysis


def test_every_feature_of_a_watched_launch_is_a_number() -> None:
    seen = row(analysed(crowd()).analysis(BORN_MS + 6_000))
    assert len(seen) == len(FEATURES) == len(set(NAMES))
    told = dict(zip(NAMES, seen, strict=True))
    assert told["distinct_buyers"] == 8
    assert told["buys"] == 9
    assert told["age_s"] == 6
    assert not [name for name in ("curve_sol", "holders", "creator_bought_share") if math.isnan(told[name])]


def test_trades_without_traders_leave_what_is_counted_by_trader_unknown() -> None:
    seen = row(analysed(crowd(), nameless=True).analysis(BORN_MS + 6_000))
    for feature, value in zip(FEATURES, seen, strict=True):
        assert math.isnan(value) or feature.needs is Needs.CURVE, feature.name
    assert not math.isnan(seen[NAMES.index("bought_sol")])


def test_a_launch_that_nobody_saw_leaves_its_first_slot_unknown() -> None:
    seen = row(analysed(crowd()).analysis(BORN_MS + 6_000), Known(launch=False))
    for feature, value in zip(FEATURES, seen, strict=True):
        assert math.isnan(value) or feature.needs is not Needs.LAUNCH, feature.name


@given(
    amounts=st.tuples(WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE),
    name=st.text(max_size=20),
    at_ms=st.integers(min_value=-(2**63), max_value=2**63),
)
def test_lies_and_absurd_numbers_give_a_row_without_infinities(amounts: tuple[int, ...], name: str, at_ms: int) -> None:
    market = crowd()
    analysis = analysed(market)
    curve = Curve(*amounts[:4], complete=False, creator=name, slot=amounts[4])
    last = replace(market.told[-1], curve=curve, quote_lamports=amounts[5], signature="lie", trader=name)
    analysis.add(last)
    seen = row(analysis.analysis(at_ms))
    assert len(seen) == len(FEATURES)
    assert all(math.isnan(value) or abs(value) <= 1e9 for value in seen)


def test_a_token_before_its_first_trade_has_a_row() -> None:
    seen = row(TokenAnalysis(launch()).analysis(BORN_MS))
    assert seen[NAMES.index("buys")] == 0
    assert math.isnan(seen[NAMES.index("trades_per_s")])
