"""The table of settings: every field once, defaults within the bounds, and what is shown can be typed again."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.limits import Ceilings, UserSettings
from bot.trading.roles import RoleLimits
from bot.trading.setting import SEVERAL_MOST, Setting, Unit, Value
from bot.trading.settings_table import (
    OPERATORS,
    SETTINGS,
    Overruling,
    overruled,
    setting_named,
    value_of,
    with_value,
)
from bot.trading.units import LAMPORTS_PER_SOL, AmountError

DEFAULTS = UserSettings()


def values(setting: Setting) -> st.SearchStrategy[Value]:
    if setting.unit is Unit.SWITCH:
        return st.booleans()
    if setting.unit is Unit.TEXT:
        return st.sampled_from(setting.words or ("UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+5"))
    if setting.unit in {Unit.SEVERAL_SOL, Unit.SEVERAL_PERCENT}:
        several = st.lists(st.integers(setting.least, setting.most), min_size=1, max_size=SEVERAL_MOST, unique=True)
        return several.map(tuple)
    if setting.unit is Unit.LEVELS:
        return st.sampled_from(((), (5_000, 2_500), (5_000, 2_500, 12_345, 1, 10_000_000, 7_499)))
    numbers: st.SearchStrategy[Value] = st.integers(setting.least, setting.most)
    return numbers | st.none() if setting.optional else numbers


def test_every_field_that_has_an_effect_is_in_the_table_once() -> None:
    shown = {field.name for field in fields(UserSettings)} - {"snipe_epoch", "role", "blacklist"}
    assert sorted(setting.field for setting in SETTINGS) == sorted(shown)
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_the_default_is_within_the_bounds(setting: Setting) -> None:
    value = value_of(DEFAULTS, setting)
    assert setting.parse(setting.format(value)) == value


@given(st.data(), st.sampled_from(SETTINGS))
def test_what_is_shown_can_be_typed_again(data: st.DataObject, setting: Setting) -> None:
    value = data.draw(values(setting))
    assert setting.parse(setting.format(value)) == value
    assert value_of(with_value(DEFAULTS, setting, value), setting) == value


@given(st.sampled_from(SETTINGS), st.text(max_size=30))
def test_any_text_is_a_value_within_the_bounds_or_an_amount_error(setting: Setting, text: str) -> None:
    try:
        value = setting.parse(text)
    except AmountError as error:
        assert "\n" not in str(error)
        return
    assert value is not None or setting.optional
    if isinstance(value, int) and not isinstance(value, bool):
        assert setting.least <= value <= setting.most


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max_trade", "0.25", LAMPORTS_PER_SOL // 4),
        ("max-trade", " 1 sol ", LAMPORTS_PER_SOL),
        ("take_profit", "150%", 15_000),
        ("take_profit", "12.5 %", 1_250),
        ("take_profit", "OFF", None),
        ("flatten_at_loss", "250%", 25_000),
        ("max_hold", "15m", 900),
        ("max_hold", "2h", 7_200),
        ("snipe_daily", "0", 0),
        ("snipe_liquidity", "0", 0),
        ("snipe", "on", True),
        ("on_critical", "Hold", "hold"),
        ("timezone", "Europe/Berlin", "Europe/Berlin"),
        ("presets_buy", "0.1 0.5SOL 2 sol 0.10", (LAMPORTS_PER_SOL // 10, LAMPORTS_PER_SOL // 2, 2 * LAMPORTS_PER_SOL)),
        ("presets_sell", "25% 100 33.3 %", (2_500, 10_000, 3_330)),
    ],
)
def test_what_people_type(name: str, text: str, value: Value) -> None:
    assert setting_named(name).parse(text) == value


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("max_trade", "0", "from 0.001 SOL to 10000 SOL"),
        ("max_trade", "-1", "negative"),
        ("max_trade", "off", "not an amount"),
        ("slippage_buy", "96%", "to 95 %"),
        ("take_profit_share", "0%", "from 1 % to 100 %"),
        ("stop_loss", "12.345%", "at most 2 decimals"),
        ("flatten_at_loss", "99%", "from 100 % to 10000 %"),
        ("max_hold", "soon", "90s, 15m or 2h"),
        ("snipe_daily", "ten", "not a number"),
        ("snipe", "maybe", "neither on nor off"),
        ("on_critical", "panic", "one of flatten, hold"),
        ("timezone", "../etc", "like Europe/Berlin"),
        ("presets_buy", "0.1 0", "from 0.001 SOL to 10000 SOL"),
        ("presets_buy", "1 2 3 4 5 6 7", "takes 1 to 6 values"),
        ("presets_sell", "25% 101%", "from 1 % to 100 %"),
        ("timezone", "Europe/Nowhere", "like Europe/Berlin"),
        ("timezone", "Europe", "like Europe/Berlin"),
    ],
)
def test_what_cannot_be_is_said_with_what_can(name: str, text: str, said: str) -> None:
    with pytest.raises(AmountError, match=said):
        setting_named(name).parse(text)


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    with pytest.raises(AmountError, match="did you mean stop_loss"):
        setting_named("stoploss")
    with pytest.raises(AmountError, match="use one of max_trade"):
        setting_named("xyz")


def test_names_of_earlier_bots_lead_to_one_row_each() -> None:
    names = [name for setting in SETTINGS for name in {setting.name, *setting.was}]
    assert len(names) == len(set(names))
    assert setting_named("max_trade_size_sol").name == "max_trade"
    assert setting_named("use_stop_loss").parse("off") is None


@given(st.data(), st.sampled_from([row for row in SETTINGS if row.ceiling or row.floor]))
def test_the_operator_binds_where_the_user_is_beyond_him_and_nowhere_else(
    data: st.DataObject, setting: Setting
) -> None:
    mine = with_value(DEFAULTS, setting, data.draw(values(setting)))
    limit = data.draw(st.booleans() if setting.unit is Unit.SWITCH else st.integers(1, setting.most))
    bound = overruled(mine, setting, replace(Ceilings(), **{setting.ceiling or setting.floor: limit}))
    value = value_of(mine, setting)
    beyond = value is None or (value > limit if setting.ceiling else value < limit)
    assert bound == (Overruling(limit, OPERATORS) if beyond else None)


def test_a_role_binds_where_it_sets_less_than_the_user_and_the_operator() -> None:
    row, sol = setting_named("max_trade"), LAMPORTS_PER_SOL
    narrow = replace(Ceilings(), roles=(RoleLimits(max_trade_lamports=sol // 2), *Ceilings().roles[1:]))
    assert overruled(UserSettings(), row, narrow) == Overruling(sol // 2, "your role (basic)")
    assert overruled(UserSettings(role="premium"), row, narrow) is None
    assert overruled(UserSettings(max_trade_lamports=sol // 4), row, narrow) is None
    lower = replace(narrow, max_trade_lamports=sol // 4)
    assert overruled(UserSettings(), row, lower) == Overruling(sol // 4, OPERATORS)


def test_a_limit_of_a_strategy_stands_within_the_users_own_and_what_counts_is_named() -> None:
    sol, row, ceilings = LAMPORTS_PER_SOL, setting_named("manual_trade"), Ceilings()
    assert overruled(UserSettings(), row, ceilings) == Overruling(sol, "your max_trade")
    mine = UserSettings(manual_max_trade_lamports=sol // 2)
    assert overruled(mine, row, ceilings) is None
    assert overruled(replace(mine, max_trade_lamports=sol // 4), row, ceilings) == Overruling(
        sol // 4, "your max_trade"
    )
    assert overruled(mine, row, replace(ceilings, max_trade_lamports=sol // 8)) == Overruling(sol // 8, OPERATORS)
    row = setting_named("sniper_positions")
    assert overruled(UserSettings(), row, ceilings) == Overruling(50, OPERATORS)
    assert overruled(UserSettings(max_positions=7), row, ceilings) == Overruling(7, "your max_positions")
    assert overruled(UserSettings(max_positions=7, sniper_max_positions=7), row, ceilings) is None
    assert overruled(UserSettings(), setting_named("auto_spend"), ceilings) is None


def test_what_the_operator_has_no_say_in_is_never_overruled() -> None:
    others = [row for row in SETTINGS if not row.within and row.name != "max_positions"]  # off by default
    assert all(overruled(DEFAULTS, row, Ceilings()) is None for row in others)


@pytest.mark.parametrize(
    "setting", [row for row in SETTINGS if row.unit in {Unit.SOL, Unit.PERCENT}], ids=lambda row: row.name
)
@pytest.mark.parametrize("typed", ["0,5", "0,25", "12,5", "1,000"])
def test_a_comma_is_refused_and_never_makes_an_amount_ten_times_as_large(setting: Setting, typed: str) -> None:
    with pytest.raises(AmountError):
        setting.parse(typed)
