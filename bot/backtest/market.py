"""A recorded market as the events that a bot would have been told, in the order of their time.

Columns needed: mint, ts_ms (milliseconds since 1970) and v_sol (the curve's virtual SOL behind the trade). Known where they
are there: side, sol_lamports, tokens_raw, trader, v_tok, real_sol, real_tok, venue, slot, signature, name, symbol, uri, age_s.
Others are ignored. A mint's first row is its launch (side `create`), or its state some time after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from bot.backtest.told import Row, Teller, Told
from bot.errors import BotError
from bot.recorder.layout import Layout, is_whole
from bot.recorder.packing import frame, read_segment

REQUIRED = ("mint", "ts_ms", "v_sol")
TYPES: dict[str, pl.DataType] = {
    "mint": pl.String(),
    "ts_ms": pl.Int64(),
    "side": pl.String(),
    "sol_lamports": pl.Int64(),
    "tokens_raw": pl.Int64(),
    "trader": pl.String(),
    "v_sol": pl.Float64(),
    "v_tok": pl.Float64(),
    "real_sol": pl.Int64(),
    "real_tok": pl.Int64(),
    "slot": pl.Int64(),
    "signature": pl.String(),
    "name": pl.String(),
    "symbol": pl.String(),
    "uri": pl.String(),
    "age_s": pl.Float64(),
}
SIDES = ("create", "snapshot", "buy", "sell", "dust")
POOL = "PUMP_AMM"
V_SOL_MAX = 1e6  # more SOL than any curve ever held; such a row is an error of whoever wrote it
TS_MIN_MS, TS_MAX_MS = 1_500_000_000_000, 4_000_000_000_000
SLICE = 20_000
SHARE_STEPS = 10_000
DAY_MS = 86_400_000


class MarketError(BotError):
    """The recorded market cannot be used; the message names the file and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Part:
    """The tokens that were first seen from `start_ms` on and before `end_ms`."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class RecordedMarket:
    """`rows` are sorted by time, those of one moment as they were recorded; `left_out` rows could not be what they say."""

    name: str
    fingerprint: str
    rows: pl.DataFrame
    left_out: int
    tokens: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", self.rows["mint"].n_unique())

    @property
    def first_ms(self) -> int:
        """When its first row was recorded."""
        return int(self.rows["ts_ms"][0])

    @property
    def last_ms(self) -> int:
        """When its last row was."""
        return int(self.rows["ts_ms"][-1])

    def days(self) -> list[Part]:
        """One part for each day (UTC) on which tokens were first seen: a user's daily limits begin anew with it."""
        firsts = self.rows.group_by("mint").agg(pl.col("ts_ms").min())["ts_ms"]
        days = sorted(set((firsts // DAY_MS).to_list()))
        return [Part(day * DAY_MS, (day + 1) * DAY_MS) for day in days]

    def of(self, part: Part, share_bps: int = SHARE_STEPS) -> RecordedMarket:
        """The same market with the tokens of a part alone, or with a share of them, drawn by their names."""
        firsts = self.rows.group_by("mint").agg(pl.col("ts_ms").min().alias("first"))
        within = firsts.filter((pl.col("first") >= part.start_ms) & (pl.col("first") < part.end_ms))["mint"].to_list()
        kept = [mint for mint in within if _drawn(mint) < share_bps]
        return RecordedMarket(self.name, self.fingerprint, self.rows.filter(pl.col("mint").is_in(kept)), self.left_out)

    def until(self, end_ms: int) -> RecordedMarket:
        """The same market as it was known at a moment."""
        return RecordedMarket(self.name, self.fingerprint, self.rows.filter(pl.col("ts_ms") < end_ms), self.left_out)

    def told(self) -> Iterator[Told]:
        """What a bot would have been told, in order."""
        teller = Teller(self.fingerprint)
        for part in self.rows.iter_slices(SLICE):
            for values in part.iter_rows():
                yield from teller.tell(Row(*values))


def _drawn(mint: str) -> int:
    """A token's place in 10,000, by its name alone: a greater share has all tokens of a smaller one."""
    return int.from_bytes(hashlib.sha256(mint.encode(errors="replace")).digest()[:8], "big") % SHARE_STEPS


def read_market(path: Path) -> RecordedMarket:
    """Read a file (Parquet, CSV, gzipped CSV) or the folder of a recording; raises MarketError with one line."""
    try:
        raw = pl.concat(list(_frames(path)), how="diagonal_relaxed")
    except OSError as error:
        raise MarketError(f"{path}: cannot be read: {error.strerror or error}; give a recorded market") from None
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())[:160]
        raise MarketError(f"{path}: is no recorded market: {why}; give Parquet or CSV") from None
    missing = [column for column in REQUIRED if column not in raw.columns]
    if missing:
        raise MarketError(f"{path}: lacks the column(s) {', '.join(missing)}; docs/recording.md has the columns")
    rows = _typed(path, raw)
    usable = rows.filter(
        pl.col("mint").is_not_null()
        & (pl.col("mint").str.len_bytes() > 0)
        & pl.col("ts_ms").is_between(TS_MIN_MS, TS_MAX_MS)
        & pl.col("v_sol").is_finite()
        & (pl.col("v_sol") > 0)
        & (pl.col("v_sol") < V_SOL_MAX)
        & pl.col("side").is_null().or_(pl.col("side").is_in(SIDES))
    )
    if usable.is_empty():
        raise MarketError(f"{path}: holds no row with mint, ts_ms and v_sol; give another file")
    ordered = usable.sort("ts_ms", maintain_order=True)
    return RecordedMarket(path.name, _fingerprint(ordered), ordered, raw.height - usable.height)


def _frames(path: Path) -> Iterator[pl.DataFrame]:
    if path.is_dir():
        layout = Layout(path)
        segments = [*layout.complete(), *layout.left_open()]
        yield from (pl.read_parquet(file) for file in layout.parquet() if is_whole(file))
        yield from (frame(read_segment(segment).rows) for segment in segments)
        if not layout.parquet() and not segments:
            raise MarketError(f"{path}: the folder holds no recording; give one, or a file")
        return
    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    if is_parquet:
        yield pl.read_parquet(path)
    else:
        yield pl.read_csv(path, infer_schema_length=None)


def _typed(path: Path, raw: pl.DataFrame) -> pl.DataFrame:
    """The known columns with their types and in their order; what is of another type becomes nothing, and is left out."""
    if "venue" in raw.columns:
        raw = raw.filter(pl.col("venue").is_null() | (pl.col("venue") != POOL))
    try:
        return raw.select(
            [
                (pl.col(name).cast(kind, strict=False) if name in raw.columns else pl.lit(None, dtype=kind)).alias(name)
                for name, kind in TYPES.items()
            ]
        )
    except pl.exceptions.PolarsError as error:
        why = " ".join(str(error).split())[:160]
        raise MarketError(f"{path}: its columns cannot be read: {why}; docs/recording.md has their types") from None


def _fingerprint(rows: pl.DataFrame) -> str:
    """Sixteen digits that stand for what the market holds, whatever file it came in."""
    told = hashlib.sha256()
    for column in REQUIRED:
        for part in rows[column].to_frame().iter_slices(SLICE):
            told.update(part.write_csv(include_header=False).encode())
    return told.hexdigest()[:16]


def columns() -> Sequence[str]:
    """The columns that are known, in the order of `Row`."""
    return list(TYPES)
