"""`bot train`: a model from recorded markets. It runs in the process of the verb, which trades nothing."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from bot.bar import Bar
from bot.trading.limits import UserSettings
from bot.trading.position import ExitPlan

SEED_MAX = 2**31 - 1
HOLD_MAX_S = 86_400
PERCENT_MAX = 10_000


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= SEED_MAX):
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; give a whole number from 0 to {SEED_MAX}")
    return int(text)


def _percent(text: str) -> int:
    """Basis points."""
    number = text.removesuffix("%")
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= PERCENT_MAX):
        raise argparse.ArgumentTypeError(f"{text!r} is no threshold; give whole percents from 1 to {PERCENT_MAX}")
    return int(number) * 100


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= HOLD_MAX_S):
        raise argparse.ArgumentTypeError(f"{text!r} is no time to hold; give whole seconds from 1 to {HOLD_MAX_S}")
    return int(text)


def _exits(arguments: argparse.Namespace) -> ExitPlan:
    new = UserSettings().exit_plan
    return replace(
        new,
        take_profit_bps=arguments.take_profit or new.take_profit_bps,
        stop_loss_bps=arguments.stop_loss or new.stop_loss_bps,
        max_hold_s=arguments.hold or new.max_hold_s,
    )


def add_train(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its arguments."""
    verb = verbs.add_parser("train", help="train the model of entries on recorded markets, and say what it is worth")
    verb.add_argument(
        "data", nargs="+", metavar="DATA", help="recorded markets: files or folders, see docs/recording.md"
    )
    verb.add_argument("--out", metavar="FOLDER", help="where the model goes (default: model, below the data directory)")
    verb.add_argument("--take-profit", type=_percent, metavar="PERCENT", help="of the exits that entries are judged by")
    verb.add_argument("--stop-loss", type=_percent, metavar="PERCENT", help="the defaults are those of a new user")
    verb.add_argument("--hold", type=_seconds, metavar="SECONDS", help="the longest that an entry is held")
    verb.add_argument("--seed", type=_seed, default=1, metavar="N", help="the same data and seed give the same model")


def run_training(arguments: argparse.Namespace, directory: Path) -> int:
    """Train and print the report; raises BotError with one line."""
    from bot.analysis.training.outcomes import judge
    from bot.analysis.training.run import train

    out = Path(arguments.out) if arguments.out else directory / "model"
    with Bar(sys.stderr) as bar:
        trained = train(
            [Path(given) for given in arguments.data], out, arguments.seed, judge(plan=_exits(arguments)), bar.show
        )
    print(trained.report, end="")
    print(f"The model is in {out}. `[model] folder` in the settings lets the bot judge by it.")
    return 0
