"""What every verb of an operator shares: how it refuses, and the reason that was typed with it."""

from __future__ import annotations

from collections.abc import Mapping

from bot.errors import BotError
from bot.execution.ordered_causes import OPERATOR

WHY_LENGTH = 200
BROWSER = "browser"


class CannotError(BotError):
    """The verb does not fit the present state; the text says in one line why and what fits."""


def who(request: Mapping[str, object]) -> str:
    """Who asks, as the control socket says it; whoever asks without one is an operator all the same.

    What he did on the dashboard's page says so, because whoever has its token acts there as the one who serves it.
    """
    by = str(request.get("by") or OPERATOR)
    return f"{by} in the browser" if request.get("through") == BROWSER else by


def typed_reason(request: Mapping[str, object], default: str) -> str:
    """A typed reason in one line of bounded length, without anything that steers a terminal."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(request.get("why") or default))
    return " ".join(text.split())[:WHY_LENGTH] or default
