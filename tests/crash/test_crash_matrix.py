"""Every await of the money path has a name, and a bot that is dropped at any of them leaves nothing owed, lost or doubled."""

from __future__ import annotations

from functools import partial

import pytest

from tests.crash.matrix import Walk, walk
from tests.crash.points import nameless, points
from tests.crash.scenarios import SCENARIOS
from tests.crash.stage import Scenario
from tests.simulation.determinism import run_seeded

SEED = 1


def played(scenario: Scenario) -> Walk:
    """The scenario's walk, played once however many tests look at it."""
    if scenario.name not in _WALKS:
        _WALKS[scenario.name], _ = run_seeded(SEED, partial(walk, scenario, seed=SEED))
    return _WALKS[scenario.name]


_WALKS: dict[str, Walk] = {}


def test_every_await_of_the_money_path_has_a_name() -> None:
    assert nameless() == [], "ask a port, wait for a function of bot/execution, or give the reason in points.NO_POINT"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_a_bot_dropped_at_any_point_goes_on_from_what_it_had_written(scenario: Scenario) -> None:
    walked = played(scenario)
    assert walked.died
    assert walked.findings == []


def test_a_crash_came_before_and_after_every_point() -> None:
    died = {str(doom) for scenario in SCENARIOS for doom in played(scenario).died}
    wanted = {f"{when} {point}" for point in points() for when in ("before", "after")}
    assert wanted - died == set(), "no scenario of tests/crash/stage.py leads there; add one that does"
