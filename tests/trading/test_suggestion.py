"""How much of a token is suggested to a user, and why no more."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.limits import Ceilings, UserSettings
from bot.trading.signal import Action, Opinion
from bot.trading.suggestion import Held, suggested
from bot.trading.units import LAMPORTS_PER_SOL as SOL

OPINION = Opinion("mint", Action.BUY, 7_000, ("12 distinct buyers",), 3 * SOL, 33 * SOL, "rules-1", 0)
NOTHING = Held(0, 0)
DEEP = 1_000 * SOL


def test_the_users_own_amount_is_suggested_where_nothing_binds() -> None:
    settings = UserSettings(snipe_max_lamports=SOL // 5)
    told = suggested(OPINION, settings, Ceilings(), NOTHING, DEEP)
    assert (told.lamports, told.less) == (SOL // 5, "")


def test_less_is_suggested_with_the_limit_that_binds() -> None:
    settings = UserSettings(snipe_max_lamports=SOL)
    by_hand = suggested(OPINION, replace(settings, manual_max_trade_lamports=SOL // 4), Ceilings(), NOTHING, DEEP)
    assert by_hand.lamports == SOL // 4
    assert by_hand.less == "your limit per trade by hand is 0.25 SOL"
    operator = suggested(OPINION, settings, Ceilings(max_trade_lamports=SOL // 8), NOTHING, DEEP)
    assert operator.less.startswith("the operator's limit per trade is 0.125")
    held = suggested(OPINION, settings, Ceilings(), Held(SOL * 9 // 10, SOL), DEEP)
    assert held.lamports == SOL // 10
    assert "you have 0.9 in it" in held.less
    shallow = suggested(OPINION, settings, Ceilings(), NOTHING, 33 * SOL)
    assert shallow.lamports == 33 * SOL // 100
    assert shallow.less == "1 % of the curve's virtual SOL is 0.33 SOL"


def test_nothing_is_suggested_without_a_buy_or_below_the_least_trade() -> None:
    for action in (Action.NEUTRAL, Action.SELL):
        told = suggested(replace(OPINION, action=action), UserSettings(), Ceilings(), NOTHING, DEEP)
        assert (told.lamports, told.less) == (0, f"the opinion is {action}, not a buy")
    full = suggested(OPINION, UserSettings(), Ceilings(), Held(SOL, SOL), DEEP)
    assert full.lamports == 0
    assert "limit per position" in full.less
    assert suggested(OPINION, UserSettings(), Ceilings(), NOTHING, 0).lamports == 0


@given(st.integers(0, 10**20), st.integers(0, 10**20), st.integers(-(10**20), 10**30))
def test_no_suggestion_is_above_any_limit(token: int, everything: int, depth: int) -> None:
    settings, ceilings = UserSettings(snipe_max_lamports=SOL), Ceilings()
    told = suggested(OPINION, settings, ceilings, Held(token, token + everything), depth)
    assert 0 <= told.lamports <= min(SOL, settings.max_trade_lamports, ceilings.max_trade_lamports)
    assert told.lamports == 0 or told.lamports >= ceilings.min_trade_lamports
    assert told.lamports + token <= settings.max_position_lamports or told.lamports == 0
    assert told.lamports == told.wished_lamports or told.less
