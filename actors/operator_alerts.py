"""Tells operators what changed: on the console at once, and by each channel that they have as soon as that answers.

What flaps is told once a minute for each thing that it is about, its newest state last; what begins and ends before it
was told is not told. Nothing here waits for the database, which may be what an alert is about.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock, rfc3339
from bot.errors import Unavailable
from bot.execution.alert_channels import AlertChannel, ToldAlert
from bot.execution.alerts import Alert, Turn

log = structlog.get_logger()

SETTLE_S = 2.0  # a pause of a moment, as at every start, is no news
MINUTE_S = 60.0
LEARN_REST_S = 0.5
MAX_KEYS = 1_000
USER = re.compile(r"\buser ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")


@dataclass(slots=True)
class _Waiting:
    """The newest alert of a key that has not been told, since when, and how many it took the place of."""

    alert: Alert
    at_ms: int
    since_s: float
    replaced: int = 0


@dataclass(slots=True)
class _Told:
    """When a key was last told, and whether what was told has begun and not ended."""

    at_s: float
    stands: bool


@dataclass(slots=True)
class OperatorAlerts:
    """`say` shows a line where the bot was started; `channels` bring alerts to whoever does not sit there.

    `handles` asks for the handle of each user by his id, and raises Unavailable; no alert waits for it.
    """

    say: Callable[[str], None]
    channels: Sequence[AlertChannel]
    clock: Clock
    handles: Callable[[], Awaitable[Mapping[str, str]]]
    _known: Mapping[str, str] = field(default_factory=dict)
    _stranger: trio.Event = field(default_factory=trio.Event)
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _told: dict[str, _Told] = field(default_factory=dict)
    _news: trio.Event = field(default_factory=trio.Event)

    def tell(self, alert: Alert) -> None:
        """Take an alert; it is told when its key's turn has come."""
        if any(user_id not in self._known for user_id in USER.findall(alert.text)):
            self._stranger.set()
        waiting = self._waiting.pop(alert.key, None)
        told = self._told.get(alert.key)
        stands = told is not None and told.stands
        if (alert.turn is Turn.BEGINS and stands) or (alert.turn is Turn.ENDS and not stands):
            return
        if waiting is None and len(self._waiting) >= MAX_KEYS:
            log.error("operator_alert_dropped", about=alert.key, text=alert.text)
            return
        replaced = 0 if waiting is None else waiting.replaced + 1
        since_s = trio.current_time() if waiting is None else waiting.since_s
        self._waiting[alert.key] = _Waiting(alert, self.clock.now_ms(), since_s, replaced)
        self._news.set()

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        async with trio.open_nursery() as loops:
            for channel in self.channels:
                loops.start_soon(channel.keep_sending)
            loops.start_soon(self._learn)
            while True:
                news = self._news = trio.Event()
                self._tell_what_is_due()
                with trio.move_on_at(self._next_due_s()):
                    await news.wait()

    def _due_s(self, key: str) -> float:
        waiting = self._waiting[key]
        settled_s = waiting.since_s + (0.0 if waiting.alert.urgent else SETTLE_S)
        told = self._told.get(key)
        if told is None or (waiting.alert.urgent and waiting.alert.turn is not Turn.HAPPENED):
            return settled_s
        return max(settled_s, told.at_s + MINUTE_S)

    def _next_due_s(self) -> float:
        return min((self._due_s(key) for key in self._waiting), default=trio.current_time() + MINUTE_S)

    def _tell_what_is_due(self) -> None:
        now_s = trio.current_time()
        for key in [key for key in self._waiting if self._due_s(key) <= now_s]:
            waiting = self._waiting.pop(key)
            self._told[key] = _Told(now_s, stands=waiting.alert.turn is Turn.BEGINS)
            self._say(waiting)
        for key in [key for key, told in self._told.items() if not told.stands and told.at_s + MINUTE_S <= now_s]:
            del self._told[key]

    def _say(self, waiting: _Waiting) -> None:
        alert = waiting.alert
        more = f" ({waiting.replaced} more like it before this one.)" if waiting.replaced else ""
        text = f"{rfc3339(waiting.at_ms)} {self._named(alert.text)}{more} See {alert.page}."
        log.warning("operator_alert", about=alert.key, text=alert.text, page=alert.page, more=waiting.replaced)
        self.say(f"operator: {text}")
        for channel in self.channels:
            channel.take(ToldAlert(alert, text, waiting.at_ms))

    def _named(self, text: str) -> str:
        """The text for people: users by their handles, whom it and the log know by their ids."""
        return USER.sub(lambda found: f"user {self._known.get(found[1], found[1])}", text)

    async def _learn(self) -> None:
        """Know everybody's handle from the start, and ask again when an alert names somebody who is not known."""
        while True:
            self._stranger = trio.Event()
            try:
                self._known = await self.handles()
            except Unavailable as error:
                log.info("handles_not_read", reason=str(error))
            else:
                await self._stranger.wait()
            await trio.sleep(LEARN_REST_S)
