"""What an operator does from the page: each action with what it does, and the request that the control socket takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bot import control
from bot.errors import BotError

THROUGH = "browser"


@dataclass(frozen=True, slots=True)
class Action:
    """`typed` is a word that has to be typed, None where a button is enough."""

    verb: str
    label: str
    does: str
    mood: str = ""
    takes_why: bool = False
    typed: str | None = None


ACTIONS = {
    one.verb: one
    for one in (
        Action(
            "pause",
            "Pause entries",
            "Nothing is bought for anybody until an operator resumes. Exits and monitors go on.",
            takes_why=True,
        ),
        Action("resume", "Resume", "Ends the operator's own pause and the flattening of users. Other causes stay."),
        Action(
            "flatten",
            "Flatten everything",
            "Halts the bot and sells EVERY position of EVERY user. Nothing is bought until an operator rearms it.",
            mood="danger",
            takes_why=True,
            typed="flatten",
        ),
        Action("rearm", "Rearm", "Ends the halt, once everything is flat."),
    )
}


def carry_out(socket_path: Path, action: Action, why: str) -> tuple[bool, str]:
    """Whether it was done, and what the bot said. It audits who asked, and that it was in the browser."""
    request: control.Answer = {"verb": action.verb, "through": THROUGH}
    if action.takes_why and why:
        request["why"] = why
    try:
        return True, str(control.ask(socket_path, request)["text"])
    except (BotError, OSError, ValueError, LookupError) as error:
        return False, f"{error}"
