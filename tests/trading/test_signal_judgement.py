"""One opinion held against one user's thresholds, and how much he then spends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.limits import UserSettings
from bot.trading.signal import STRONG_CONFIDENCE_BPS, Action, Component, Ignored, Opinion, Signal, drawn, judge
from bot.trading.sizing import snipe_size
from bot.trading.units import BPS, LAMPORTS_PER_SOL

SOL = LAMPORTS_PER_SOL
STRONG = Opinion(
    mint="mint",
    action=Action.BUY,
    confidence_bps=8_500,
    reasons=("9 distinct buyers", "3.40 SOL net inflow"),
    curve_lamports=4 * SOL,
    virtual_quote_lamports=34 * SOL,
    version="rules-1",
    at_ms=1_700_000_000_000,
)
RELAXED = UserSettings(snipe_only_strong_buy=False)

opinions = st.builds(
    replace,
    st.just(STRONG),
    action=st.sampled_from(Action),
    confidence_bps=st.integers(0, BPS),
    reasons=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    curve_lamports=st.integers(0, 90 * SOL),
    virtual_quote_lamports=st.integers(0, 120 * SOL),
)
some_settings = st.builds(
    UserSettings,
    max_trade_lamports=st.integers(0, 2 * SOL),
    snipe_max_lamports=st.integers(0, 2 * SOL),
    snipe_min_confidence_bps=st.integers(0, BPS),
    snipe_only_strong_buy=st.booleans(),
    snipe_min_curve_lamports=st.integers(0, 90 * SOL),
)


def test_a_strong_buy_becomes_a_signal_that_says_why() -> None:
    signal = judge(STRONG, UserSettings())
    assert signal == Signal(SOL // 10, "confidence 85 %: 9 distinct buyers; 3.40 SOL net inflow")


@pytest.mark.parametrize(
    ("opinion", "settings", "code"),
    [
        (replace(STRONG, action=Action.NEUTRAL), RELAXED, "not_a_buy"),
        (replace(STRONG, action=Action.SELL), RELAXED, "not_a_buy"),
        (replace(STRONG, action=Action.NEUTRAL, reasons=()), RELAXED, "not_a_buy"),
        (replace(STRONG, confidence_bps=6_499), RELAXED, "confidence"),
        (replace(STRONG, confidence_bps=STRONG_CONFIDENCE_BPS - 1), UserSettings(), "not_strong"),
        (replace(STRONG, curve_lamports=SOL - 1), UserSettings(), "liquidity"),
        (replace(STRONG, virtual_quote_lamports=99), UserSettings(), "size"),
        (STRONG, UserSettings(snipe_max_lamports=0), "size"),
    ],
)
def test_each_threshold_ignores_with_its_own_code(opinion: Opinion, settings: UserSettings, code: str) -> None:
    ignored = judge(opinion, settings)
    assert isinstance(ignored, Ignored)
    assert ignored.code == code
    assert ignored.reason


@pytest.mark.parametrize(
    ("opinion", "settings"),
    [
        (replace(STRONG, confidence_bps=6_500), RELAXED),
        (replace(STRONG, confidence_bps=STRONG_CONFIDENCE_BPS), UserSettings()),
        (replace(STRONG, curve_lamports=SOL), UserSettings()),
    ],
)
def test_an_opinion_at_the_very_threshold_is_followed(opinion: Opinion, settings: UserSettings) -> None:
    assert isinstance(judge(opinion, settings), Signal)


@given(opinion=opinions, settings=some_settings)
def test_a_signal_keeps_every_threshold_of_its_user(opinion: Opinion, settings: UserSettings) -> None:
    signal = judge(opinion, settings)
    if isinstance(signal, Ignored):
        return
    assert opinion.action is Action.BUY
    assert opinion.confidence_bps >= settings.snipe_min_confidence_bps
    assert opinion.confidence_bps >= STRONG_CONFIDENCE_BPS or not settings.snipe_only_strong_buy
    assert opinion.curve_lamports >= settings.snipe_min_curve_lamports
    assert signal.spend_lamports > 0


@given(opinion=opinions, settings=some_settings, less=st.integers(1, BPS))
def test_a_weaker_opinion_never_buys_what_a_stronger_one_did_not(
    opinion: Opinion, settings: UserSettings, less: int
) -> None:
    weaker = replace(opinion, confidence_bps=max(0, opinion.confidence_bps - less))
    assert isinstance(judge(weaker, settings), Ignored) or isinstance(judge(opinion, settings), Signal)


@given(settings=some_settings, virtual_quote_lamports=st.integers(0, 120 * SOL))
def test_a_snipe_never_exceeds_the_users_amounts_nor_one_percent_of_the_curve(
    settings: UserSettings, virtual_quote_lamports: int
) -> None:
    size = snipe_size(settings, virtual_quote_lamports).lamports
    most = (settings.snipe_max_lamports, settings.max_trade_lamports, virtual_quote_lamports // 100)
    assert size == min(most)


def test_each_token_is_drawn_anew_and_everybody_is_told_once() -> None:
    users = [f"user-{number}" for number in range(50)]
    orders = [drawn(f"mint-{number}", users) for number in range(200)]
    assert all(sorted(order) == sorted(users) for order in orders)
    assert drawn("mint-0", reversed(users)) == orders[0], "who registered first is no matter"
    assert len({order[0] for order in orders}) > len(users) // 2, "nobody is always the first"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"snipe_max_scam_bps": 3_000}, None),
        ({"snipe_max_scam_bps": 2_999}, "scam"),
        ({"snipe_min_momentum_bps": 5_000}, None),
        ({"snipe_min_momentum_bps": 5_001}, "momentum"),
    ],
)
def test_scam_score_and_momentum_are_held_against_the_users_thresholds(asked: dict[str, int], code: str | None) -> None:
    parts = (Component("momentum", 5_000, ""), Component("scam", 3_000, ""))
    told = judge(replace(STRONG, components=parts), replace(RELAXED, **asked))
    assert (told.code if isinstance(told, Ignored) else None) == code
    unknown = judge(replace(STRONG, components=()), replace(RELAXED, **asked))
    assert isinstance(unknown, Ignored), "what was not measured is never good enough for whoever asks for it"
    assert "not known" in unknown.reason
