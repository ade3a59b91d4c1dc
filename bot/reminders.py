"""What operators are reminded of while the bot runs, although nothing is wrong: an old master key, drills that are missing."""

from __future__ import annotations

from collections.abc import Callable

import trio

from bot.execution.alerts import Alert
from bot.key_age import KeyAge, keep_reminding
from bot.ports import Vault
from bot.profiles import LIVE
from bot.ramp_news import RampNews, keep_telling
from bot.start import Options


async def keep_reminders(options: Options, age: KeyAge, vault: Vault, alert: Callable[[Alert], None]) -> None:
    """Remind until cancelled; the ramp is profile live's."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_reminding, age, vault, alert)
        if options.profile == LIVE.name:
            nursery.start_soon(keep_telling, RampNews(options.directory, age.clock), alert)
