"""The in-memory twin of what each hour came to."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from bot.ports import HourMeasure
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import run_of
from bot.trading.intent import IntentState, Mode


class MemoryMeasures(MemoryTables):
    """Implements `MeasureStore`."""

    async def keep_measures(self, measures: Sequence[HourMeasure], forget_before_ms: int) -> None:
        await trio.lowlevel.checkpoint()
        self._measures |= {(one.hour_ms, one.name): one for one in measures}
        self._measures = {key: one for key, one in self._measures.items() if one.hour_ms >= forget_before_ms}

    async def measures(self, since_ms: int) -> list[HourMeasure]:
        await trio.lowlevel.checkpoint()
        return [self._measures[key] for key in sorted(self._measures) if key[0] >= since_ms]

    async def launch_to_fill(self, since_ms: int) -> tuple[int, ...]:
        await trio.lowlevel.checkpoint()
        filled = [
            intent
            for intent in self._intents.values()
            if intent.state is IntentState.FILLED
            and intent.request.mode is Mode.LIVE
            and self._closed_at_ms[intent.id] >= since_ms
        ]
        runs = [(intent, self._runs.get(run_of(intent.request) or "")) for intent in filled]
        return tuple(
            sorted(
                self._closed_at_ms[intent.id] - run.seen_at_ms
                for intent, run in runs
                if run is not None and run.seen_at_ms is not None
            )
        )
