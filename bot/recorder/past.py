"""What a recording on the disk tells of the time before a start, worked out in a process of its own: polars, and some seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars as pl
import trio

from bot.execution.past_market import PAST_MS, ROWS_MAX, past_of
from bot.ports import PastMarket
from bot.recorder.layout import OPEN, Layout, is_whole
from bot.recorder.packing import frame, read_segment
from bot.recorder.rows import CURVE, event_of

ENCODER = msgspec.msgpack.Encoder()
SIDES = ("create", "buy", "sell")


def past_bytes(folder: Path, before_ms: int) -> bytes:
    """The past before a moment, encoded for whoever asked; raises OSError and polars' errors."""
    rows = list[pl.DataFrame]()
    for found in _newest_first(Layout(folder), before_ms):
        rows.insert(0, found)
        if sum(one.height for one in rows) >= ROWS_MAX:
            break
    if not rows:
        return ENCODER.encode(PastMarket())
    sorted_rows = pl.concat(rows, how="diagonal_relaxed").sort("ts_ms", maintain_order=True).tail(ROWS_MAX)
    events = (event for row in sorted_rows.iter_rows(named=True) if (event := event_of(row)) is not None)
    return ENCODER.encode(trio.run(past_of, events, before_ms))


def _newest_first(layout: Layout, before_ms: int) -> Iterator[pl.DataFrame]:
    """What is on the disk of the day before, file by file; a file that a crash tore is left out."""
    segments = sorted([*layout.complete(), *layout.segments.glob(f"*{OPEN}")])
    for segment in reversed(segments):
        yield _of_curves(frame(read_segment(segment).rows), before_ms)
    for ends_ms, hour in reversed(layout.hours()):
        if ends_ms <= before_ms - PAST_MS:
            return
        for path in sorted(hour.glob("*.parquet"), reverse=True):
            if is_whole(path):
                yield _of_curves(pl.read_parquet(path, hive_partitioning=False), before_ms)


def _of_curves(rows: pl.DataFrame, before_ms: int) -> pl.DataFrame:
    in_time = pl.col("ts_ms").is_between(before_ms - PAST_MS, before_ms, closed="left")
    return rows.filter(in_time & pl.col("side").is_in(SIDES) & (pl.col("venue") == CURVE))
