"""Keeps the books' backups while the bot trades: round after round of each kind, and a word to operators where one fails.

A round that fails is tried again at its next time: nothing here is worth a restart, and nothing of it holds up trading.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.errors import BotError
from bot.execution.alerts import Alert
from bot.execution.backup_alerts import Trouble, begins, is_over

log = structlog.get_logger()

LOOK_EVERY_S = 15.0
FAILED_AFTER = 3  # rounds of a kind in a row before operators hear of it


@dataclass(frozen=True, slots=True)
class Round:
    """Something that is done every `every_s`; what goes wrong with it is told under `key`. `do` raises BotError."""

    key: str
    every_s: float
    do: Callable[[], Awaitable[None]]


@dataclass(slots=True)
class BackupKeeper:
    """`look` says what is wrong now by its key, whatever the rounds have found."""

    rounds: Sequence[Round]
    look: Callable[[], Mapping[str, Trouble]]
    alert: Callable[[Alert], None]
    _failing: dict[Round, str] = field(default_factory=dict)
    _told: dict[str, Trouble] = field(default_factory=dict)

    async def run(self, ctx: Context) -> None:
        """The actor."""
        ctx.ready()
        async with trio.open_nursery() as nursery:
            for one in self.rounds:
                nursery.start_soon(self._repeat, one)
            while True:
                self._tell()
                await trio.sleep(LOOK_EVERY_S)

    async def _repeat(self, one: Round) -> None:
        failed = 0
        while True:
            try:
                await one.do()
            except BotError as error:
                failed += 1
                log.warning("backup_round_failed", key=one.key, why=str(error), in_a_row=failed)
                if failed >= FAILED_AFTER:
                    self._failing[one] = str(error)
            else:
                failed = 0
                self._failing.pop(one, None)
            await trio.sleep(one.every_s)

    def _tell(self) -> None:
        """One alert for each trouble as it begins, as it becomes urgent, and as it is over."""
        now = {one.key: Trouble(why) for one, why in self._failing.items()} | dict(self.look())
        for key, trouble in now.items():
            before = self._told.get(key)
            if before is None or (trouble.urgent and not before.urgent):
                self.alert(begins(key, trouble))
        for key in self._told.keys() - now.keys():
            self.alert(is_over(key))
        self._told = now
