"""The breaker of a user's automation: twice his limit of a day's loss, or ten failures in a row."""

from __future__ import annotations

import pytest

from bot.trading.breaker import FAILURES_MAX, UserDay, breaker_trips
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.units import LAMPORTS_PER_SOL

MINE = UserSettings(daily_loss_limit_lamports=LAMPORTS_PER_SOL)
ABOVE = Ceilings(max_daily_loss_lamports=5 * LAMPORTS_PER_SOL)


@pytest.mark.parametrize(
    ("realized", "unrealized", "trips"),
    [
        (-2 * LAMPORTS_PER_SOL, 0, True),
        (1 - 2 * LAMPORTS_PER_SOL, 0, False),
        (-LAMPORTS_PER_SOL, -LAMPORTS_PER_SOL, True),
        (-3 * LAMPORTS_PER_SOL, 2 * LAMPORTS_PER_SOL, False),
        (0, -2 * LAMPORTS_PER_SOL, True),
        (9 * LAMPORTS_PER_SOL, 0, False),
    ],
)
def test_a_loss_counts_what_was_sold_and_what_is_held(realized: int, unrealized: int, trips: bool) -> None:
    assert (breaker_trips(UserDay(realized, 0), unrealized, MINE, ABOVE) is not None) is trips


def test_the_operators_limit_counts_where_it_is_lower() -> None:
    lower = Ceilings(max_daily_loss_lamports=LAMPORTS_PER_SOL // 2)
    why = breaker_trips(UserDay(-LAMPORTS_PER_SOL, 0), 0, MINE, lower)
    assert why == "today's loss of 1 SOL is 2 times the operator's limit of a day's loss of 0.5 SOL"


def test_failures_in_a_row_trip_it_too() -> None:
    assert breaker_trips(UserDay(0, FAILURES_MAX - 1), 0, MINE, ABOVE) is None
    assert breaker_trips(UserDay(0, FAILURES_MAX), 0, MINE, ABOVE) == "10 orders in a row failed"
