"""Names of the environment that earlier bots used: read from one table, and refused where they contradict or endanger."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.errors import StartupError
from bot.settings import load


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
