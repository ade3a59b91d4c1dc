"""Tells somebody outside that the bot lives and watches its positions, and says nothing while that is not so.

Whoever is told rings when he hears nothing: that is the only alarm that also works when the machine is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
import trio

from actors.runtime import Context, Ignore, IgnoreType
from bot.errors import Unavailable, Undeliverable
from bot.execution.alerts import Alert
from bot.execution.watch_alerts import heartbeat_back, heartbeat_lost

log = structlog.get_logger()

LOST_AFTER = 3  # beats in a row that did not arrive before operators hear of it


@dataclass(slots=True)
class Beats:
    """How many signs of life arrived, were withheld because something is red, or did not arrive."""

    sent: int = 0
    withheld: int = 0
    failed: int = 0


@dataclass(slots=True)
class Heartbeat:
    """`send` gives one sign of life, None where nobody is told; it raises Unavailable or Undeliverable.

    `red` names what is wrong with the bot, nothing while it lives and its monitors do.
    """

    send: Callable[[], Awaitable[None]] | None
    red: Callable[[], Sequence[str]]
    every_s: float
    alert: Callable[[Alert], None]
    beats: Beats
    _red: tuple[str, ...] = ()
    _failed: int = 0

    async def run(self, ctx: Context) -> IgnoreType:
        """The actor."""
        if self.send is None:
            await trio.lowlevel.checkpoint()
            return Ignore
        ctx.ready()
        while True:
            if self._is_green():
                await self._beat(self.send)
            else:
                self.beats.withheld += 1
            await trio.sleep(self.every_s)

    def _is_green(self) -> bool:
        red = tuple(self.red())
        if red and red != self._red:
            log.warning("heartbeat_withheld", why=red)
        elif self._red and not red:
            log.warning("heartbeat_goes_on", was=self._red)
        self._red = red
        return not red

    async def _beat(self, send: Callable[[], Awaitable[None]]) -> None:
        try:
            await send()
        except (Unavailable, Undeliverable) as error:
            self.beats.failed += 1
            self._failed += 1
            log.warning("heartbeat_not_sent", reason=str(error), in_a_row=self._failed)
            if self._failed == LOST_AFTER:
                self.alert(heartbeat_lost(str(error)))
            return
        if self._failed >= LOST_AFTER:
            self.alert(heartbeat_back())
        self.beats.sent += 1
        self._failed = 0
