"""What a day beyond his limit does: the breaker of a user's automation, and the flatten at a loss that was set for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.trading.breaker import FAILURES_MAX, UserDay, breaker_trips, flatten_trips
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


def test_the_reason_says_how_many_times_the_limit_it_is() -> None:
    why = breaker_trips(UserDay(-17 * LAMPORTS_PER_SOL, 0), 0, MINE, ABOVE)
    assert why == "today's loss of 17 SOL is 17 times your limit of a day's loss of 1 SOL"
    why = breaker_trips(UserDay(-17 * LAMPORTS_PER_SOL - 1, 0), 0, MINE, ABOVE)
    assert why is not None
    assert "is more than 17 times your limit" in why


def test_failures_in_a_row_trip_it_too() -> None:
    assert breaker_trips(UserDay(0, FAILURES_MAX - 1), 0, MINE, ABOVE) is None
    assert breaker_trips(UserDay(0, FAILURES_MAX), 0, MINE, ABOVE) == "10 orders in a row failed"


@pytest.mark.parametrize(
    ("mine", "operators", "multiple_bps"),
    [(30_000, None, 30_000), (None, 40_000, 40_000), (30_000, 40_000, 30_000), (50_000, 40_000, 40_000)],
)
def test_everything_is_sold_at_the_lesser_of_the_multiples_that_are_set(
    mine: int | None, operators: int | None, multiple_bps: int
) -> None:
    settings, ceilings = replace(MINE, flatten_at_loss_bps=mine), replace(ABOVE, flatten_at_loss_bps=operators)
    lost = multiple_bps * LAMPORTS_PER_SOL // 10_000
    assert flatten_trips(UserDay(1 - lost, 0), 0, settings, ceilings) is None
    assert flatten_trips(UserDay(-1, 0), 1 - lost, settings, ceilings) is not None


def test_who_set_no_such_loss_is_never_flattened_by_one() -> None:
    assert flatten_trips(UserDay(-1_000 * LAMPORTS_PER_SOL, FAILURES_MAX), 0, MINE, ABOVE) is None


def test_it_says_which_loss_and_whose_limit() -> None:
    why = flatten_trips(UserDay(-3 * LAMPORTS_PER_SOL, 0), 0, replace(MINE, flatten_at_loss_bps=30_000), ABOVE)
    assert why == "today's loss of 3 SOL has reached 300 % of your limit of a day's loss of 1 SOL"
