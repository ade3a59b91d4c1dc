"""Tells each user what a day and a week of his came to, once it is over where he lives, and writes down what the day earned.

The messages go through the outbox. Their ids follow from user, mode and span, so that each is told once, whatever starts
again meanwhile. Points and shares of gains have a row for each cause, which is written now or when somebody looks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock, Span, SpanUnit, spans_until
from bot.errors import Unavailable
from bot.execution.reports import Report
from bot.ports import OutboxMessage, Store, User
from bot.trading.intent import Mode

log = structlog.get_logger()

LOOK_S = 60.0
TOLD_WITHIN_MS = 6 * 3_600_000  # after its end; a bot that comes back later leaves it to /profit
SETTLES_MS = 120_000  # after its end: what landed in its last moments is booked by then


@dataclass(slots=True)
class DailyReport:
    """A span without a trade is not told of. `_told` is the first day of the span that each user has heard of."""

    store: Store
    clock: Clock
    _told: dict[str, str] = field(default_factory=dict)

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        while True:
            try:
                await self._look()
            except Unavailable as error:
                log.info("reports_wait", reason=str(error))
            await trio.sleep(LOOK_S)

    async def _look(self) -> None:
        users = {user.id: user for user in await self.store.users() if not user.has_left}
        settings = await self.store.many_settings(list(users))
        modes: dict[str, list[Mode]] = {}
        for wallet in await self.store.wallets():
            modes[wallet.user_id] = list(dict.fromkeys([*modes.get(wallet.user_id, []), wallet.mode]))
        now_ms = self.clock.now_ms()
        for user in users.values():
            zone = settings[user.id].timezone
            over, today = spans_until(now_ms, SpanUnit.DAY, 2, zone)
            since_ms = now_ms - today.start_ms
            if self._told.get(user.id) == over.first_day or not SETTLES_MS <= since_ms <= TOLD_WITHIN_MS:
                continue
            spans = [(SpanUnit.DAY, over)]
            last_week, week = spans_until(now_ms, SpanUnit.WEEK, 2, zone)
            if week.first_day == today.first_day:
                spans.append((SpanUnit.WEEK, last_week))
            messages = await self._messages(user, modes.get(user.id, []), spans, zone)
            if messages:
                await self.store.post_all(messages)
                log.info("reports_posted", user=user.id, count=len(messages))
            await self.store.award_due(user.id, now_ms)
            await self.store.book_shares(user.id, now_ms)
            self._told[user.id] = over.first_day

    async def _messages(
        self, user: User, modes: list[Mode], spans: list[tuple[SpanUnit, Span]], zone: str
    ) -> list[OutboxMessage]:
        messages = []
        for mode in modes:
            for unit, span in spans:
                [sums] = await self.store.period_sums(user.id, mode, [span.start_ms, span.end_ms])
                if not sums.is_empty:
                    messages.append(Report(user.id, mode, unit, span, zone, sums).message(self.clock.now_ms()))
        return messages
