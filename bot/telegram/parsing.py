"""From a line of chat text to a command of the table and its arguments."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from bot.commands import BY_NAME, Command

MAX_TEXT = 512  # characters of a command; longer text is refused before it is looked at


_MINT = re.compile("[1-9A-HJ-NP-Za-km-z]{32,44}")


class UsageError(Exception):
    """The text is no usable command; the message says how to write it."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command and its words."""

    command: Command
    arguments: tuple[str, ...]


def parse(text: str) -> Parsed:
    """The command in a text; `/name@bot` is accepted as Telegram sends it in groups, and a mint alone asks for its /info.

    Raises UsageError.
    """
    if len(text) > MAX_TEXT:
        raise UsageError(f"that text is longer than {MAX_TEXT} characters; see /help")
    words = text.split()
    if len(words) == 1 and _MINT.fullmatch(words[0]):
        return Parsed(BY_NAME["info"], (words[0],))
    if not words or not words[0].startswith("/"):
        raise UsageError(
            "commands begin with a slash, and a token's address alone shows what is known of it; see /help"
        )
    name = words[0][1:].partition("@")[0].lower()
    command = BY_NAME.get(name)
    if command is None:
        close = difflib.get_close_matches(name, BY_NAME, n=1)
        raise UsageError("there is no such command; " + (f"did you mean /{close[0]}?" if close else "see /help"))
    return Parsed(command, tuple(words[1:]))


def wrong_usage(command: Command) -> UsageError:
    """The error for arguments that do not fit."""
    return UsageError(f"usage: {command.usage} ({command.help})")
