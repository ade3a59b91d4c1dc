"""What the tests of the lease share."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import bot.storage
from bot.storage.store import PostgresStore


def _writes() -> frozenset[str]:
    """The methods of the store that write, by themselves or together with others, read off their source."""
    found = set()
    for path in Path(bot.storage.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.AsyncFunctionDef) and re.search(r"self\._\w+\.write\(", ast.unparse(node)):
                found.add(node.name)
    return frozenset(name for name in found if hasattr(PostgresStore, name))


WRITES = _writes()
