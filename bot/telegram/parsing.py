"""From a line of chat text to a command of the table and its arguments."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from bot.commands import BY_NAME, Command

MAX_TEXT = 512  # characters of a command; longer text is refused before it is looked at


class UsageError(Exception):
    """The text is no usable command; the message says how to write it."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command and its words."""

    command: Command
    arguments: tuple[str, ...]


def parse(text: str) -> Parsed:
    """The command in a text; `/name@bot` is accepted as Telegram sends it in groups. Raises UsageError."""
    if len(text) > MAX_TEXT:
        raise UsageError(f"that text is longer than {MAX_TEXT} characters; see /help")
    words = text.split()
    if not words or not words[0].startswith("/"):
        raise UsageError("commands begin with a slash; see /help")
    name = words[0][1:].partition("@")[0].lower()
    command = BY_NAME.get(name)
    if command is None:
        close = difflib.get_close_matches(name, BY_NAME, n=1)
        raise UsageError("there is no such command; " + (f"did you mean /{close[0]}?" if close else "see /help"))
    return Parsed(command, tuple(words[1:]))


def wrong_usage(command: Command) -> UsageError:
    """The error for arguments that do not fit."""
    return UsageError(f"usage: {command.usage} ({command.help})")
