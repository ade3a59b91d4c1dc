"""docs/limits.md: each bound that it names is in that file and has that value, and each page that it names is there."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(_?[A-Z][A-Z_]*)` = (\d+) in ([\w/]+\.py)")
KEPT = re.compile(r"(\d+) days?\b[^|`]*\(`([A-Z_]*KEPT_MS)` in ([\w/]+\.py)\)")
ROWS_MIN = 15
KEPT_MIN = 8
TABLES_MIN = 40
DAY_MS = 86_400_000


def constants(path: Path) -> dict[str, object]:
    """The constants of a module that are numbers, or products of numbers."""
    found: dict[str, object] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = getattr(node, "value", None)
        numbers = value is not None and all(
            isinstance(one, ast.Constant | ast.BinOp | ast.Mult | ast.expr_context) for one in ast.walk(value)
        )
        for target in targets:
            if isinstance(target, ast.Name) and numbers:
                found[target.id] = eval(compile(ast.Expression(value), str(path), "eval"))
    return found


def test_every_bound_is_what_the_source_says() -> None:
    named = NAMED.findall(PAGE)
    assert len(named) >= ROWS_MIN
    wrong = [row for row in named if constants(ROOT / row[2]).get(row[0]) != int(row[1])]
    assert wrong == []


def test_every_age_is_what_the_source_says() -> None:
    told = KEPT.findall(PAGE)
    assert len(told) >= KEPT_MIN
    assert [row for row in told if kept_ms(row[2], row[1]) != int(row[0]) * DAY_MS] == []


def kept_ms(path: str, name: str) -> int:
    """An age as the module has it."""
    value: int = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)
    return value


def test_every_table_of_the_schema_is_bounded_or_named_among_the_books() -> None:
    tables = re.findall(r"^## (\w+)$", (ROOT / "docs" / "schema.md").read_text(encoding="utf-8"), re.MULTILINE)
    kept = PAGE.split("## What the database keeps")[1]
    assert len(tables) > TABLES_MIN
    assert [name for name in tables if f"`{name}`" not in kept] == []


def test_the_monitors_of_the_shipped_tree_are_as_many() -> None:
    text = (ROOT / "supervision.toml").read_text(encoding="utf-8")
    section = text.split("[supervisor.position_monitors]")[1].split("[")[0]
    assert "max_children = 20000" in section
    assert "`position_monitors` in supervision.toml, 20,000" in PAGE


def test_every_page_that_it_leads_to_is_there() -> None:
    linked = re.findall(r"\]\(([^)#]+\.md)\)", PAGE)
    assert linked
    assert [page for page in linked if not (ROOT / "docs" / page).resolve().is_file()] == []
