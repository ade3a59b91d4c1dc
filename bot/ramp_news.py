"""Who hears that a step of the live ramp is refused: a start says it on the console alone, where nobody looks under systemd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import structlog
import trio

from bot.clock import Clock, day_of
from bot.drills import records as drills
from bot.errors import StartupError
from bot.execution.alerts import Alert
from bot.execution.ramp_alerts import step_may_be_taken, step_refused
from bot.profiles import LIVE
from bot.ramp import LIVE_FILE, LiveFile

log = structlog.get_logger()

REMIND_EVERY = timedelta(days=7)
LOOK_EVERY_S = 3_600.0


@dataclass(slots=True)
class RampNews:
    """What operators are to be told of the step that is due in a data directory of profile live.

    A process tells it anew, because the start before it was refused the step.
    """

    directory: Path
    clock: Clock
    _told: date | None = None

    def look(self) -> Alert | None:
        """The alert of now: the step is refused, once a week; or it was, and may be taken. Raises StartupError."""
        today = date.fromisoformat(day_of(self.clock.now_ms()))
        due_bps = LiveFile(self.directory / LIVE_FILE).due(today)
        if due_bps is None:
            self._told = None
            return None
        lacking = drills.missing(self.directory, LIVE.name, today)
        if not lacking:
            was_refused, self._told = self._told is not None, None
            return step_may_be_taken(due_bps) if was_refused else None
        if self._told is not None and timedelta(0) <= today - self._told < REMIND_EVERY:
            return None
        self._told = today
        return step_refused(due_bps, lacking)


async def keep_telling(news: RampNews, alert: Callable[[Alert], None]) -> None:
    """Look at once and every hour, until cancelled: a bot that goes on running comes to its next week without a start."""
    while True:
        try:
            found = news.look()
        except StartupError as error:
            log.warning("ramp_not_known", reason=str(error))
        else:
            if found is not None:
                alert(found)
        await trio.sleep(LOOK_EVERY_S)
