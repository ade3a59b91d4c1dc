"""What the bot sees as rows of text, in the columns of recorded markets everywhere: docs/recording.md has their meaning."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from decimal import Decimal

from bot.ports import Seen, Snapshot
from bot.trading.launch import CurveTrade
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
