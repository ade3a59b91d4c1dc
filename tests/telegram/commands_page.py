"""Writes docs/commands.md from the command table: `python -m tests.telegram.commands_page > docs/commands.md`."""

from __future__ import annotations

from bot.commands import COMMANDS, Command

HEAD = """# Chat commands

The same on Telegram and in `bot chat`. The table is `bot/commands.py`, from which this page is written; `/help` prints it.

| command | what it does |
|---|---|
"""


def _for_whom(command: Command) -> str:
    return f" (from the role {command.role} on)" if command.is_privileged else ""


def page() -> str:
    """The whole page."""
    rows = (f"| `{one.usage.replace('|', chr(92) + '|')}` | {one.help}{_for_whom(one)} |\n" for one in COMMANDS)
    return HEAD + "".join(rows)


if __name__ == "__main__":
    print(page(), end="")
