"""A market of one token whose every price is known, written as others write theirs."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

START_MS = 1_757_289_600_000  # a midnight of UTC
MINT = "So11111111111111111111111111111111111111112"
COLUMNS = ("mint", "ts_ms", "side", "sol_lamports", "tokens_raw", "trader", "v_sol", "v_tok")
CROWD_SOL = 33.3  # behind a crowd, which began at 30
LEAVING = 2
PRODUCT = 30 * 1_073_000_000  # SOL times tokens of the standard curve

Line = tuple[Any, ...]


def moved(mint: str, at_ms: int, before_sol: float, after_sol: float, trader: str) -> Line:
    """One trade that takes a standard curve from so much virtual SOL to so much."""
    tokens = abs(PRODUCT / before_sol - PRODUCT / after_sol)
    side = "buy" if after_sol > before_sol else "sell"
    lamports = round(abs(after_sol - before_sol) * 10**9)
    return (mint, START_MS + at_ms, side, lamports, round(tokens * 10**6), trader, after_sol, PRODUCT / after_sol)


def crowd(mint: str, at_ms: int, *, buyers: int = 11, each_sol: float = 0.3) -> list[Line]:
    """A launch, and buyers that come every 180 ms: a strong buy by the rules of any version so far.

    With a real crowd come two more, who sell at last, because rules take nobody's word for a crowd that nothing has tried.
    """
    rows: list[Line] = [(mint, START_MS + at_ms, "create", "", "", f"maker of {mint}", 30.0, PRODUCT / 30)]
    leaving = range(buyers, buyers + LEAVING) if buyers > LEAVING else ()
    moves = [(each_sol, number) for number in (*range(buyers), *leaving)] + [(-each_sol, number) for number in leaving]
    sol = 30.0
    for place, (change, number) in enumerate(moves, 1):
        after = round(sol + change, 3)
        rows.append(moved(mint, at_ms + 180 * place, sol, after, f"{mint[:6]} buyer {number}"))
        sol = after
    return rows


def riser(mint: str = MINT, at_ms: int = 0, *, to_sol: float = 50.0, rises_ms: int = 60_000) -> list[Line]:
    """The crowd leaves `CROWD_SOL`, a single buyer takes it to `to_sol` later, and nothing happens any more."""
    return [*crowd(mint, at_ms), moved(mint, at_ms + rises_ms, CROWD_SOL, to_sol, "the whale")]


def write(path: Path, rows: Sequence[Line]) -> Path:
    """The rows as CSV, by their time."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(sorted(rows, key=lambda row: row[1]))
    return path
