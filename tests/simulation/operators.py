"""What goes wrong inside a bot, and what an operator starts again there."""

from __future__ import annotations

import trio

from bot.supervision.verbs import SupervisionVerbs
from bot.tree import TradingBot
from tests.simulation.events import Event


async def kills(bot: TradingBot, event: Event) -> None:
    """Crash one actor; where the path ends in no name, whichever child is there."""
    *path, child_id = event.path
    supervisor = bot.supervisor(*path)
    running = sorted(child.id for child in supervisor.which_children() if child.state == "running")
    if child_id:
        running = [running_id for running_id in running if running_id == child_id]
    if running:
        supervisor.kill(running[event.amount % len(running)])
    await trio.lowlevel.checkpoint()


async def restarts(bot: TradingBot, path: str) -> None:
    """An operator starts a part of the bot again; one that is not there is refused."""
    await SupervisionVerbs(bot, lambda: None).restart(path, "a drill", "operator", confirmed=True)
