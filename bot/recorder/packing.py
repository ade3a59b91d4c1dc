"""Segments into partitions of Parquet, and recordings back into one file of text. Runs in a process of its own: polars."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bot.recorder.layout import OPEN, PART, Layout, is_whole
from bot.recorder.rows import COLUMNS, POOL

# As recorded markets have them elsewhere, so that the same commands read both.
SCHEMA: dict[str, pl.DataType] = {
    "mint": pl.String(),
    "ts_ms": pl.Int64(),
    "side": pl.String(),
    "sol_lamports": pl.Int64(),
    "tokens_raw": pl.Int64(),
    "trader": pl.String(),
    "v_sol": pl.Float64(),
    "v_tok": pl.Float64(),
    "source": pl.String(),
    "slot": pl.Int64(),
    "signature": pl.String(),
    "venue": pl.String(),
    "price_sol": pl.Float64(),
    "real_sol": pl.Int64(),
    "real_tok": pl.Int64(),
    "name": pl.String(),
    "symbol": pl.String(),
    "uri": pl.String(),
}
_PARSERS = [int if kind == pl.Int64() else float if kind == pl.Float64() else str for kind in SCHEMA.values()]
_INT64_MAX = 2**63 - 1

Row = list[int | float | str | None]


@dataclass(frozen=True, slots=True)
class Segment:
    """The whole rows of a segment, and the text of those that are torn or no rows at all."""

    rows: list[Row]
    torn: list[str]


def pack(folder: Path) -> None:
    """Pack every complete segment below `folder`; a segment goes when its partition is on the disk. Raises OSError.

    Whatever a crash left half done is done again: a partition that was not finished has its segment still. A packed file
    without its end is moved to `torn`.
    """
    layout = Layout(folder)
    for left in layout.folder.glob(f"day=*/hour=*/*{PART}"):
        left.unlink()
    for path in layout.parquet():
        if not is_whole(path):
            _set_aside(layout, path)
    for segment in layout.complete():
        read = read_segment(segment)
        if read.torn:
            layout.torn.mkdir(mode=0o700, exist_ok=True)
            (layout.torn / segment.name).write_text("".join(read.torn), "utf-8")
        try:
            if read.rows:
                _write(frame(read.rows), layout.partition(segment))
        except pl.exceptions.PolarsError as error:
            # It would fail again, and everything behind it would wait.
            print(f"{segment}: set aside: {' '.join(str(error).split())}", file=sys.stderr)
            _set_aside(layout, segment)
        else:
            segment.unlink()


def read_segment(path: Path) -> Segment:
    """Read a segment, open ones too; raises OSError."""
    rows: list[Row] = []
    torn: list[str] = []
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        next(file, None)  # the header
        for line in file:
            row = _row(line)
            if row is None:
                torn.append(line)
            else:
                rows.append(row)
    return Segment(rows, torn)


def _row(line: str) -> Row | None:
    """The values of a line, None for one that was cut short or is not ours."""
    try:
        fields = next(csv.reader([line], strict=True)) if line.endswith("\n") else []
        if len(fields) != len(COLUMNS):
            return None
        row: Row = [parse(text) if text else None for parse, text in zip(_PARSERS, fields, strict=True)]
    except (ValueError, csv.Error):
        return None
    return None if any(isinstance(value, int) and abs(value) > _INT64_MAX for value in row) else row


def frame(rows: list[Row]) -> pl.DataFrame:
    """Rows with their types."""
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _write(rows: pl.DataFrame, path: Path) -> None:
    """On the disk under its own name only when it is whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(path.name + PART)
    rows.write_parquet(draft, compression="zstd")
    _sync(draft)
    draft.replace(path)
    _sync(path.parent)


def _sync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _set_aside(layout: Layout, path: Path) -> None:
    layout.torn.mkdir(mode=0o700, exist_ok=True)
    path.replace(layout.torn / path.name)


def export(source: Path, target: Path) -> int:
    """Write a recording as one CSV by time, for whoever replays it; how many rows. Raises OSError, polars' errors.

    `source` is a Parquet file or a folder with a recording. Rows of pools are left out, and rows without `v_sol`: a replay
    is of curves. Files that a crash tore are named on stderr and left out.
    """
    read = pl.concat(list(_frames(source)), how="diagonal_relaxed")
    wanted = [column for column in COLUMNS if column in read.columns]
    rows = read.select(wanted)
    if "v_sol" in wanted:
        rows = rows.filter(pl.col("v_sol").is_not_null())
    if "venue" in wanted:
        rows = rows.filter(pl.col("venue").is_null() | (pl.col("venue") != POOL))
    rows.sort("ts_ms", maintain_order=True).write_csv(target)
    return rows.height


def _frames(source: Path) -> Iterator[pl.DataFrame]:
    if source.is_file():
        yield pl.read_parquet(source)
        return
    layout = Layout(source)
    for path in layout.parquet():
        if is_whole(path):
            yield pl.read_parquet(path)
        else:
            print(f"{path}: torn, left out", file=sys.stderr)
    for segment in sorted([*layout.complete(), *layout.segments.glob(f"*{OPEN}")]):
        yield frame(read_segment(segment).rows)
