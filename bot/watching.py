"""Those who watch the bot from outside, put together: systemd, the probes on loopback, the sign of life, the webhook."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import trio

from actors.control_socket import ControlSocket
from actors.heartbeat import Beats, Heartbeat
from actors.resource_watch import BY, ResourceWatch
from actors.runtime import LoopWatchdog, Start
from actors.status_keeper import Kept, StatusKeeper
from actors.systemd_notifier import SystemdNotifier
from bot import liveness
from bot.adapters import absent
from bot.alarm import Alarm
from bot.api_keys import HEARTBEAT, WEBHOOK, ApiKeys
from bot.backups.rounds import rounds_of
from bot.chain.key_file import Key
from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.alert_channels import Level, QuietHours, ToldAlert
from bot.metrics import MetricsBook
from bot.panels import Panels
from bot.ports import ChatApi
from bot.resources import looked, memory_max
from bot.settings import Alerts
from bot.shutdown import OrderlyStop
from bot.start import Options
from bot.status import StatusBoard
from bot.trading.trading_state import RESOURCES, Binds
from bot.tree import TradingBot
from bot.web.outgoing import Receiver, open_receivers
from bot.web.probe_door import Probes, open_probe_door

# A position is judged with each price, and at the latest with each poll; nobody's turn takes a minute.
UNJUDGED_MS = 60_000
NEEDED = ("database", "rpc")


@dataclass(frozen=True, slots=True)
class Outside:
    """Who is told over the network, as far as the settings name an address: alerts, and signs of life."""

    hook: Callable[[ToldAlert], Awaitable[None]] | None = None
    live: Callable[[], Awaitable[None]] | None = None

    def alarm(self, say: Callable[[str], None], chat: ChatApi | None, chat_id: int | None, chosen: Alerts) -> Alarm:
        """Where alerts go, by the settings."""
        quiet = None
        if chosen.quiet_from is not None and chosen.quiet_until is not None:
            quiet = QuietHours(chosen.quiet_from, chosen.quiet_until, chosen.time_zone)
        return Alarm(say, chat, chat_id, self.hook, Level[chosen.webhook_level.upper()], quiet)


@asynccontextmanager
async def open_outside(keys: ApiKeys, clock: Clock) -> AsyncIterator[Outside]:
    """Connections to the receivers that the settings name; none are made without one."""
    addresses: list[Key | None] = [keys.of_service(WEBHOOK), keys.of_service(HEARTBEAT)]
    if not any(addresses):
        yield Outside()
        return
    async with AsyncExitStack() as opened:
        client = await opened.enter_async_context(open_receivers())
        hook, heart = (
            None if address is None else Receiver(client, name, address, clock.now_ms)
            for name, address in zip(("the webhook", "the heartbeat"), addresses, strict=True)
        )
        yield Outside(None if hook is None else hook.tell, None if heart is None else heart.live)


def unwatched(bot: TradingBot) -> list[str]:
    """Why open positions may not be watched now, a sentence for each reason; nothing while they are."""
    if bot.root is None:
        return ["the bot is still starting"]
    wrong = []
    if bot.guard.halt is None:
        try:
            bot.supervisor("money", "position_monitors")
        except Unavailable as error:
            wrong.append(str(error))
        if not bot.reconciler.reconciled:
            wrong.append("the books are not compared with the chain yet")
    if bot.reconciler.check.is_short:
        wrong.append("open positions have no monitor, or no price")
    now_ms = bot.adapters.clock.now_ms()
    oldest_ms = max((now_ms - look.checked_at_ms for look in bot.looks.values()), default=0)
    if oldest_ms > UNJUDGED_MS:
        wrong.append(f"a position was not judged for {oldest_ms // 1000} s")
    return wrong


def not_ready(bot: TradingBot) -> list[str]:
    """What /readyz complains of: database, a route to the chain, or positions that are not watched (D-22)."""
    away = [name for name in NEEDED if not bot.health[name].healthy]
    return [*(f"{name}: {bot.health[name].detail}" for name in away), *unwatched(bot)]


class Watchers:
    """The actors of the process round the tree, as its options want them. `stop` has the line of an orderly stop."""

    def __init__(
        self,
        bot: TradingBot,
        board: StatusBoard,
        panels: Panels,
        loop: LoopWatchdog,
        *,
        options: Options,
        outside: Outside,
        stop: OrderlyStop,
    ) -> None:
        self._bot, self._loop, self._chosen, self._outside = bot, loop, options.settings, outside
        self._manager, self._stop = options.manager, stop
        self._beats, self._backups = Beats(), rounds_of(options, bot.adapters.clock)
        self._panels, self._board = panels, board
        self._metrics = MetricsBook(
            bot,
            board,
            stalls=lambda: loop.statistics().stalls,
            process=panels.process,
            ready=partial(not_ready, bot),
            beats=self._beats,
        )

    def starts(self, lease: Start) -> dict[str, Start]:
        """Who they are by name; `lease` keeps the lease on the database."""
        has_door = self._chosen.web.port is not None
        questions: list[Kept[Any]] = [self._board.facts, self._panels.details]
        if has_door:
            questions.append(self._metrics.sums)
        return {
            "systemd_notifier": self._notifier().run,
            "status_keeper": StatusKeeper(tuple(questions), self._panels.lag).run,
            "lease_keeper": lease,
            "probe_door": ControlSocket(self._serve).run if has_door else absent,
            "heartbeat": self._heartbeat().run,
            "backup_keeper": self._backups.keeper(self._bot.alerts.tell).run,
            "resource_watch": self._resources().run,
        }

    def _notifier(self) -> SystemdNotifier:
        manager = self._manager
        return SystemdNotifier(
            tell=None if manager is None else manager.tell,
            line=lambda: self._stop.line or liveness.status_line(self._bot),
            booted=lambda: liveness.has_booted(self._bot),
            hung=self._hung,
            stopping=self._stop.asked,
            watchdog_s=None if manager is None else manager.watchdog_s,
        )

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(
            self._outside.live,
            lambda: [*self._hung(), *unwatched(self._bot)],
            self._chosen.alerts.heartbeat_every_s,
            self._bot.alerts.tell,
            self._beats,
        )

    def _resources(self) -> ResourceWatch:
        bot, guard = self._bot, self._bot.guard
        most = memory_max(self._chosen.resources.memory_max_mb)
        return ResourceWatch(
            lambda: looked(bot, self._panels.process, most),
            lambda why: guard.pause(RESOURCES, by=BY, why=why, binds=Binds.AUTOMATED),
            lambda: guard.resume(RESOURCES),
        )

    def _hung(self) -> Sequence[str]:
        return liveness.hung(self._bot, self._loop)

    async def _alive(self) -> Sequence[str]:
        await trio.lowlevel.checkpoint()
        return self._hung()

    async def _ready(self) -> Sequence[str]:
        await trio.lowlevel.checkpoint()
        return not_ready(self._bot)

    async def _serve(self, ready: Callable[[], None]) -> None:
        assert self._chosen.web.port is not None
        async with open_probe_door(Probes(self._alive, self._ready, self._metrics.text), self._chosen.web.port):
            ready()
            await trio.sleep_forever()
