"""Lines from scores to frequencies, and the watch over what a model is asked about."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.analysis.calibration import Calibration, fit_isotonic
from bot.analysis.drift import ROWS_MAX, ROWS_MIN, SCORE, Drift, is_drift, reference_of
from bot.analysis.vector import FEATURES, NAMES


def test_a_frequency_that_falls_in_between_is_pooled_with_its_neighbours() -> None:
    scores = [0.0] * 100 + [1.0] * 100 + [2.0] * 100
    came = [0.0] * 90 + [1.0] * 10 + [1.0] * 60 + [0.0] * 40 + [1.0] * 40 + [0.0] * 60
    line = fit_isotonic(scores, came, least=100)
    assert line.at == (0.0, 1.5)
    assert line.gives == (0.1, 0.5)
    assert line(0.75) == pytest.approx(0.3)
    assert (line(-9), line(9), line(math.nan)) == (0.1, 0.5, 0.1)


@given(st.lists(st.tuples(st.floats(-50, 50), st.booleans()), min_size=1, max_size=400))
def test_a_fitted_line_never_falls_and_stays_between_what_came(pairs: list[tuple[float, bool]]) -> None:
    line = fit_isotonic([score for score, _ in pairs], [float(came) for _, came in pairs], least=10)
    said = [line(score) for score in sorted(score for score, _ in pairs)]
    assert said == sorted(said)
    assert 0.0 <= said[0] <= said[-1] <= 1.0


def test_a_line_that_falls_is_refused() -> None:
    with pytest.raises(ValueError, match="points that rise"):
        Calibration((0.0, 1.0), (0.5, 0.4))


def rows_around(middle: float, count: int) -> list[tuple[float, ...]]:
    return [tuple(middle + (number * 7 + place) % 100 for place in range(len(FEATURES))) for number in range(count)]


def watched(rows: list[tuple[float, ...]], score: float) -> Drift:
    trained = rows_around(0, 1_000)
    drift = Drift(reference_of(trained, [row[0] / 100 for row in trained]))
    for row in rows:
        drift.note(row, row[0] / 100 + score)
    return drift


def test_the_same_population_does_not_move() -> None:
    assert watched(rows_around(0, 1_500), 0.0).moved() == []


def test_another_population_is_named_by_what_moved() -> None:
    moved = watched(rows_around(60, 1_000), 0.0).moved()
    assert {one.column for one in moved} == {*NAMES, SCORE}
    assert is_drift(moved)


def test_what_is_suddenly_unknown_has_moved() -> None:
    blind = [(math.nan, *row[1:]) for row in rows_around(0, 1_000)]
    moved = watched([(row[0], *row[1:]) for row in blind], 0.0).moved()
    assert NAMES[0] in {one.column for one in moved}


def test_few_rows_tell_nothing_and_old_ones_are_forgotten() -> None:
    drift = watched(rows_around(60, ROWS_MIN - 1), 0.0)
    assert drift.moved() == []
    for row in rows_around(0, ROWS_MAX):
        drift.note(row, row[0] / 100)
    assert drift.rows == ROWS_MAX
    assert drift.moved() == []
