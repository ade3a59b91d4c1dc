"""What measuring costs: a trade counted, a token read, an opinion weighed, and a day of a market in the book of all tokens."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace

import trio

from bot.analysis.opinion import rule_opinion
from bot.analysis.token_analysis import TokenAnalysis
from bot.analysis.weighing import weighed
from bot.execution.analysis_book import AnalysisBook
from bot.garbage import collect_everything
from bot.trading.launch import CurveTrade, TokenLaunch
from tests.analysis.launch_samples import BORN_MS
from tests.bench.market import busy_launch
from tests.bench.measure import Metrics, Rounds, compete, cpu_s
from tests.bench.table import Line, alone, at_most, duration, kibibytes, line, times

ROUNDS = 9
TOKENS = 10
READS = 200

DAY_S, QUARTER_S = 86_400, 21_600
LAUNCH_EVERY_S = 30
CREATORS = 500
ROUND_S = 30
TRADES_SHORT = 8


def analysis(draw: random.Random) -> list[Line]:
    """The analysis of one token per trade and per reading, beside a sum of the amounts; and the growth over a day."""
    trades, launch = busy_launch(draw)

    def count() -> Metrics:
        began = cpu_s()
        for _ in range(TOKENS):
            token = TokenAnalysis(launch)
            for trade in trades:
                token.add(trade)
        return {"count": (cpu_s() - began) / (TOKENS * len(trades))}

    def total() -> Metrics:
        began = cpu_s()
        for _ in range(TOKENS):
            lamports = 0
            for trade in trades:
                lamports += trade.quote_lamports
        return {"sum": (cpu_s() - began) / (TOKENS * len(trades))}

    full = TokenAnalysis(launch)
    for trade in trades:
        full.add(trade)
    at_ms = full.latest_ms + 500

    def read() -> Metrics:
        began = cpu_s()
        for _ in range(READS):
            full.analysis(at_ms)
        return {"read": (cpu_s() - began) / READS}

    def weigh() -> Metrics:
        seen = full.analysis(at_ms)
        began = cpu_s()
        for _ in range(READS):
            weighed(rule_opinion(seen.features), seen)
        return {"weigh": (cpu_s() - began) / READS}

    def rules() -> Metrics:
        seen = full.analysis(at_ms)
        began = cpu_s()
        for _ in range(READS):
            rule_opinion(seen.features)
        return {"rules": (cpu_s() - began) / READS}

    rounds = compete([count, total, read, weigh, rules], rounds=ROUNDS, draw=draw)
    return [
        line(rounds, "analysis of a token, per trade", "count", "sum", duration),
        line(rounds, "  reading all of it", "read", "rules", duration),
        line(rounds, "  the rules' opinion with all of it weighed", "weigh", "rules", duration),
        *_day(draw),
    ]


def _day(draw: random.Random) -> list[Line]:
    """A day of launches and trades in the book of all tokens, looked at every 30 s as the bot does, with what it holds.

    Memory is what Python allocated since, after a collection: six hours in, and at the end.
    """
    held: list[int] = []
    counted, spent_s = 0, 0.0

    async def main() -> None:
        nonlocal counted, spent_s
        book = AnalysisBook()
        for now_s in range(0, DAY_S, LAUNCH_EVERY_S):
            born, told = _launch(trades, launch, now_s // LAUNCH_EVERY_S)
            began = cpu_s()
            book.launched(born)
            for trade in told:
                book.traded(trade)
            counted += len(told)
            if now_s % ROUND_S < LAUNCH_EVERY_S:
                await book.refresh(BORN_MS + now_s * 1_000)
            spent_s += cpu_s() - began
            if now_s % QUARTER_S == QUARTER_S - LAUNCH_EVERY_S:
                collect_everything()
                held.append(tracemalloc.get_traced_memory()[0] - before)

    trades, launch = busy_launch(draw)
    collect_everything()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        trio.run(main)
    finally:
        tracemalloc.stop()
    day = Rounds({"cpu": [spent_s], "held": [held[0]], "growth": [held[-1] / held[0]]})
    return [
        alone(day, f"a day of {counted:,} trades in the book, watched by tracemalloc", "cpu", duration),
        alone(day, "  memory after six hours", "held", kibibytes),
        alone(day, "  after the day, of that", "growth", times, goal=at_most(1.10, times)),
    ]


def _launch(trades: Sequence[CurveTrade], launch: TokenLaunch, number: int) -> tuple[TokenLaunch, list[CurveTrade]]:
    """A launch with its first trades, as of another token at a later time; every tenth has many."""
    mint, later_ms = f"mint-{number}", number * LAUNCH_EVERY_S * 1_000
    told = trades if number % 10 == 0 else trades[:TRADES_SHORT]
    return replace(launch, mint=mint, creator=f"creator-{number % CREATORS}", seen_at_ms=BORN_MS + later_ms), [
        replace(
            trade,
            mint=mint,
            trader=f"{trade.trader}-{number}",
            signature=f"{trade.signature}-{number}",
            seen_at_ms=trade.seen_at_ms + later_ms,
        )
        for trade in told
    ]
