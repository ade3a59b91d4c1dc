"""Recorded markets as tokens with their trades, as the bot would have been told of them: Parquet and CSV of one schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from bot.analysis.vector import Known
from bot.errors import BotError
from bot.trading.curve import INITIAL_REAL_TOKEN_RAW, INITIAL_VIRTUAL_QUOTE_LAMPORTS, INITIAL_VIRTUAL_TOKEN_RAW, Curve
from bot.trading.launch import CurveTrade, TokenLaunch
from bot.trading.units import LAMPORTS_PER_SOL, TOKEN_DECIMALS

ENDINGS = (".parquet", ".csv", ".csv.gz", ".csv.open")
TORN = "torn"  # the folder of what a crash left unreadable, see docs/recording.md
NEEDED = ("mint", "ts_ms", "v_sol")
POOL = "PUMP_AMM"
SLOT_MS = 400
# Where only the state after each trade was recorded, a smaller change of it is rounding.
DUST_SOL = 0.003
CURVE_PRODUCT = INITIAL_VIRTUAL_QUOTE_LAMPORTS * INITIAL_VIRTUAL_TOKEN_RAW
V_SOL_MAX = 1_000_000.0  # a row that says more was not measured

_TYPES: dict[str, Any] = {
    "mint": pl.String,
    "ts_ms": pl.Int64,
    "side": pl.String,
    "sol_lamports": pl.Int64,
    "tokens_raw": pl.Int64,
    "trader": pl.String,
    "v_sol": pl.Float64,
    "v_tok": pl.Float64,
    "slot": pl.Int64,
    "signature": pl.String,
    "venue": pl.String,
    "real_sol": pl.Int64,
    "name": pl.String,
    "symbol": pl.String,
    "uri": pl.String,
}


class DataRefused(BotError):
    """What was given is no recorded market; the text says which file and what it lacks."""


@dataclass(frozen=True, slots=True)
class RecordedToken:
    """One token: its launch, as far as it is known, and every later trade in the order of time.

    Where a recording begins later in its life, all that was bought before is one first trade at `first_ms`, the first
    moment that was recorded. `group` is its creator, else the token itself: what belongs together when chance is counted.
    """

    launch: TokenLaunch
    trades: tuple[CurveTrade, ...]
    known: Known
    group: str
    first_ms: int


@dataclass(frozen=True, slots=True)
class RecordedMarket:
    """Recorded rows by mint. `fingerprint` is of the files' bytes, `ends_ms` when the recording knows no more."""

    rows: pl.DataFrame
    ages: dict[str, float]
    fingerprint: str
    ends_ms: int
    left_out: tuple[str, ...]

    @property
    def tokens_count(self) -> int:
        return int(self.rows["mint"].n_unique())

    def tokens(self) -> Iterator[RecordedToken]:
        """Every token in the order of its first row."""
        order = self.rows.group_by("mint").agg(pl.col("ts_ms").min().alias("first_ms")).sort("first_ms", "mint")
        parts = self.rows.partition_by("mint", as_dict=True, maintain_order=True)
        for mint in order["mint"]:
            yield _token(parts[mint,].to_dicts(), self.ages.get(mint, 0.0))


def read_market(sources: Sequence[Path]) -> RecordedMarket:
    """Read files and folders; raises DataRefused.

    A token that several files tell of is taken from the one that tells most: with sides rather than states alone. Rows of
    pools are left out, and files of another schema, which `left_out` names. A table of sessions (`ageAtTriggerSec`) tells how
    old a token was at its first row.
    """
    frames: list[pl.DataFrame] = []
    ages: dict[str, float] = {}
    left_out: list[str] = []
    digest = sha256()
    for path in _files(sources):
        read = _read(path)
        if {"mint", "ageAtTriggerSec"} <= set(read.columns):
            known = read.select("mint", pl.col("ageAtTriggerSec").cast(pl.Float64)).drop_nulls()
            ages |= {mint: age for mint, age in known.iter_rows() if 0 <= age < 86_400}
        elif set(NEEDED) <= set(read.columns) and ({"side"} <= set(read.columns) or len(read.columns) == len(NEEDED)):
            frames.append(_rows(read))
        else:
            left_out.append(path.name)
            continue
        digest.update(path.read_bytes())
    if not frames:
        named = ", ".join(str(source) for source in sources)
        raise DataRefused(f"{named}: no file there has the columns {', '.join(NEEDED)} and side; see docs/recording.md")
    rows = _best(pl.concat(frames, how="vertical"))
    if rows.is_empty():
        raise DataRefused(
            f"{', '.join(str(source) for source in sources)}: no row of a curve in it; record a market first"
        )
    return RecordedMarket(rows, ages, digest.hexdigest()[:16], int(rows["ts_ms"].max()), tuple(left_out))  # type: ignore[arg-type]


def _files(sources: Sequence[Path]) -> Iterator[Path]:
    for source in sources:
        if source.is_dir():
            found = (path for path in source.rglob("*") if path.name.endswith(ENDINGS) and path.parent.name != TORN)
            yield from sorted(path for path in found if path.is_file())
        elif source.is_file():
            yield source
        else:
            raise DataRefused(
                f"{source}: there is no such file or folder; give a recorded market, see docs/recording.md"
            )


def _read(path: Path) -> pl.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(
            path,
            schema_overrides=_TYPES,
            infer_schema_length=1_000,
            ignore_errors=True,
            truncate_ragged_lines=True,
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataRefused(f"{path}: cannot be read: {' '.join(str(error).split())[:200]}; leave it out") from error


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    """The columns of the schema with their types; where there is no side, each row is a state after one trade."""
    has_sides = "side" in read.columns
    columns = [
        (pl.col(name) if name in read.columns else pl.lit(None)).cast(kind, strict=False).alias(name)
        for name, kind in _TYPES.items()
    ]
    rows = read.select(columns).with_columns(pl.lit(has_sides).alias("sided"))
    rows = rows.filter(
        pl.col("mint").is_not_null()
        & (pl.col("ts_ms") > 0)
        & pl.col("v_sol").is_between(1e-3, V_SOL_MAX)
        & (pl.col("venue").is_null() | (pl.col("venue") != POOL))
    ).sort("mint", "ts_ms", maintain_order=True)
    if has_sides:
        return rows
    change = pl.col("v_sol") - pl.col("v_sol").shift(1).over("mint")
    return rows.with_columns(
        pl.when(change.is_null())
        .then(pl.lit("snapshot"))
        .when(change.abs() < DUST_SOL)
        .then(pl.lit("dust"))
        .when(change > 0)
        .then(pl.lit("buy"))
        .otherwise(pl.lit("sell"))
        .alias("side"),
        (change.abs() * LAMPORTS_PER_SOL).round().cast(pl.Int64).alias("sol_lamports"),
    )


def _best(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.filter(pl.col("sided") == pl.col("sided").max().over("mint"))
    # After a lost connection a recording can hold a trade twice.
    signed = rows.filter(pl.col("signature").is_not_null()).unique(
        ("mint", "signature", "side", "tokens_raw"), keep="first", maintain_order=True
    )
    return pl.concat([signed, rows.filter(pl.col("signature").is_null())]).sort("mint", "ts_ms", maintain_order=True)


def _token(rows: list[dict[str, Any]], age_s: float) -> RecordedToken:
    first = rows[0]
    born = first["side"] == "create"
    traders = any(row["trader"] for row in rows if row["side"] in ("buy", "sell"))
    launch = _launch(first, age_s, born=born)
    opening = [] if born else _opening(first, launch)
    trades = [
        _trade(number, row, launch)
        for number, row in enumerate(rows[1:], 1)
        if row["side"] in ("buy", "sell") and row["sol_lamports"]
    ]
    known = Known(traders=traders, launch=born)
    return RecordedToken(launch, (*opening, *trades), known, launch.creator or launch.mint, first["ts_ms"])


def _launch(row: dict[str, Any], age_s: float, *, born: bool) -> TokenLaunch:
    seen_at_ms = row["ts_ms"] - round(age_s * 1_000)
    curve = _curve(row)
    if not born:
        # Recorded from some moment of its life on: it began as curves of the launchpad do.
        begins = (INITIAL_VIRTUAL_TOKEN_RAW, INITIAL_VIRTUAL_QUOTE_LAMPORTS, INITIAL_REAL_TOKEN_RAW, 0)
        curve = Curve(*begins, complete=False, creator="", slot=curve.slot)
    return TokenLaunch(
        mint=row["mint"],
        name=row["name"] or "",
        symbol=row["symbol"] or "",
        uri=row["uri"] or "",
        creator=(row["trader"] or "") if born else "",
        token_program="",
        curve=curve,
        signature=row["signature"] or "",
        slot=curve.slot if born else -1,
        seen_at_ms=seen_at_ms,
        source="recorded",
    )


def _opening(row: dict[str, Any], launch: TokenLaunch) -> list[CurveTrade]:
    """What brought the curve to where the recording found it."""
    flow = round(row["v_sol"] * LAMPORTS_PER_SOL) - INITIAL_VIRTUAL_QUOTE_LAMPORTS
    if flow <= 0:
        return []
    return [_trade(0, {**row, "side": "buy", "sol_lamports": flow, "tokens_raw": None, "trader": None}, launch)]


def _trade(number: int, row: dict[str, Any], launch: TokenLaunch) -> CurveTrade:
    curve = _curve(row)
    lamports = row["sol_lamports"]
    token_raw = row["tokens_raw"]
    if token_raw is None:
        token_raw = lamports * curve.virtual_token_raw // curve.virtual_quote_lamports
    return CurveTrade(
        mint=launch.mint,
        trader=row["trader"] or "",
        is_buy=row["side"] == "buy",
        token_raw=token_raw,
        quote_lamports=lamports,
        curve=curve,
        signature=f"{row['signature'] or 'row'}-{number}",
        slot=curve.slot,
        seen_at_ms=row["ts_ms"],
    )


def _curve(row: dict[str, Any]) -> Curve:
    quote_lamports = round(row["v_sol"] * LAMPORTS_PER_SOL)
    token_raw = round(row["v_tok"] * 10**TOKEN_DECIMALS) if row["v_tok"] else CURVE_PRODUCT // quote_lamports
    real_lamports = row["real_sol"]
    if real_lamports is None:
        real_lamports = max(quote_lamports - INITIAL_VIRTUAL_QUOTE_LAMPORTS, 0)
    real_token_raw = max(token_raw - (INITIAL_VIRTUAL_TOKEN_RAW - INITIAL_REAL_TOKEN_RAW), 0)
    slot = row["slot"] if row["slot"] is not None else row["ts_ms"] // SLOT_MS
    return Curve(token_raw, quote_lamports, real_token_raw, real_lamports, real_token_raw == 0, "", slot)
