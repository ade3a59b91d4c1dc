"""What the bot sees as rows of text, in the columns of recorded markets everywhere: docs/recording.md has their meaning."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from bot.ports import Seen, Snapshot
from bot.trading.curve import Curve
from bot.trading.launch import CurveTrade, LaunchpadEvent, TokenLaunch
from bot.trading.pool import Pool
from bot.trading.units import LAMPORTS_PER_SOL, TOKEN_DECIMALS
from bot.trading.venue import OwnVenue

# The first thirteen are those of other people's recordings; `real_*` are what sellers can be paid from, exact.
COLUMNS = (
    "mint",
    "ts_ms",
    "side",
    "sol_lamports",
    "tokens_raw",
    "trader",
    "v_sol",
    "v_tok",
    "source",
    "slot",
    "signature",
    "venue",
    "price_sol",
    "real_sol",
    "real_tok",
    "name",
    "symbol",
    "uri",
)
CURVE, POOL = "PUMP", "PUMP_AMM"
STREAM, READ = "stream", "read"
TEXT_MAX = 200  # of a name, a symbol or a uri, which their makers choose

_TOKENS = Decimal(10) ** TOKEN_DECIMALS
_SOL = Decimal(LAMPORTS_PER_SOL)

Row = tuple[object, ...]


def header() -> str:
    """The first line of a segment."""
    return ",".join(COLUMNS) + "\n"


def lines(seen: Iterable[Seen]) -> str:
    """One line of CSV for each, ending with a newline; no field holds one, so that a torn line is known by its end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_row(one) for one in seen)
    return text.getvalue()


def _row(seen: Seen) -> Row:
    if isinstance(seen, Snapshot):
        priced, exact = _reserves(seen.venue)
        return (
            seen.mint,
            seen.seen_at_ms,
            "snapshot",
            "",
            "",
            "",
            *priced,
            READ,
            seen.venue.slot,
            "",
            *exact,
            "",
            "",
            "",
        )
    priced, exact = _reserves(seen.curve)
    if isinstance(seen, CurveTrade):
        trade = "buy" if seen.is_buy else "sell", seen.quote_lamports, seen.token_raw, seen.trader
        told = STREAM, seen.slot, seen.signature
        return (seen.mint, seen.seen_at_ms, *trade, *priced, *told, *exact, "", "", "")
    creation = "create", "", "", seen.creator
    told = seen.source, seen.slot, seen.signature
    about = _one_line(seen.name), _one_line(seen.symbol), _one_line(seen.uri)
    return (seen.mint, seen.seen_at_ms, *creation, *priced, *told, *exact, *about)


def event_of(row: Mapping[str, Any]) -> LaunchpadEvent | None:
    """The launch or trade of a curve that a row was written of; None for any other row, and one that lacks what it needs."""
    needed = (row.get(name) for name in ("mint", "ts_ms", "trader", "v_sol", "v_tok", "slot", "signature"))
    if row.get("venue") != CURVE or any(value is None for value in needed):
        return None
    real_raw, side = row.get("real_tok") or 0, row.get("side")
    curve = Curve(
        virtual_token_raw=round(row["v_tok"] * 10**TOKEN_DECIMALS),
        virtual_quote_lamports=round(row["v_sol"] * LAMPORTS_PER_SOL),
        real_token_raw=real_raw,
        real_quote_lamports=row.get("real_sol") or 0,
        complete=real_raw == 0,
        creator=row["trader"] if side == "create" else "",
        slot=row["slot"],
    )
    seen = row["signature"], row["slot"], row["ts_ms"]
    if side == "create":
        about = row.get("name") or "", row.get("symbol") or "", row.get("uri") or ""
        return TokenLaunch(row["mint"], *about, row["trader"], "", curve, *seen, row.get("source") or STREAM)
    if side not in ("buy", "sell"):
        return None
    moved = row.get("tokens_raw") or 0, row.get("sol_lamports") or 0
    return CurveTrade(row["mint"], row["trader"], side == "buy", *moved, curve, *seen)


def _reserves(venue: OwnVenue) -> tuple[tuple[str, str], tuple[object, object, object, object]]:
    """v_sol and v_tok; and venue, price_sol, real_sol and real_tok."""
    if isinstance(venue, Pool):
        program, lamports, raw = POOL, venue.priced_lamports, venue.token_raw
        real = venue.quote_lamports, venue.token_raw
    else:
        program, lamports, raw = CURVE, venue.virtual_quote_lamports, venue.virtual_token_raw
        real = venue.real_quote_lamports, venue.real_token_raw
    price_sol = lamports * 10**TOKEN_DECIMALS / (raw * LAMPORTS_PER_SOL) if raw else ""
    return (f"{lamports / _SOL:f}", f"{raw / _TOKENS:f}"), (program, price_sol, *real)


def _one_line(foreign: str) -> str:
    """A stranger's text without what ends a line, and no longer than it has to be."""
    return "".join(letter if letter.isprintable() else " " for letter in foreign)[:TEXT_MAX]
