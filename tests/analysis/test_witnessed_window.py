"""Which trades of a launch more than one voice has told, by other streams or by the reserves that somebody else shows."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.analysis.witnessed_window import WitnessedWindow
from bot.trading.curve import Curve
from bot.trading.launch import CurveTrade
from tests.analysis.launch_samples import BORN_MS, Market

NOW_MS = BORN_MS + 2_000


def told_by(voice: str, trade: CurveTrade) -> CurveTrade:
    return replace(trade, curve=replace(trade.curve, told_by=voice))


def shown_by(voice: str, trade: CurveTrade) -> Curve:
    return replace(trade.curve, told_by=voice, slot=trade.slot + 3)


def bought(count: int) -> tuple[Market, WitnessedWindow]:
    """As many buys, which one voice alone has told."""
    market = Market()
    window = WitnessedWindow(market.launch)
    for number in range(count):
        window.add(told_by("one", market.buy(f"buyer-{number}", 0.5, 100 * number)))
    return market, window


def buyers(window: WitnessedWindow) -> tuple[int, int]:
    """How many were told, and how many of them are sure."""
    return window.features(NOW_MS).distinct_buyers, window.sure_features(NOW_MS).distinct_buyers


def test_the_newest_trade_alone_may_be_one_voices_word() -> None:
    _, window = bought(1)
    assert window.is_sure
    _, window = bought(2)
    assert not window.is_sure
    assert window.tellers == {"one"}
    assert buyers(window) == (2, 0)


def test_what_another_voice_tells_is_sure_whichever_order_it_has() -> None:
    market, window = bought(4)
    for trade in reversed(market.told):
        window.bear_out(trade)
    assert window.is_sure
    assert buyers(window) == (4, 4)
    window.bear_out(market.told[0])
    assert buyers(window) == (4, 4)


def test_what_nobody_has_to_be_believed_alone_for_is_sure_at_once() -> None:
    market = Market()
    window = WitnessedWindow(market.launch)
    for number in range(3):
        window.add(market.buy(f"buyer-{number}", 0.5, 100 * number))
    assert window.is_sure
    assert buyers(window) == (3, 3)


def test_reserves_that_somebody_else_shows_bear_out_all_trades_that_lead_to_them() -> None:
    market, window = bought(5)
    assert window.shown(shown_by("two", market.told[3]))
    assert window.is_sure
    assert buyers(window) == (5, 4)


def test_nobody_bears_out_himself_and_other_reserves_bear_out_nothing() -> None:
    market, window = bought(3)
    assert not window.shown(shown_by("one", market.told[-1]))
    assert not window.shown(replace(shown_by("two", market.told[-1]), virtual_quote_lamports=1))
    assert buyers(window) == (3, 0)


@given(st.integers(2, 10), st.integers(1, 10**9), st.integers(0, 10**12))
def test_made_up_buys_that_leave_the_true_reserves_as_they_are_are_borne_out_by_nobody(
    count: int, lamports: int, token_raw: int
) -> None:
    market = Market()
    window = WitnessedWindow(market.launch)
    true = market.buy("creator", 0.5, 0)
    window.add(true)
    for number in range(count):
        false = replace(true, signature=f"false-{number}", trader=f"nobody-{number}", quote_lamports=lamports)
        curve = replace(true.curve, virtual_token_raw=true.curve.virtual_token_raw, told_by="one")
        window.add(replace(false, token_raw=token_raw, curve=curve))
    assert not window.shown(shown_by("two", true))
    assert not window.is_sure
