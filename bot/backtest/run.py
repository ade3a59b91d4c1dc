"""A whole backtest: the market's days in processes of their own, and what came of them together."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bot.backtest.market import SHARE_STEPS, Part, RecordedMarket, read_market
from bot.backtest.parameters import ParameterSet
from bot.backtest.play import Terms, play
from bot.backtest.results import joined
from bot.backtest.trades import Played
from bot.errors import BotError

LOOK_S = 0.5
TELL_EVERY = 200  # events between two steps of the progress

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One part of a market to be played."""

    path: Path
    fingerprint: str
    part: Part
    number: int
    sample_bps: int
    until_ms: int
    sets: tuple[ParameterSet, ...]
    terms: Terms


def cut(market: RecordedMarket, hours: float | None, sample_bps: int = SHARE_STEPS) -> RecordedMarket:
    """The beginning of a market, or a sample of its tokens."""
    if hours is not None:
        market = market.until(market.first_ms + round(hours * 3_600_000))
    everything = Part(0, market.last_ms + 1)
    chosen = market if sample_bps >= SHARE_STEPS else market.of(everything, sample_bps)
    if chosen.rows.is_empty():
        raise BotError("the sample holds no token; take a greater share")
    return chosen


def played_in_days(
    path: Path,
    market: RecordedMarket,
    sets: Sequence[ParameterSet],
    terms: Terms,
    *,
    workers: int,
    sample_bps: int,
    progress: Progress,
) -> list[Played]:
    """Play each day's tokens by themselves; how many processes do it changes nothing.

    A day of users ends at midnight (UTC) with their daily limits, so that what one day does never hangs on another, except
    on what is still held at midnight: it is held to its end in its own day's world, and counts there.
    """
    parts = market.days()
    jobs = [
        Job(path, market.fingerprint, part, number, sample_bps, market.last_ms + 1, tuple(sets), terms)
        for number, part in enumerate(parts)
    ]
    total = market.rows.height
    if workers <= 1 or len(jobs) == 1:
        return joined(_alone(market, jobs, total, progress))
    return joined(_apart(jobs, total, min(workers, len(jobs)), progress))


def _alone(market: RecordedMarket, jobs: Sequence[Job], total: int, progress: Progress) -> list[list[Played]]:
    done, found = 0, []
    for job in jobs:
        part = market.of(job.part)
        found.append(play(part, job.sets, job.terms, heard=_Counted(partial(_further, progress, done, total))))
        done += part.rows.height
    progress(total, total)
    return found


def _further(progress: Progress, before: int, total: int, events: int) -> None:
    progress(min(before + events, total), total)


def _apart(jobs: Sequence[Job], total: int, workers: int, progress: Progress) -> list[list[Played]]:
    context = get_context("spawn")
    counts: Any = context.Array("q", len(jobs))
    os.environ.setdefault("PYTHONHASHSEED", "0")
    with ProcessPoolExecutor(workers, context, _begin, (counts,)) as pool:
        futures: list[Future[list[Played]]] = [pool.submit(_played, job) for job in jobs]
        waiting = set(futures)
        try:
            while waiting:
                finished, waiting = wait(waiting, LOOK_S, FIRST_COMPLETED)
                for future in finished:
                    future.result()
                progress(min(sum(counts), total), total)
        except BrokenProcessPool:
            raise BotError(
                "a process of the backtest has ended before its time; give --workers 1, or a smaller --sample"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        progress(total, total)
        return [future.result() for future in futures]


_counts: Any = None


def _begin(counts: Any) -> None:
    """In a new process: where it counts, and that Ctrl-C is its parent's business."""
    global _counts  # noqa: PLW0603 - a process has no other place for what its initializer was handed
    _counts = counts
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ["POLARS_MAX_THREADS"] = "1"


def _played(job: Job) -> list[Played]:
    market = read_market(job.path)
    if market.fingerprint != job.fingerprint:
        raise BotError(f"{job.path}: has changed since the backtest began; start it again")
    part = market.until(job.until_ms).of(job.part, job.sample_bps)

    def told(events: int) -> None:
        _counts[job.number] = events

    played = play(part, job.sets, job.terms, heard=_Counted(told))
    _counts[job.number] = part.rows.height
    return played


class _Counted:
    """Counts what is played, and tells of it now and then."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell, self._events = tell, 0

    def __call__(self, _: object) -> None:
        self._events += 1
        if self._events % TELL_EVERY == 0:
            self._tell(self._events)
