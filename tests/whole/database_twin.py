"""What the real database does under trouble, for the twins that play it: which calls of the store it has to write for."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

STORAGE = Path(__file__).parents[2] / "bot" / "storage"
WRITERS = frozenset({"write", "write_soon"})


@functools.cache
def writes() -> frozenset[str]:
    """The calls of the store that are a transaction in PostgreSQL, read from its source: a full disk refuses those."""
    found: set[str] = set()
    for path in sorted(STORAGE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.AsyncFunctionDef) and any(map(_is_a_write, ast.walk(node))):
                found.add(node.name)
    return frozenset(name for name in found if not name.startswith("_"))


def _is_a_write(node: ast.AST) -> bool:
    """Whether this is a call of a write of the database, or of what lets writes share a transaction (`self._….write`)."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    called = node.func
    return called.attr in WRITERS and isinstance(called.value, ast.Attribute) and _is_self(called.value.value)


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"
