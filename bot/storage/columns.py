"""Rows on their way into one statement for all of them."""

from __future__ import annotations

from collections.abc import Sequence


def by_column(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """Rows, one at least, as one list for each column, which is how one statement takes many."""
    return [list(column) for column in zip(*rows, strict=True)]
