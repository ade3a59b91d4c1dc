"""The words of `bot backtest`; what it does is loaded only when it is asked for."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import Any

from bot.bar import Bar
from bot.errors import BotError

FOLDS_MAX = 50
SPEED_MAX = 1_000


def _percent(text: str) -> float:
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no share; give 0 to 100 percent")
    return value


def _hours(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; give hours above 0")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= FOLDS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no count; give 1 to {FOLDS_MAX}")
    return int(text)


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= SPEED_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed; give 1 for real time, up to {SPEED_MAX}")
    return value


def add_backtest(verbs: Any) -> None:
    """The verb and its options."""
    verb = verbs.add_parser(
        "backtest", help="a recorded market through the whole bot on virtual time; see docs/backtest.md"
    )
    verb.add_argument("market", metavar="MARKET", help="Parquet, CSV, or the folder of a recording")
    verb.add_argument("--sets", metavar="FILE", help="parameter sets to compare (TOML: base, set.NAME, grid)")
    verb.add_argument(
        "--set", metavar="NAME:KEY=VALUE,...", action="append", help="one more parameter set; may be repeated"
    )
    verb.add_argument("--folds", type=_count, metavar="N", help="also walk forward: choose by the past alone, N times")
    verb.add_argument("--hours", type=_hours, metavar="H", help="only the first H hours of the market")
    verb.add_argument("--sample", type=_percent, default=100.0, metavar="PERCENT", help="only this share of its tokens")
    verb.add_argument(
        "--buy-all",
        type=_percent,
        default=10.0,
        metavar="PERCENT",
        help="share of tokens that the line `buy all` buys (10)",
    )
    verb.add_argument(
        "--random",
        type=_percent,
        default=2.0,
        metavar="PERCENT",
        help="share of tokens that the line `random` buys (2)",
    )
    verb.add_argument("--config", metavar="FILE", help="settings file: latency, landing, how long tokens are watched")
    verb.add_argument(
        "--model", metavar="FOLDER", help="judge launches by a model of `bot train` (default: [model] folder)"
    )
    verb.add_argument("--seed", type=int, default=1, metavar="N", help="what is left to chance is drawn from it (1)")
    verb.add_argument("--workers", type=_count, metavar="N", help="processes; the result is the same with any number")
    verb.add_argument("--report", metavar="FILE", help="write one HTML page with tables and pictures")
    verb.add_argument(
        "--paced",
        type=_speed,
        metavar="SPEED",
        help="instead, play it beside that on the real clock, SPEED times as fast, and compare decisions and fills",
    )
    verb.add_argument("--free", action="store_true", help="with --paced: time runs on while the bot is at work")
    verb.add_argument("--json", action="store_true", help="print one JSON object")


def run_backtest(arguments: argparse.Namespace) -> int:
    """Returns the exit code; raises BotError."""
    try:
        from bot.backtest import cli
    except ImportError as error:
        raise BotError(f"the backtest cannot be loaded: {error}; run make install again") from None
    with Bar(sys.stderr) as bar:
        return cli.run(arguments, partial(bar.show, "backtest"))
