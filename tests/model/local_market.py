"""A day of the local market as a recording: real transactions on the chain of this process, read as the bot reads them.

`python -m tests.model.local_market --seed 7 --hours 24 FILE.csv` writes it in the columns of the bot's own recording. The
same seed gives the same file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import trio
from trio.testing import MockClock

from bot.chain.pumpfun import events_in_logs, launchpad_events
from bot.localnet.cluster import DEFAULT_SLOT_MS
from bot.localnet.inprocess import DEFAULT_GENESIS_TIME_S, InProcessChain
from bot.localnet.market.generator import GeneratedMarket
from bot.recorder.rows import header, lines
from bot.trading.launch import LaunchpadEvent

SLOTS_AN_HOUR = 3_600_000 // DEFAULT_SLOT_MS
WRITTEN_AT_ONCE = 5_000


def events(seed: int, slots: int) -> Iterator[LaunchpadEvent]:
    """Every launch and trade on a curve, in the order of the chain."""
    chain = InProcessChain(seed=seed, market=GeneratedMarket(seed))
    for number in range(slots):
        block = chain.step()
        at_ms = DEFAULT_GENESIS_TIME_S * 1_000 + number * DEFAULT_SLOT_MS
        for landed in block.transactions:
            record = landed.record
            if record.error is None:
                payloads = events_in_logs(record.logs).payloads
                yield from launchpad_events(payloads, signature=record.signature, slot=record.slot, seen_at_ms=at_ms)


def write(seed: int, slots: int, target: Path) -> int:
    """Write the recording; how many rows."""
    written = 0
    told = events(seed, slots)
    with target.open("w", encoding="utf-8") as file:
        file.write(header())
        while batch := list(islice(told, WRITTEN_AT_ONCE)):
            file.write(lines(batch))
            written += len(batch)
    return written


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="local_market", description="Record the local market.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args(argv)

    async def record() -> int:
        return write(arguments.seed, round(arguments.hours * SLOTS_AN_HOUR), arguments.target)

    # The chain takes trio's clock; nothing here waits.
    print(trio.run(record, clock=MockClock()), "rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
