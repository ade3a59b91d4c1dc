"""Takes the launchpad's events, drops repeats, has all trades measured, and starts a tracker per new token that is told them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from actors.runtime import Actor, Context
from bot.execution.analysis_book import AnalysisBook
from bot.trading.launch import CurveTrade, LaunchpadEvent, TokenLaunch, ToldTwice

log = structlog.get_logger()

REMEMBERED = 20_000  # mints kept to absorb repeated launches after a reconnect


class Tracker(Protocol):
    """What the watcher needs of a token tracker."""

    @property
    def done(self) -> bool: ...

    def feed(self, trade: CurveTrade) -> None: ...

    def bear_out(self, trade: CurveTrade) -> None: ...


StartTracker = Callable[[TokenLaunch], Awaitable[Tracker | None]]


@dataclass(slots=True)
class Hunted:
    """Counts for status, the trackers that are at work, and the symbols of the mints that were seen."""

    launches_seen: int = 0
    trackers: dict[str, Tracker] = field(default_factory=dict)
    symbols: OrderedDict[str, str] = field(default_factory=OrderedDict)


class LaunchWatcher(Actor[None, LaunchpadEvent | ToldTwice]):
    """Its mailbox drops the oldest event when it overflows: an opinion lost is fine, a late one is worthless."""

    def __init__(self, hunted: Hunted, analyses: AnalysisBook, start_tracker: StartTracker) -> None:
        self._hunted, self._analyses, self._start_tracker = hunted, analyses, start_tracker

    async def handle(self, ctx: Context, state: None, message: LaunchpadEvent | ToldTwice) -> None:
        if isinstance(message, ToldTwice):
            tracker = self._hunted.trackers.get(message.mint)
            if tracker is not None and isinstance(message.event, CurveTrade):
                tracker.bear_out(message.event)
            return
        if isinstance(message, CurveTrade):
            self._analyses.traded(message)
            if tracker := self._hunted.trackers.get(message.mint):
                tracker.feed(message)
            return
        if message.mint in self._hunted.symbols:
            return
        self._remember(message)
        self._analyses.launched(message)
        log.info(
            "token_detected", mint=message.mint, symbol=message.symbol, signature=message.signature, slot=message.slot
        )
        tracker = await self._start_tracker(message)
        if tracker is not None:
            self._hunted.trackers[message.mint] = tracker

    def _remember(self, launch: TokenLaunch) -> None:
        hunted = self._hunted
        hunted.launches_seen += 1
        hunted.symbols[launch.mint] = launch.symbol
        if len(hunted.symbols) > REMEMBERED:
            hunted.symbols.popitem(last=False)
        for old in [key for key, tracker in hunted.trackers.items() if tracker.done]:
            del hunted.trackers[old]
