"""Measures each hour of the program and tells operators where one is unlike the hours of the last seven days.

Also what a day and a week came to, once they are over (UTC). The hours are rows, so that a restart forgets none; what has been
told of a day is a row as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.analysis.unusual import Hour, Unusual, unusual
from bot.clock import Clock, Span, SpanUnit, spans_until
from bot.errors import Unavailable
from bot.execution.alerts import Alert
from bot.execution.hour_alerts import like_before, span_report, unlike_before
from bot.execution.hours import (
    HOUR_MS,
    REFUSALS,
    RPC_ERRORS,
    WATCHED,
    Asked,
    Running,
    measured,
    rpc_counts,
    without,
)
from bot.ports import EndpointHealth, HourMeasure, Store

log = structlog.get_logger()

LOOK_S = 60.0
COMPARED_MS = 7 * 24 * HOUR_MS
KEPT_MS = COMPARED_MS + 24 * HOUR_MS
SETTLES_MS = 120_000  # after a day's end: what landed in its last moments is booked by then
TOLD_WITHIN_MS = 6 * HOUR_MS  # after its end; a bot that comes back later leaves it out


@dataclass(frozen=True, slots=True)
class Standing:
    """How a measure is unlike the last days by the latest look, and since when it has been."""

    found: Unusual
    since_ms: int


@dataclass(slots=True)
class HourWatch:
    """`asked` counts the buys of this process, `endpoints` gives the health of each RPC endpoint.

    `_hours` holds what is known of the last days, by name and hour; `standing` is what is unlike them now, by name.
    """

    store: Store
    clock: Clock
    asked: Asked
    endpoints: Callable[[], Sequence[EndpointHealth]]
    alert: Callable[[Alert], None]
    _hours: dict[tuple[str, int], HourMeasure] | None = None
    standing: dict[str, Standing] = field(default_factory=dict)
    _refusals: Running = field(default_factory=Running)
    _rpc_errors: Running = field(default_factory=Running)

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        while True:
            try:
                await self._look()
                await self._report()
            except Unavailable as error:
                log.info("hours_wait", reason=str(error))
            await trio.sleep(LOOK_S)

    async def _look(self) -> None:
        now_ms = self.clock.now_ms()
        hour_ms = now_ms - now_ms % HOUR_MS
        if self._hours is None:
            self._hours = {(one.name, one.hour_ms): one for one in await self.store.measures(now_ms - COMPARED_MS)}
        overview = await self.store.overview(hour_ms)
        rows = list(measured(hour_ms, overview, await self.store.launch_to_fill(hour_ms)))
        counted = (
            (REFUSALS, self._refusals, (self.asked.refused, self.asked.buys)),
            (RPC_ERRORS, self._rpc_errors, rpc_counts(self.endpoints())),
        )
        for name, running, (total, count) in counted:
            total, count = running.of_hour(hour_ms, self._hours.get((name, hour_ms)), total, count)
            if count:
                rows.append(HourMeasure(name, hour_ms, total, count))
        await self.store.keep_measures(rows, now_ms - KEPT_MS)
        self._hours |= {(one.name, one.hour_ms): one for one in rows}
        self._hours = {key: one for key, one in self._hours.items() if one.hour_ms >= now_ms - COMPARED_MS}
        for one in rows:
            if one.name in WATCHED:
                self._judge(one)

    def _judge(self, now: HourMeasure) -> None:
        """An hour with too little in it changes nothing about what was told of the one before."""
        assert self._hours is not None
        watched = WATCHED[now.name]
        before = [
            Hour(one.total, one.count)
            for (name, hour_ms), one in self._hours.items()
            if name == now.name and hour_ms != now.hour_ms
        ]
        found = unusual(watched, Hour(now.total, now.count), before)
        if found is not None:
            before_now = self.standing.get(now.name)
            if before_now is None:
                log.warning("hour_unusual", measure=now.name, value=found.value, usual=found.usual, hours=found.hours)
            since_ms = self.clock.now_ms() if before_now is None else before_now.since_ms
            self.standing[now.name] = Standing(found, since_ms)
            self.alert(unlike_before(now.name, watched, found))
        elif now.name in self.standing and now.count >= watched.least:
            del self.standing[now.name]
            self.alert(like_before(now.name, watched))

    async def _report(self) -> None:
        now_ms = self.clock.now_ms()
        day, today = spans_until(now_ms, SpanUnit.DAY, 2, "UTC")
        if not SETTLES_MS <= now_ms - today.start_ms <= TOLD_WITHIN_MS:
            return
        week, this_week = spans_until(now_ms, SpanUnit.WEEK, 2, "UTC")
        spans = [(SpanUnit.DAY, day)] + ([(SpanUnit.WEEK, week)] if this_week.start_ms == today.start_ms else [])
        for unit, span in spans:
            await self._tell(unit, span)

    async def _tell(self, unit: SpanUnit, span: Span) -> None:
        """Once for each span, whatever starts again meanwhile: the row that says so is written first."""
        assert self._hours is not None
        told = HourMeasure(f"told {unit.value}", span.end_ms, 1, 1)
        if (told.name, told.hour_ms) in self._hours:
            return
        since, later = await self.store.overview(span.start_ms), await self.store.overview(span.end_ms)
        await self.store.keep_measures([told], self.clock.now_ms() - KEPT_MS)
        self._hours[told.name, told.hour_ms] = told
        modes = [without(end, begin) for end, begin in zip(later.modes, since.modes, strict=True)]
        self.alert(span_report(unit, span, modes, since.users))
