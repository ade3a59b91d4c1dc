"""Names of the environment that earlier bots used: read from one table, and refused where they contradict or endanger."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.compose import new_user_settings, policy, telegram_token
from bot.errors import StartupError
from bot.settings import KNOWN_NAMES, Telegram, load, without_effect
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.units import LAMPORTS_PER_SOL as SOL


def test_old_names_mean_their_keys() -> None:
    trading = load(None, {"MAX_TRADE_SIZE_SOL": "0.5", "MAX_POSITION_SIZE_SOL": "2"}).trading
    assert (trading.max_trade_sol, trading.max_position_sol) == (Decimal("0.5"), Decimal(2))


def test_trade_size_does_not_stand_in_for_position_size() -> None:
    assert load(None, {"MAX_TRADE_SIZE_SOL": "0.5"}).trading.max_position_sol == Decimal(1)


def test_a_name_and_its_successor_that_differ_are_refused_by_both_names() -> None:
    with pytest.raises(StartupError, match="MAX_TRADE_SIZE_SOL and BOT_TRADING__MAX_TRADE_SOL say different things"):
        load(None, {"MAX_TRADE_SIZE_SOL": "0.5", "BOT_TRADING__MAX_TRADE_SOL": "0.6"})
    same = load(None, {"MAX_TRADE_SIZE_SOL": "0.5", "BOT_TRADING__MAX_TRADE_SOL": "0.5"})
    assert same.trading.max_trade_sol == Decimal("0.5")


def test_a_private_key_in_the_environment_is_refused_and_not_repeated() -> None:
    with pytest.raises(StartupError) as refused:
        load(None, {"WALLET_PRIVATE_KEY": "5Kb8kLf9zgWQnogidDA76"})
    assert "WALLET_PRIVATE_KEY is refused" in str(refused.value)
    assert "5Kb8kLf9" not in str(refused.value)


def test_every_name_of_the_table_sets_its_key_is_read_elsewhere_or_says_that_it_does_nothing() -> None:
    for known in KNOWN_NAMES:
        if known.key is not None:
            section, key = known.key
            value = {"url": "postgresql://u@h/d", "operator_chat_id": "7"}.get(key, "0.75" if "sol" in key else "7.5")
            kept = getattr(getattr(load(None, {known.name: value}), section), key)
            shown = kept.get_secret_value() if isinstance(kept, SecretStr) else str(kept)
            assert shown == value, known.name
        told = list(without_effect({known.name: "s3kret"}))
        assert len(told) == (not known.has_effect)
        assert all(known.name in line and "s3kret" not in line for line in told)


def test_an_empty_name_is_as_good_as_none() -> None:
    assert load(None, {"STOP_LOSS_PERCENTAGE": ""}).new_users.stop_loss_percent == 10
    assert list(without_effect({"HELIUS_API_KEY": ""})) == []


def test_two_names_of_one_key_must_say_the_same() -> None:
    both = {"MAX_DAILY_LOSS_SOL": "3", "DAILY_LOSS_LIMIT_SOL": "3.0"}
    assert load(None, both).trading.max_daily_loss_sol == 3
    with pytest.raises(StartupError, match="DAILY_LOSS_LIMIT_SOL and MAX_DAILY_LOSS_SOL say different things"):
        load(None, both | {"DAILY_LOSS_LIMIT_SOL": "4"})


def test_an_earlier_name_does_not_overrule_the_file_and_the_own_name_does(tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text("[trading]\nmax_trade_sol = 0.5\n")
    assert load(file, {"MAX_TRADE_SIZE_SOL": "0.50"}).trading.max_trade_sol == Decimal("0.5")
    assert load(file, {"BOT_TRADING__MAX_TRADE_SOL": "2"}).trading.max_trade_sol == 2
    with pytest.raises(StartupError, match=r"MAX_TRADE_SIZE_SOL and trading.max_trade_sol in bot.toml say different"):
        load(file, {"MAX_TRADE_SIZE_SOL": "2"})


def test_a_wrong_value_names_the_variable_that_holds_it() -> None:
    with pytest.raises(StartupError) as refused:
        load(None, {"STOP_LOSS_PERCENTAGE": "ten", "BOT_NEW_USERS__MAX_HOLD_S": "0"})
    told = str(refused.value).splitlines()
    assert told[0].startswith("environment BOT_NEW_USERS__MAX_HOLD_S: new_users.max_hold_s: ")
    assert told[1].startswith("environment STOP_LOSS_PERCENTAGE: new_users.stop_loss_percent: ")


def test_what_the_environment_says_is_what_new_users_start_with() -> None:
    names = {
        "MAX_TRADE_SIZE_SOL": "2",
        "MAX_POSITION_SIZE_SOL": "3",
        "MAX_DAILY_LOSS_SOL": "4",
        "STOP_LOSS_PERCENTAGE": "12.5",
        "TAKE_PROFIT_PERCENTAGE": "40",
        "BOT_NEW_USERS__USE_TAKE_PROFIT": "false",
        "BOT_TRADING__MAX_SLIPPAGE_PERCENT": "7",
        "BOT_TRADING__ALWAYS_CHECK_TOKENS": "true",
    }
    chosen = load(None, names)
    newcomer, ceilings = new_user_settings(chosen), policy(chosen).ceilings
    assert (newcomer.max_trade_lamports, ceilings.max_trade_lamports) == (2 * SOL, 2 * SOL)
    assert (newcomer.max_position_lamports, ceilings.max_position_lamports) == (3 * SOL, 3 * SOL)
    assert (newcomer.daily_loss_limit_lamports, ceilings.max_daily_loss_lamports) == (4 * SOL, 4 * SOL)
    assert (newcomer.stop_loss_bps, newcomer.take_profit_bps) == (1_250, None)
    assert (ceilings.max_slippage_bps, ceilings.always_check_tokens) == (700, True)


def test_settings_without_a_word_are_those_of_the_rules() -> None:
    assert new_user_settings(load(None, {})) == UserSettings()
    assert policy(load(None, {})).ceilings == Ceilings()


def test_a_token_in_the_environment_and_another_in_the_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("123456:abcdefghijklmnopqrstuvwxyz_ABCDEFGH\n")
    chosen = Telegram(token_file=file)
    for environment in ({}, {"TELEGRAM_BOT_TOKEN": "123456:abcdefghijklmnopqrstuvwxyz_ABCDEFGH"}):
        token = telegram_token(chosen, environment)
        assert token is not None
        assert token.get_secret_value() == "123456:abcdefghijklmnopqrstuvwxyz_ABCDEFGH"
    with pytest.raises(StartupError, match=r"TELEGRAM_BOT_TOKEN and telegram\.token_file") as refused:
        telegram_token(chosen, {"TELEGRAM_BOT_TOKEN": "123456:zyxwvutsrqponmlkjihgfedcba_ABCDEFGH"})
    assert "123456" not in str(refused.value)


def test_the_levels_of_earlier_versions_are_refused_with_the_place_where_they_are_now(tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text("[trading]\nobserve_s = 3\n[levels]\ndwell_s = 0.2\nrpc_critical_s = 5\n")
    for given in (lambda: load(file, {}), lambda: load(None, {"BOT_LEVELS__DWELL_S": "0.2"})):
        with pytest.raises(StartupError, match=r"supervision\.toml now: `dwell_s`.*\[dependency\.rpc\]") as refused:
            given()
        assert str(refused.value).count("\n") == 0
    with pytest.raises(StartupError, match=r"^bot\.toml:3:1: levels: "):
        load(file, {})


@pytest.mark.parametrize(
    "token", ["abc", "123456", "123456:short", "123456:" + "a" * 36, "123456:" + "a" * 34 + "!", "x y"]
)
def test_a_token_of_another_form_is_refused_and_not_shown(tmp_path: Path, token: str) -> None:
    with pytest.raises(StartupError, match="TELEGRAM_BOT_TOKEN: not a Telegram token") as refused:
        telegram_token(Telegram(), {"TELEGRAM_BOT_TOKEN": token})
    assert token not in str(refused.value)
    file = tmp_path / "token"
    file.write_text(token + "\n")
    with pytest.raises(StartupError, match="not a Telegram token") as refused:
        telegram_token(Telegram(token_file=file), {})
    assert token not in str(refused.value).replace(str(file), "")


def test_a_server_of_ones_own_may_give_out_other_tokens() -> None:
    own = Telegram(base_url="http://127.0.0.1:8081/bot")
    token = telegram_token(own, {"TELEGRAM_BOT_TOKEN": "123456:short"})
    assert token is not None
    with pytest.raises(StartupError):
        telegram_token(own, {"TELEGRAM_BOT_TOKEN": "no/token"})


def test_a_least_trade_above_the_greatest_is_refused_with_both_places(tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text("[trading]\nmax_trade_sol = 0.0005\n")
    with pytest.raises(StartupError) as refused:
        load(file, {})
    told = str(refused.value)
    assert told.startswith(
        "bot.toml:2:1: trading.max_trade_sol = 0.0005 is below trading.min_trade_sol = 0.001 (the default)"
    )
    with pytest.raises(StartupError, match=r"bot.toml:2:1: .* = 2 \(environment BOT_TRADING__MIN_TRADE_SOL\)"):
        load(file, {"BOT_TRADING__MIN_TRADE_SOL": "2"})
