"""Writes docs/codes.md from the source: `python -m tests.trading.codes_page > docs/codes.md`."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from bot.execution.quoting import CannotPrepareError
from bot.trading.failures import LAUNCHPAD_ERRORS, POOL_ERRORS, ROUTER_ERRORS, TOKEN_ERRORS
from bot.trading.risk_gate import Refused

ROOT = Path(__file__).parents[2]
KINDS = {kind.__name__: kind for kind in (Refused, CannotPrepareError)}
TABLES = {
    "the token program": {code: ("", told) for code, told in TOKEN_ERRORS.items()},
    "the launchpad": LAUNCHPAD_ERRORS,
    "its pools": POOL_ERRORS,
    "the aggregator's program": ROUTER_ERRORS,
}
HEAD = """# Codes of refused orders

Written by `python -m tests.trading.codes_page` from the source; a test holds it against that.

An order that is refused, or that ends without its trade, has a code and a sentence. The sentence is for its owner; the code is
stable, and is what `bot trace` and the log name. `…` stands for what the moment says.

| code | what its owner reads | said by |
|---|---|---|
"""
ERRORS = """
## Errors of programs

A simulation that fails, or a transaction that lands with an error, carries the program's number; its owner reads the last column.

| program | error | its name there | what its owner reads |
|---|---|---|---|
"""


def said() -> Iterator[tuple[str, str, str]]:
    """Each code with a sentence and the file that says it; the sentence is empty where another one decides it."""
    for file in sorted([*(ROOT / "bot").rglob("*.py"), *(ROOT / "actors").rglob("*.py")]):
        tree = ast.parse(file.read_text("utf-8"))
        if not any(isinstance(node, ast.Name) and node.id in KINDS for node in ast.walk(tree)):
            continue
        place = file.relative_to(ROOT)
        module = importlib.import_module(".".join(place.with_suffix("").parts))
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS):
                continue
            kind = getattr(module, node.func.id, None)
            given = [_text(value, module) for value in (*node.args, *(keyword.value for keyword in node.keywords))]
            if kind is Refused and given[0]:
                yield given[0], given[1], str(place)
            elif kind is CannotPrepareError:
                yield given[1] if len(given) > 1 else "not_sent", given[0], str(place)


def _text(node: ast.expr, module: ModuleType) -> str:
    """The text that an expression is, as far as the source says it."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, module) or "…" for part in parts)
        case ast.Name(id=name) if isinstance(found := getattr(module, name, None), str):
            return str(found)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (_text(left, module) or "…") + (_text(right, module) or "…")
    return ""


def page() -> str:
    """The whole page."""
    rows: dict[tuple[str, str], set[str]] = {}
    for code, sentence, place in said():
        rows.setdefault((code, sentence), set()).add(place)
    with_words = {code for code, sentence in rows if sentence}
    lines = []
    for (code, sentence), places in sorted(rows.items()):
        if sentence.strip("… ") or code not in with_words:
            told = sentence.replace("|", "/") if sentence.strip("… ") else "what the moment says"
            lines.append(f"| `{code}` | {told} | {', '.join(f'`{place}`' for place in sorted(places))} |")
    errors = [
        f"| {who} | {code} | {name and f'`{name}`'} | {told} |"
        for who, table in TABLES.items()
        for code, (name, told) in sorted(table.items())
    ]
    return HEAD + "\n".join(lines) + "\n" + ERRORS + "\n".join(errors) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
