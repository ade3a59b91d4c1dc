"""A few storms of each kind in every run of the suite; `make supervision-storm` runs as many as one likes."""

import pytest

from tests.runtime.storm.weather import STORMS, run_storm


@pytest.mark.parametrize("kind", STORMS)
def test_storms_break_no_rule(kind):
    for seed in range(1, 151):
        run_storm(kind, seed)
