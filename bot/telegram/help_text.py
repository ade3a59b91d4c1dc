"""What /help says: a list of names by group that fits into one message, or all there is to say about one command."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from bot.commands import GROUPS, Command
from bot.telegram.parsing import UsageError


def help_list(commands: Sequence[Command]) -> str:
    """One line for each of these commands, below the name of its group."""
    lines = []
    for group in GROUPS:
        if named := [one for one in commands if one.group == group]:
            lines += [f"{group}:", *(f"/{one.name} - {one.brief}" for one in named), ""]
    return "\n".join([*lines, "/help NAME tells all about one of them."])


def help_of(word: str, commands: Sequence[Command]) -> str:
    """How a command is typed, what it does, and examples; raises UsageError with the nearest name for one that is not there."""
    name = word.removeprefix("/").lower()
    by_name = {known: one for one in commands for known in (one.name, *one.aliases)}
    command = by_name.get(name)
    if command is None:
        near = get_close_matches(name, by_name, n=1)
        raise UsageError("there is no such command; " + (f"did you mean /help {near[0]}?" if near else "see /help"))
    lines = [command.usage, f"{command.help[0].upper()}{command.help[1:]}."]
    if command.aliases:
        lines.append(f"It may be typed as {', '.join(f'/{one}' for one in command.aliases)} too.")
    if command.is_privileged:
        lines.append(f"It is for people with the role {command.role}.")
    return "\n".join([*lines, "For example:", *(f"  {one}" for one in command.examples)])
