"""Reading a recorded market (CSV, gzipped or not) into a schedule of launches and trades on the market clock.

Columns needed: mint, ts_ms, side (`create`, `snapshot`, `buy`, `sell`, `dust`), sol_lamports, tokens_raw, v_sol; name
and symbol are taken where they are there, others are ignored. A mint's first row is its launch itself (`create`), or its
state some time after it; each later row is one trade, or a snapshot, which is nothing to do.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Literal

from bot.localnet.errors import LocalnetError

REQUIRED = ("mint", "ts_ms", "side", "sol_lamports", "tokens_raw", "v_sol")
SIDES = ("create", "snapshot", "buy", "sell", "dust")
GZIP_MAGIC = b"\x1f\x8b"
START_LAMPORTS = 30_000_000_000
LAMPORTS_PER_SOL = 1_000_000_000
MIN_OPENING_LAMPORTS = 3_000_000
MAX_GAP_MS = 30_000
NAME_MAX, SYMBOL_MAX = 32, 13  # bytes, the launchpad's own limits
# The opening after a create: milliseconds later, and percent of the opening flow. The first buy is the creator's and
# small: whoever recorded this began when creators had sold nearly all that they held.
OPENING = ((0, 4), (400, 16), (800, 20), (1_200, 20), (1_600, 20), (1_900, 20))
OPENING_MS = 2_000

Kind = Literal["create", "open", "buy", "sell"]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: at which market time, with which mint (a number), and how much.

    `lamports` goes into (buy, open) or comes out of (sell) the curve before fees; `token_raw` is the recorded amount.
    """

    at_ms: int
    mint: int
    kind: Kind
    lamports: int = 0
    token_raw: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """A recorded token and what it is called in the replay."""

    mint: str
    name: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded market as a schedule. `shortened_ms` of silence were left out; `left_out_rows` were dust."""

    name: str
    fingerprint: str
    speed: float
    tokens: tuple[Token, ...]
    actions: tuple[Action, ...]
    shortened_ms: int
    left_out_rows: int


@dataclass(frozen=True, slots=True)
class _Row:
    mint: str
    ts_ms: int
    side: str
    lamports: int
    token_raw: int
    quote_lamports: int
    name: str
    symbol: str


def read_recording(path: Path, *, speed: float) -> Recording:
    """Read a file; raises LocalnetError with the place of the first thing that cannot be used."""
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == GZIP_MAGIC else raw).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise LocalnetError(f"the recorded market {path} cannot be read: {error}") from error
    rows = sorted(_rows(path, text), key=attrgetter("ts_ms"))
    if not rows:
        raise LocalnetError(f"the recorded market {path} holds no rows")
    times_ms, shortened_ms = _market_times([row.ts_ms for row in rows], speed)
    numbers: dict[str, int] = {}
    tokens: list[Token] = []
    opened_ms: dict[str, int] = {}
    actions: list[Action] = []
    left_out = 0
    for row, at_ms in zip(rows, times_ms, strict=True):
        if row.mint not in numbers:
            numbers[row.mint] = len(numbers)
            tokens.append(Token(row.mint, row.name or f"Replay {row.mint[:8]}", row.symbol or row.mint[:6].upper()))
            opened_ms[row.mint] = at_ms + (0 if row.side == "create" else OPENING_MS)
            actions.extend(_opening(row, numbers[row.mint], at_ms))
        if row.side in ("buy", "sell"):
            kind: Kind = "buy" if row.side == "buy" else "sell"
            later_ms = max(at_ms, opened_ms[row.mint])
            actions.append(Action(later_ms, numbers[row.mint], kind, row.lamports, row.token_raw))
        elif row.side == "dust":
            left_out += 1
    return Recording(
        name=path.name,
        fingerprint=hashlib.sha256(raw).hexdigest()[:16],
        speed=speed,
        tokens=tuple(tokens),
        actions=tuple(sorted(actions, key=attrgetter("at_ms"))),
        shortened_ms=shortened_ms,
        left_out_rows=left_out,
    )


def _rows(path: Path, text: str) -> Iterator[_Row]:
    reader = csv.DictReader(io.StringIO(text))
    missing = [column for column in REQUIRED if column not in (reader.fieldnames or ())]
    if missing:
        raise LocalnetError(f"the recorded market {path} lacks the column(s) {', '.join(missing)}")
    for record in reader:
        try:
            side = record["side"]
            if side not in SIDES:
                raise ValueError(f"unknown side {side!r}")
            trade = side in ("buy", "sell")
            yield _Row(
                mint=record["mint"],
                ts_ms=int(record["ts_ms"]),
                side=side,
                lamports=int(record["sol_lamports"]) if trade else 0,
                token_raw=int(record["tokens_raw"]) if trade else 0,
                quote_lamports=round(float(record["v_sol"]) * LAMPORTS_PER_SOL),
                name=_cut(record.get("name"), NAME_MAX),
                symbol=_cut(record.get("symbol"), SYMBOL_MAX),
            )
        except (TypeError, ValueError) as error:
            raise LocalnetError(f"the recorded market {path}, line {reader.line_num}: {error}") from error


def _cut(text: str | None, bytes_max: int) -> str:
    return (text or "").encode()[:bytes_max].decode(errors="ignore")


def _market_times(times_ms: list[int], speed: float) -> tuple[list[int], int]:
    """Recorded times on the market clock, divided by the speed, silences cut to MAX_GAP_MS; and how much was cut."""
    market_ms: list[int] = []
    clock_ms, shortened_ms, previous_ms = 0, 0, times_ms[0]
    for time_ms in times_ms:
        gap_ms = int((time_ms - previous_ms) / speed)
        previous_ms = time_ms
        shortened_ms += max(0, gap_ms - MAX_GAP_MS)
        clock_ms += min(gap_ms, MAX_GAP_MS)
        market_ms.append(clock_ms)
    return market_ms, shortened_ms


def _opening(row: _Row, mint: int, at_ms: int) -> Iterator[Action]:
    """The launch, and the buys that bring the curve to where the recording found it."""
    yield Action(at_ms, mint, "create")
    if row.side == "create":
        return
    change = row.lamports if row.side == "buy" else -row.lamports
    flow = row.quote_lamports - change - START_LAMPORTS
    if flow < MIN_OPENING_LAMPORTS:
        return
    for later_ms, percent in OPENING:
        yield Action(at_ms + later_ms, mint, "open", flow * percent // 100)
