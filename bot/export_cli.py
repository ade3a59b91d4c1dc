"""`bot export fills|positions|days FILE`: the books of the running bot as CSV or Parquet."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot import control, private
from bot.errors import BotError
from bot.trading.units import counted

STEP_S = 30.0
PARQUET = ".parquet"
# What a spreadsheet takes for a formula where a text begins with it; a reason can hold a stranger's words.
FORMULA = ("=", "+", "-", "@", "\t", "\r")

Row = dict[str, Any]


def add_export(verbs: Any) -> argparse.ArgumentParser:
    """The verb, to which the caller adds what every verb has."""
    verb: argparse.ArgumentParser = verbs.add_parser(
        "export", help="fills with all fees, positions, or what each day came to, of the running bot as CSV or Parquet"
    )
    verb.add_argument(
        "what",
        choices=("fills", "positions", "days"),
        help="fills: every entry of the ledger, a column an account; days: the last days (UTC) of each user and mode",
    )
    verb.add_argument("file", metavar="FILE", help="its name ends with .csv or .parquet; - is the standard output")
    verb.add_argument("--user", metavar="ID", help="only this user (handle or Telegram id)")
    verb.add_argument("--days", metavar="N", type=int, default=7, help="how many days before today (7, at most 31)")
    return verb


def export(socket: Path, what: str, file: str, user: str | None, days: int = 7) -> int:
    """Ask for everything and write it; raises BotError with one line. The file is for its owner's eyes alone."""
    path = Path(file)
    if file != "-" and path.suffix not in (".csv", PARQUET):
        raise BotError(f"{file}: is neither .csv nor .parquet; give such a name")
    columns: list[str] = []
    rows = _unique(_asked(socket, what, user, days, columns))
    try:
        if file == "-":
            _write_csv(rows, columns, sys.stdout)
            return 0
        if path.suffix == PARQUET:
            from bot.backtest.parquet import write_rows

            write_rows(rows, path, columns)
        else:
            with private.opened(path, "w", encoding="utf-8", newline="") as out:
                _write_csv(rows, columns, out)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise BotError(f"{file}: cannot be written: {error.strerror}; give another file") from None
    print(f"{file} has {counted(len(rows), what.removesuffix('s'))}")
    return 0


def _asked(socket: Path, what: str, user: str | None, days: int, columns: list[str]) -> Iterator[Row]:
    """Every row; `columns` has their names afterwards, also where there is none."""
    after: list[Any] | None = [0, 0, None]
    while after is not None:
        asked = {"verb": "export", "of": what, "user": user, "after": after, "days": days}
        answer = control.ask(socket, asked, within_s=STEP_S)
        columns[:] = answer.get("columns") or columns or [*next(iter(answer["rows"]), ())]  # an older bot names none
        yield from answer["rows"]
        after = answer["next"]


def _unique(rows: Iterator[Row]) -> list[Row]:
    """By time; what moved while it was read is there once, as it was read last."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = (row["user"], row["mode"], row.get("number") or row.get("position") or row["day"])
        found[key] = row
    return sorted(
        found.values(), key=lambda row: (row.get("at") or row.get("opened") or row["day"], row.get("number", 0))
    )


def _write_csv(rows: list[Row], columns: list[str], out: Any) -> None:
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
