"""How the program itself fares: `/logs` for operators and `/metrics` for admins. Nothing here tells one user's affairs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.clock import Clock, day_of, day_start_ms
from bot.commands import Command
from bot.errors import StoreUnavailable
from bot.ports import ModeSums, Store
from bot.telegram.chat import Handler, Incoming
from bot.telegram.operations_text import Record, log_text, metrics_text
from bot.telegram.parsing import wrong_usage

ERRORS_ONLY = "errors"


@dataclass(frozen=True, slots=True)
class OperationsHandlers:
    """`troubles` are the latest events of the log from level warning on, oldest first; `status` is the record of `bot status`."""

    store: Store
    clock: Clock
    troubles: Callable[[], Sequence[Record]]
    status: Callable[[], Awaitable[Record]]

    def commands(self) -> dict[str, Handler]:
        """Its handlers by the names of their commands."""
        return {"logs": self.logs, "metrics": self.metrics}

    async def logs(self, _: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments not in {(), (ERRORS_ONLY,)}:
            raise wrong_usage(command)
        return log_text(self.troubles(), errors_only=bool(arguments))

    async def metrics(self, _: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        return metrics_text(await self.status(), await self._modes())

    async def _modes(self) -> Sequence[ModeSums] | None:
        """What everybody did today; None while the database is away, which is no reason to tell nothing else."""
        try:
            return (await self.store.overview(day_start_ms(day_of(self.clock.now_ms())))).modes
        except StoreUnavailable:
            return None
