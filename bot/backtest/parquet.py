"""Rows of an export as Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from bot import private


def write_rows(rows: Sequence[dict[str, Any]], path: Path, columns: Sequence[str]) -> None:
    """Every row has these columns; the file is for its owner's eyes alone. Raises OSError."""
    table = pl.DataFrame(list(rows), schema=list(columns), infer_schema_length=None)
    with private.opened(path, "wb") as out:
        table.write_parquet(out, compression="zstd")
