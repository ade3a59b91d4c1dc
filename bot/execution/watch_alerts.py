"""What an operator must hear of those who watch the bot from outside: they no longer hear of it."""

from __future__ import annotations

from bot.execution.alerts import Alert, Turn
from bot.trading.runbooks import WATCHING

HEARTBEAT = "heartbeat"


def heartbeat_lost(why: str) -> Alert:
    """Several signs of life in a row did not arrive."""
    text = (
        f"The sign of life does not arrive at whoever watches from outside ({why}), who will ring although the bot lives."
        " Trading is not touched."
    )
    return Alert(HEARTBEAT, text, WATCHING, Turn.BEGINS)


def heartbeat_back() -> Alert:
    """One arrived again."""
    return Alert(HEARTBEAT, "The sign of life arrives again.", WATCHING, Turn.ENDS)
