"""Speaks to systemd for the bot: when it is ready, how it is, that it is alive, and that it is stopping.

The protocol's fields are those of sd_notify(3). What is told comes through plain callables, so that the actor knows
neither the tree nor the socket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import structlog
import trio

from actors.runtime import Context, Ignore, IgnoreType

log = structlog.get_logger()

TICK_S = 1.0  # how often the status line is looked at
STOP_TICK_S = 0.25  # the same while stopping, when phases are short
PETS_PER_DEADLINE = 3
BOOT_PATIENCE_S = 20.0  # how long the unit waits for the first comparison of the books with the chain
EXTEND_S = 15.0  # how much more time is asked for at once, while booting and while stopping
_USEC_PER_S = 1_000_000


def extend_timeout(seconds: float) -> str:
    """The field that asks systemd for that much time from now, for the start or stop that is going on."""
    return f"EXTEND_TIMEOUT_USEC={int(seconds * _USEC_PER_S)}"


@dataclass(slots=True)
class SystemdNotifier:
    """Tells systemd what its callables say, once a second.

    `tell` sends fields in one datagram and raises OSError when that fails; it is None where nobody listens, and then the
    actor is not in the tree. `line` is the status line; `booted` says
    whether there is nothing left that the boot should wait for; `hung` names what has stopped making progress, nothing
    while all is green. `stopping` is set when the orderly stop begins. `watchdog_s` is systemd's deadline for a sign of
    life, None where it wants none.

    The unit is ready when the tree runs and the boot is over, or when the boot waits for something outside (no RPC, no
    database) or has taken `BOOT_PATIENCE_S`: the status line says which. Systemd kills a unit that does not become
    ready, and a kill mends no outage: it would take away exits, status and the chat, which work or wait in order.
    """

    tell: Callable[..., None] | None
    line: Callable[[], str]
    booted: Callable[[], bool]
    hung: Callable[[], Sequence[str]]
    stopping: trio.Event
    watchdog_s: float | None
    _told: str = ""
    _deaf: bool = False
    _red: tuple[str, ...] = ()

    async def run(self, ctx: Context) -> IgnoreType:
        """The actor. A new incarnation says again that the unit is ready, which systemd takes as nothing new."""
        if self.tell is None:
            await trio.lowlevel.checkpoint()
            return Ignore
        ctx.ready()
        self._told = ""
        await self._boot()
        while not (self.stopping.is_set() or self._send("READY=1", self._status())):
            await self._rest(STOP_TICK_S)
        log.info("systemd_told_ready", line=self._told, watchdog_s=self.watchdog_s)
        await self._live()
        self._send("STOPPING=1", self._status(), extend_timeout(EXTEND_S))
        while True:
            await trio.sleep(STOP_TICK_S)
            self._send_news(extend_timeout(EXTEND_S))

    async def _boot(self) -> None:
        """Wait until the unit may be called ready, and ask for more time meanwhile."""
        give_up_at_s = trio.current_time() + BOOT_PATIENCE_S
        while not (self.booted() or self.stopping.is_set() or trio.current_time() >= give_up_at_s):
            self._send_news(extend_timeout(EXTEND_S))
            await self._rest(STOP_TICK_S)

    async def _live(self) -> None:
        """Signs of life and status lines until the stop begins."""
        interval_s = inf if self.watchdog_s is None else self.watchdog_s / PETS_PER_DEADLINE
        pet_at_s = inf if self.watchdog_s is None else trio.current_time()
        while not self.stopping.is_set():
            self._send_news()
            if trio.current_time() >= pet_at_s and self._is_green() and self._send("WATCHDOG=1"):
                pet_at_s = trio.current_time() + interval_s
            await self._rest(min(TICK_S, interval_s))

    async def _rest(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await self.stopping.wait()

    def _is_green(self) -> bool:
        """Whether everything makes progress; a change is logged, because the next thing that happens may be a kill."""
        red = tuple(self.hung())
        if red and red != self._red:
            log.error("watchdog_not_petted", hung=red, deadline_s=self.watchdog_s)
        elif self._red and not red:
            log.warning("watchdog_petted_again", was=self._red)
        self._red = red
        return not red

    def _status(self) -> str:
        self._told = self.line()
        return f"STATUS={self._told}"

    def _send_news(self, *fields: str) -> None:
        """Send the status line when it has changed, with these fields; the fields alone otherwise."""
        line = self.line()
        news = (f"STATUS={line}",) if line != self._told else ()
        if (*news, *fields) and self._send(*news, *fields):
            self._told = line

    def _send(self, *fields: str) -> bool:
        """One datagram. That systemd does not listen is said once; what it missed is repeated by the next tick."""
        assert self.tell is not None
        try:
            self.tell(*fields)
        except OSError as error:
            if not self._deaf:
                log.warning("systemd_not_told", fields=fields, reason=str(error))
            self._deaf = True
            return False
        self._deaf = False
        return True
