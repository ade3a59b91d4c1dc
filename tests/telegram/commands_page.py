"""Writes docs/commands.md from the command table: `python -m tests.telegram.commands_page > docs/commands.md`."""

from __future__ import annotations

from bot.commands import COMMANDS, Command

HEAD = """# Chat commands

The same on Telegram and in `bot chat`. The table is `bot/commands/`, from which this page is written; `/help` lists it by group.

A command with credits asks the chain: they are about the requests that it costs, of which each user has
`rpc.user_credits_per_minute`. Whoever has used them is told when the command goes again.

| command | what it does |
|---|---|
"""


def _for_whom(command: Command) -> str:
    role = f" (from the role {command.role} on)" if command.is_privileged else ""
    return role + (f" ({command.credits} credits)" if command.credits else "")


def page() -> str:
    """The whole page."""
    rows = (f"| `{one.usage.replace('|', chr(92) + '|')}` | {one.help}{_for_whom(one)} |\n" for one in COMMANDS)
    return HEAD + "".join(rows)


if __name__ == "__main__":
    print(page(), end="")
