"""Every service taken away alone, and some of the pairs: what must stop stops, what must go on goes on, nothing is lost.

`make outages` plays every pair and prints the matrix; docs/outages.md says what its columns mean.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.outages.cell import Cell, play
from tests.outages.faults import FAULTS
from tests.outages.matrix import pairs, sample, singles
from tests.whole.database_twin import writes

DOCS = Path(__file__).parents[2] / "docs"
PAIRS_SEED, PAIRS = 4, 16


@pytest.mark.parametrize("cell", singles(), ids=str)
def test_one_service_away_in_the_middle_of_an_order(cell: Cell) -> None:
    _holds(cell)


@pytest.mark.parametrize("cell", sample(PAIRS_SEED, PAIRS), ids=str)
def test_two_services_away_in_the_middle_of_an_order(cell: Cell) -> None:
    _holds(cell)


def _holds(cell: Cell) -> None:
    outcome, trace = play(cell)
    again = f'python -m tests.outages.matrix --cell "{cell}"'
    assert not outcome.wrong, "\n".join([*list(trace.lines)[-40:], again, *outcome.wrong])


def test_a_cell_is_played_alike_each_time() -> None:
    cell = pairs()[77]
    assert play(cell)[1].digest == play(cell)[1].digest


def test_the_page_says_what_each_fault_means() -> None:
    page = (DOCS / "outages.md").read_text("utf-8")
    assert [fault.name for fault in FAULTS if f"| {fault.name} | {fault.means} |" not in page] == []


def test_a_full_disk_refuses_every_write_of_the_money_path() -> None:
    money = {"admit", "record_attempt", "mark_sent", "mark_unknown", "close_unfilled", "settle", "adjust", "save_cause"}
    assert money <= writes()
    assert not {"ping", "in_flight", "open_positions", "users", "halt"} & writes()
