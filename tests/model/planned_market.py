"""Days of the local market as a recording, by its launches' plans alone: each trade meets the curve that its plan walked.

Carrying out every transaction takes the chain half an hour for a day of market; without anybody else's trades it comes to
the same, but for the few that slip past their limits.
`python -m tests.model.planned_market --seed 7 --days 5 --every 10 FILE.csv` writes every tenth
launch of five days: launches of the generator know nothing of each other.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random

from bot.localnet.cluster import DEFAULT_SLOT_MS
from bot.localnet.inprocess import DEFAULT_GENESIS_TIME_S
from bot.localnet.launchpad import Curve as Walked
from bot.localnet.market import shapes
from bot.localnet.market.generator import CREATORS, FIRST_LAUNCH_MS, TRADERS
from bot.localnet.market.plan import BPS, CREATOR, LaunchPlan, PlannedTrade, plan_launch
from bot.recorder.rows import header, lines
from bot.trading.curve import Curve
from bot.trading.launch import CurveTrade, LaunchpadEvent, TokenLaunch

DAY_MS = 86_400_000
WRITTEN_AT_ONCE = 5_000


def events(seed: int, within_ms: int, every: int = 1) -> Iterator[LaunchpadEvent]:
    """Every launch within this time, or each so many-th of them, with all its trades on the curve."""
    index, launched_ms = 0, FIRST_LAUNCH_MS
    while launched_ms < within_ms:
        if index % every == 0:
            yield from _life(plan_launch(seed, index, traders=TRADERS, creators=CREATORS), launched_ms)
        launched_ms += shapes.launch_gap_ms(Random(f"{seed}/gap/{index}"))
        index += 1


def _life(plan: LaunchPlan, launched_ms: int) -> Iterator[LaunchpadEvent]:
    mint, creator = f"mint-{plan.index}", f"creator-{plan.creator}"
    walked, held_raw = Walked(), dict[int, int]()
    slot, at_ms = _slot(launched_ms)
    curve = _curve(walked, creator, slot)
    yield TokenLaunch(mint, plan.name, plan.symbol, "", creator, "", curve, f"{mint}-launch", slot, at_ms, "logs")
    for number, trade in enumerate(plan.trades):
        before = walked
        walked = _after(walked, trade, held_raw)
        token_raw = abs(before.virtual_token_raw - walked.virtual_token_raw)
        if token_raw == 0:
            continue
        slot, at_ms = _slot(launched_ms + trade.at_ms)
        yield CurveTrade(
            mint,
            creator if trade.trader == CREATOR else f"trader-{trade.trader}",
            trade.buys,
            token_raw,
            abs(before.virtual_quote_lamports - walked.virtual_quote_lamports),
            _curve(walked, creator, slot),
            f"{mint}-{number}",
            slot,
            at_ms,
        )


def _after(walked: Walked, trade: PlannedTrade, held_raw: dict[int, int]) -> Walked:
    if walked.complete:
        return walked
    held = held_raw.get(trade.trader, 0)
    if trade.buys:
        token_raw = walked.tokens_for(trade.spend_lamports)
        held_raw[trade.trader] = held + token_raw
        return walked.after_buy(token_raw) if token_raw > 0 else walked
    token_raw = held * trade.share_bps // BPS
    held_raw[trade.trader] = held - token_raw
    return walked.after_sell(token_raw) if token_raw > 0 else walked


def _slot(market_ms: int) -> tuple[int, int]:
    """The slot in which something lands, and when it is seen."""
    slot = market_ms // DEFAULT_SLOT_MS + 1
    return slot, DEFAULT_GENESIS_TIME_S * 1_000 + slot * DEFAULT_SLOT_MS


def _curve(walked: Walked, creator: str, slot: int) -> Curve:
    return Curve(
        walked.virtual_token_raw,
        walked.virtual_quote_lamports,
        walked.real_token_raw,
        walked.real_quote_lamports,
        walked.complete,
        creator,
        slot,
    )


def write(seed: int, within_ms: int, target: Path, every: int = 1) -> int:
    """Write the recording; how many rows."""
    written = 0
    told = events(seed, within_ms, every)
    with target.open("w", encoding="utf-8") as file:
        file.write(header())
        while batch := list(islice(told, WRITTEN_AT_ONCE)):
            file.write(lines(batch))
            written += len(batch)
    return written


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="planned_market", description="Write days of the local market as a recording."
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--days", type=float, default=4.0)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args(argv)
    print(write(arguments.seed, round(arguments.days * DAY_MS), arguments.target, arguments.every), "rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
