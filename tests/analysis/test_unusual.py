"""An hour beside the hours of a week: what is told, what is chance, and what is not known."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from bot.analysis.unusual import HOURS_MIN, Hour, Unit, Watched, unusual

FILLS = Watched("fills", "fill rate", Unit.SHARE, high_is_bad=False, least=20, least_change=0.1)
FEES = Watched("fees", "fees of a fill", Unit.LAMPORTS, high_is_bad=True, least=10, least_change=0.5)
WEEK = 7 * 24


def fees(*values: int) -> list[Hour]:
    return [Hour(value * 10, 10) for value in values]


def test_fees_that_have_doubled_are_told_with_both_numbers() -> None:
    found = unusual(FEES, Hour(200_000 * 12, 12), fees(*([90_000, 100_000, 110_000] * 20)))
    assert found is not None
    assert (found.value, found.usual, found.hours, found.count) == (200_000, 100_000, 60, 12)
    assert found.deviations > 5


def test_fees_that_have_halved_are_no_news() -> None:
    assert unusual(FEES, Hour(50_000 * 12, 12), fees(*([90_000, 100_000, 110_000] * 20))) is None


@pytest.mark.parametrize("hours", [0, 1, HOURS_MIN - 1])
def test_nothing_is_unusual_beside_too_few_hours(hours: int) -> None:
    assert unusual(FEES, Hour(10**12, 12), fees(*[100_000] * hours)) is None
    assert unusual(FEES, Hour(10**12, 12), fees(*[100_000] * HOURS_MIN)) is not None


def test_an_hour_with_too_few_things_says_nothing_and_is_no_measure() -> None:
    before = fees(*[100_000] * WEEK)
    assert unusual(FEES, Hour(9 * 10**9, 9), before) is None
    assert unusual(FEES, Hour(10**12, 12), [replace(hour, count=9) for hour in before]) is None


def test_half_a_week_of_bad_hours_less_one_does_not_become_the_usual() -> None:
    before = fees(*[100_000] * (WEEK // 2 + 1), *[5_000_000] * (WEEK // 2 - 1))
    found = unusual(FEES, Hour(5_000_000 * 10, 10), before)
    assert found is not None
    assert found.usual == 100_000


def test_of_a_steady_measure_a_small_change_is_not_told() -> None:
    before = fees(*[100_000] * WEEK)
    assert unusual(FEES, Hour(149_000 * 10, 10), before) is None
    assert unusual(FEES, Hour(151_000 * 10, 10), before) is not None


def test_a_share_of_few_things_may_be_chance() -> None:
    before = [Hour(90, 100)] * WEEK
    assert unusual(FILLS, Hour(14, 20), before) is None
    assert unusual(FILLS, Hour(10, 20), before) is not None
    assert unusual(FILLS, Hour(70, 100), before) is not None


def test_a_hundred_weeks_of_the_same_market_ring_hardly_ever_and_a_broken_one_within_its_first_hour() -> None:
    draw = random.Random(7)

    def hour(chance: float) -> Hour:
        count = draw.randint(20, 200)
        return Hour(sum(draw.random() < chance for _ in range(count)), count)

    told = missed = 0
    for _ in range(100):
        before = [hour(draw.uniform(0.75, 0.95)) for _ in range(WEEK)]
        told += sum(unusual(FILLS, hour(draw.uniform(0.75, 0.95)), before) is not None for _ in range(24))
        missed += unusual(FILLS, hour(0.2), before) is None
    assert told == 0
    assert missed <= 2
