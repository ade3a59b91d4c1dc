"""docs/supervision_cases.md, its page on Pekko, and the tests that they name say the same."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
PAGES = sorted((HERE.parents[1] / "docs").glob("supervision_cases*.md"))
FOLDERS = ("otp", "elixir", "pekko")

Case = tuple[str, str]
"""A suite and the name of a case in it."""


@cache
def named_by_tests() -> dict[str, set[Case]]:
    """Each test of the three folders, by `folder/file::name`, with the cases of its docstring: one a line."""
    found: dict[str, set[Case]] = {}
    for path in sorted(path for folder in FOLDERS for path in (HERE / folder).glob("test_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                lines = (ast.get_docstring(node) or "").splitlines()
                cases = [re.fullmatch(r"([\w.]+): (.+)", line) for line in lines]
                name = f"{path.relative_to(HERE).as_posix()}::{node.name}"
                assert cases, f"{name} names no case"
                assert all(cases), f"{name} has a line that names no case"
                found[name] = {(case[1], case[2]) for case in cases if case is not None}
    return found


@cache
def named_by_page() -> dict[Case, str]:
    """Each case of the pages with what its page says of it."""
    found: dict[Case, str] = {}
    suite = ""
    for line in "\n".join(page.read_text("utf-8") for page in PAGES).splitlines():
        if line.startswith("### "):
            suite = line.removeprefix("### ")
        row = re.fullmatch(r"\| (.+?) \| (.+) \|", line)
        if row is not None and row[1] != "case":
            assert (suite, row[1]) not in found, f"{suite}: {row[1]} stands there twice"
            found[suite, row[1]] = row[2]
    return found


def test_each_test_and_each_case_name_each_other() -> None:
    by_page = {
        (test, case) for case, text in named_by_page().items() for test in re.findall(r"`(\w+/\w+\.py::\w+)`", text)
    }
    by_tests = {(test, case) for test, cases in named_by_tests().items() for case in cases}
    assert by_page - by_tests == set()
    assert by_tests - by_page == set()


def test_a_case_without_a_test_has_a_reason() -> None:
    for case, text in named_by_page().items():
        assert "::" in text or len(text.split()) > 5, case
