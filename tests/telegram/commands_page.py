"""Writes docs/commands.md from the command table: `python -m tests.telegram.commands_page > docs/commands.md`."""

from __future__ import annotations

from bot.commands import COMMANDS

HEAD = """# Chat commands

The same on Telegram and in `bot chat`. The table is `bot/commands.py`, from which this page is written; `/help` prints it.

| command | what it does |
|---|---|
"""


def page() -> str:
    """The whole page."""
    rows = (f"| `{one.usage.replace('|', chr(92) + '|')}` | {one.help} |\n" for one in COMMANDS)
    return HEAD + "".join(rows)


if __name__ == "__main__":
    print(page(), end="")
