"""A recorded market held to the real clock, by a bot in mode paper on a PostgreSQL of its own; and the same as a backtest.

The bot, its money path and its paper orders are those of the backtest, which are those of profile paper. What differs is what
a backtest has twins for: time passes by itself, and every row is written to a server in another process.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import trio
from trio.testing import MockClock

from bot.backtest.compared import Comparison, compared
from bot.backtest.evidence import Evidence, evidence_of
from bot.backtest.held_clock import HeldClock
from bot.backtest.market import RecordedMarket
from bot.backtest.parameters import ParameterSet
from bot.backtest.play import Play, Terms, nothing_heard, quiet, read_virtually
from bot.backtest.told import Told
from bot.clock import system_clock
from bot.ports import Store
from bot.storage.embedded import embedded_postgres
from bot.storage.store import PostgresStore, open_store


@dataclass(frozen=True, slots=True)
class Pacing:
    """`speed` seconds of the market pass in a real one.

    With `free` time runs on while the bot works, as it does for a bot on a real cluster; else it stands still meanwhile, and
    nothing hangs on the machine.
    """

    speed: float = 1.0
    free: bool = False


@dataclass(frozen=True, slots=True)
class PacedRun:
    """What a paced play left in its rows, how far the machine was ever behind, in real seconds, and what went wrong."""

    evidence: list[Evidence]
    late_s: float
    troubles: tuple[str, ...]


def play_paced(
    market: RecordedMarket,
    sets: Sequence[ParameterSet],
    terms: Terms,
    pacing: Pacing,
    *,
    heard: Callable[[Told], None] = nothing_heard,
) -> PacedRun:
    """Play on the real clock, with rows on a server of its own; raises BotError."""
    troubles: list[str] = []
    boottime_ms = system_clock().boottime_ms
    clock: MockClock | HeldClock = MockClock(rate=1.0) if pacing.free else HeldClock(lambda: boottime_ms() / 1000)

    async def run() -> tuple[list[Evidence], float]:
        async with own_server() as store:
            if isinstance(clock, HeldClock):
                clock.is_busy = lambda: store.statistics().units > 0
            clock.rate = pacing.speed
            rows = cast(Store, store)
            play = Play(market, tuple(sets), terms, heard, None, troubles, rows, evidence_of, clock.current_time)
            found = await play.run()
            late_s = clock.late_s if isinstance(clock, HeldClock) else 0.0
            clock.rate = 1.0  # what waits for the server to end counts real seconds
            return found, late_s

    with quiet(troubles):
        found, late_s = trio.run(run, clock=clock)
    return PacedRun(found, late_s, tuple(troubles))


def backtest_evidence(
    market: RecordedMarket, sets: Sequence[ParameterSet], terms: Terms, troubles: list[str] | None = None
) -> list[Evidence]:
    """What a backtest leaves in the rows of its twin of the store."""
    return read_virtually(market, sets, terms, evidence_of, [] if troubles is None else troubles)


def beside_backtest(
    market: RecordedMarket,
    sets: Sequence[ParameterSet],
    terms: Terms,
    pacing: Pacing,
) -> Comparison:
    """Play a market as a backtest and on the real clock; what of both is the same."""
    troubles: list[str] = []
    backtest = backtest_evidence(market, sets, terms, troubles)
    paced = play_paced(market, sets, terms, pacing)
    return compared(
        backtest, paced.evidence, moments=not pacing.free, late_s=paced.late_s, troubles=(*troubles, *paced.troubles)
    )


@asynccontextmanager
async def own_server() -> AsyncIterator[PostgresStore]:
    """An empty store on a server that ends with the block, and with it what it kept."""
    with tempfile.TemporaryDirectory(prefix="paced-") as folder:
        async with embedded_postgres(Path(folder) / "postgres") as server, open_store(server.address) as store:
            yield store
