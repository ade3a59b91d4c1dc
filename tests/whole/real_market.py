"""A busy recorded market for the real tests: a launch every half second that every sniper wants, then a rise, a fall or nothing.

The generated market has one launch in fifty that a sniper buys. A test that ends processes at chosen moments needs an
order on its way at every moment, so it replays this file through `bot run --market`.
"""

from __future__ import annotations

import csv
from pathlib import Path

COLUMNS = ("mint", "ts_ms", "side", "sol_lamports", "tokens_raw", "v_sol")
LAUNCH_GAP_MS = 500
# The replay spreads the SOL of a first row over the first two seconds and lets no later row in before.
OPENING_MS = 2_000
OPENING_SOL = 2.5
START_SOL = 30.0
CROWD = 10
CROWD_GAP_MS = 30
CROWD_LAMPORTS = 400_000_000
# The rules believe in a crowd once a part of it has sold; the bots of these tests look at a launch for three seconds.
TRIED_MS = OPENING_MS + CROWD * CROWD_GAP_MS + 150  # a sale of what has not landed yet would hold up the replay
TRIED_RAW = 20_000_000_000_000
TURN_MS = 3_900
RISE_LAMPORTS = 9_000_000_000
EVERYTHING_RAW = 900_000_000_000_000
FATES = ("rises", "falls", "stays")


def write_busy_market(path: Path, launches: int) -> Path:
    """Write the recording and return its path. Launch `n` rises, falls or stays after `n` modulo 3."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for number in range(launches):
            rows.writerows(_life(f"Busy{number:04d}", number * LAUNCH_GAP_MS, FATES[number % len(FATES)]))
    return path


def _life(mint: str, launched_ms: int, fate: str) -> list[tuple[str, int, str, int, int, float]]:
    """One token: its opening, a crowd that makes a strong signal, and its fate."""
    quote_sol = START_SOL + OPENING_SOL
    rows = [(mint, launched_ms, "snapshot", 0, 0, quote_sol)]
    for number in range(CROWD):
        at_ms = launched_ms + OPENING_MS + number * CROWD_GAP_MS
        rows.append((mint, at_ms, "buy", CROWD_LAMPORTS, 0, quote_sol))
    rows.append((mint, launched_ms + TRIED_MS, "sell", 0, TRIED_RAW, quote_sol))
    if fate == "rises":
        rows.append((mint, launched_ms + TURN_MS, "buy", RISE_LAMPORTS, 0, quote_sol))
    elif fate == "falls":
        rows.append((mint, launched_ms + TURN_MS, "sell", 0, EVERYTHING_RAW, quote_sol))
    return rows
