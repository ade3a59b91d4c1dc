"""What the tests of the lease share."""

from __future__ import annotations

import ast
from pathlib import Path

import bot.storage
from bot.storage.store import PostgresStore


def _writes() -> frozenset[str]:
    """The methods of the store that hand the database a unit that changes something, read off their source."""
    found = set()
    for path in Path(bot.storage.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.AsyncFunctionDef) and "self._database.write(" in ast.unparse(node):
                found.add(node.name)
    return frozenset(name for name in found if hasattr(PostgresStore, name))


WRITES = _writes()
