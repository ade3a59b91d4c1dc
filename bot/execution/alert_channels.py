"""Ways to reach operators beside the console: each keeps its own queue, so that one that is away holds up no other.

A channel takes alerts from a level on. In quiet hours it keeps what is not critical until they are over; what begins and
ends meanwhile is told by nobody's phone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import time as time_of_day
from enum import IntEnum

import structlog
import trio

from bot.clock import Clock, second_of
from bot.errors import ChatUnavailable, Unavailable, Undeliverable
from bot.execution.alerts import Alert, Turn

log = structlog.get_logger()

SEND_REST_S = 2.0
ASKED_MOST_S = 60.0  # a receiver that wants to be left alone for a day would keep a halt to itself
MAX_WAITING = 100  # alerts for a channel that does not answer; the oldest go first, and critical ones last
DAY_S = 86_400


class Level(IntEnum):
    """How much an alert matters to whoever may be asleep."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3


def level_of(alert: Alert) -> Level:
    """What is urgent is critical; the end of something is good to know; the rest wants to be looked at."""
    if alert.urgent:
        return Level.CRITICAL
    return Level.INFO if alert.turn is Turn.ENDS or alert.is_news else Level.WARNING


@dataclass(frozen=True, slots=True)
class ToldAlert:
    """An alert as it was told: its whole text for people, with time and page, and when that was."""

    alert: Alert
    text: str
    at_ms: int

    @property
    def level(self) -> Level:
        """How much it matters."""
        return level_of(self.alert)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From when until when it is night, in a time zone; a night may go over midnight."""

    since: time_of_day
    until: time_of_day
    zone: str = "UTC"

    def left_s(self, now_ms: int) -> float:
        """For how many seconds the night still lasts, 0 by day. A change of the clocks may move its end by that hour."""
        hours, minutes, seconds = (int(part) for part in second_of(now_ms, self.zone).split(":"))
        now_s, since_s, until_s = hours * 3600 + minutes * 60 + seconds, _second(self.since), _second(self.until)
        is_night = since_s <= now_s < until_s if since_s < until_s else now_s >= since_s or now_s < until_s
        return float((until_s - now_s) % DAY_S) if is_night else 0.0


def _second(moment: time_of_day) -> int:
    return moment.hour * 3600 + moment.minute * 60


@dataclass(slots=True)
class AlertChannel:
    """`send` brings one alert to its readers: it raises Unavailable for not now, and Undeliverable for never.

    `least` is the level from which on alerts are sent; the end of what was sent is sent as well.
    """

    name: str
    send: Callable[[ToldAlert], Awaitable[None]]
    clock: Clock
    least: Level = Level.INFO
    quiet: QuietHours | None = None
    _unsent: deque[ToldAlert] = field(default_factory=deque)
    _begun: set[str] = field(default_factory=set)
    _news: trio.Event = field(default_factory=trio.Event)

    def take(self, told: ToldAlert) -> None:
        """Have an alert sent when its turn has come."""
        alert = told.alert
        ends_what_was_sent = alert.turn is Turn.ENDS and alert.key in self._begun
        if told.level < self.least and not ends_what_was_sent:
            return
        if alert.turn is Turn.BEGINS:
            self._begun.add(alert.key)
        elif alert.turn is Turn.ENDS:
            self._begun.discard(alert.key)
        if alert.turn is Turn.ENDS and self._left_s() > 0 and self._take_back(alert.key):
            return
        if len(self._unsent) >= MAX_WAITING:
            lesser = (one for one in self._unsent if one.level is not Level.CRITICAL)
            dropped = next(lesser, self._unsent[0])
            self._unsent.remove(dropped)
            log.error("operator_alert_not_sent", channel=self.name, about=dropped.alert.key, reason="too many wait")
        self._unsent.append(told)
        self._news.set()

    def _take_back(self, key: str) -> bool:
        """Forget the beginning of something that nobody has heard of yet; whether there was one."""
        kept = [one for one in self._unsent if one.alert.key != key or one.alert.turn is not Turn.BEGINS]
        found = len(kept) < len(self._unsent)
        self._unsent = deque(kept)
        return found

    def _left_s(self) -> float:
        return 0.0 if self.quiet is None else self.quiet.left_s(self.clock.now_ms())

    async def keep_sending(self) -> None:
        """In order; one that did not arrive is sent again before the next. By night critical ones go first, and alone."""
        while True:
            news = self._news = trio.Event()
            quiet_s = self._left_s()
            told = next((one for one in self._unsent if quiet_s == 0 or one.level is Level.CRITICAL), None)
            if told is not None:
                await self._send(told)
                continue
            with trio.move_on_after(quiet_s or float("inf")):
                await news.wait()

    async def _send(self, told: ToldAlert) -> None:
        try:
            await self.send(told)
        except Unavailable as error:
            asked_s = error.retry_after_s if isinstance(error, ChatUnavailable) else None
            await trio.sleep(min(asked_s or SEND_REST_S, ASKED_MOST_S))
            return
        except Undeliverable as error:
            log.error("operator_not_reached", channel=self.name, reason=str(error))
        if told in self._unsent:
            self._unsent.remove(told)
