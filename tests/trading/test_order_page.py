"""docs/order.md: every step of an order's life has its line of code and its test, and both are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "order.md").read_text("utf-8")
STEP = re.compile(r"^(\d+)\. \*\*(.+?)\.\*\*", re.MULTILINE)
LINE = re.compile(r"^\| (\d+) ([a-z ]+) \| `(\S+)` `(\w+)` \| (.+) \|$", re.MULTILINE)
LIFE_ENDS = "## Several attempts"


def test_every_step_has_its_line_in_order() -> None:
    told = [(int(number), name.lower()) for number, name in STEP.findall(TEXT[: TEXT.index(LIFE_ENDS)])]
    assert [number for number, _ in told] == list(range(1, len(told) + 1))
    assert [(int(number), name) for number, name, *_ in LINE.findall(TEXT)] == told


def test_each_line_names_what_is_there_and_a_test_of_that_area() -> None:
    for number, _, file, name, tests in LINE.findall(TEXT):
        source = (ROOT / file).read_text("utf-8")
        assert re.search(rf"^(?:class|def|async def) {name}\b", source, re.MULTILINE), (number, file, name)
        for test in re.findall(r"`(\S+)`", tests):
            assert re.search(r"^(?:async )?def test_", (ROOT / test).read_text("utf-8"), re.MULTILINE), (number, test)
