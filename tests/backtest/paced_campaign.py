"""A market held to the real clock beside its backtest: with time that waits, and with time that does not.

Without a file it is some minutes of the local market as planned; `python -m tests.backtest.paced_campaign --speed 10 FILE`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bot.backtest.compared import comparison_text
from bot.backtest.market import read_market
from bot.backtest.paced import Pacing, beside_backtest
from bot.backtest.parameters import read_flag
from bot.backtest.play import Terms
from tests.model import planned_market

SETS = (
    "quick:max_hold_s=60,snipe_only_strong_buy=false,snipe_min_confidence_bps=5000,snipe_max_daily=1000",
    "patient:max_hold_s=300,stop_loss_bps=3000,take_profit_bps=5000,snipe_max_daily=1000",
)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="paced_campaign", description=__doc__)
    parser.add_argument("market", nargs="?", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--speed", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args(argv)
    span_ms = round(arguments.minutes * 60_000)
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.market
        if path is None:
            path = Path(folder) / "market.csv"
            planned_market.write(arguments.seed, span_ms, path)
        market = read_market(path)
        market = market.until(market.first_ms + span_ms)
    print(f"{market.name}: {market.tokens} tokens, {market.rows.height} rows, {arguments.speed:g} times as fast")
    terms, sets, failed = Terms(buy_all_bps=3_000, random_bps=1_000), [read_flag(text) for text in SETS], False
    for free in (False, True):
        found = beside_backtest(market, sets, terms, Pacing(arguments.speed, free=free))
        print("time runs on while the bot works:" if free else "time waits for the bot:")
        print(comparison_text(found), flush=True)
        failed = failed or not (free or found.is_same)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
