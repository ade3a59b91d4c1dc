"""The benchmarks' picture shows what their table says."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def test_the_picture_is_the_one_of_the_table():
    drawn = runpy.run_path(str(DOCS / "draw_benchmarks.py"))
    rows = drawn["read_rows"]((DOCS / "benchmarks.md").read_text("utf-8"))
    assert drawn["draw"](rows) == (DOCS / "pictures" / "benchmarks.svg").read_text("utf-8")
