"""The commands about other people: traders who show their results, and what users think of tokens. Pure data."""

from __future__ import annotations

from bot.commands.command import PEOPLE, Command
from bot.trading.roles import Role

PEOPLE_COMMANDS: tuple[Command, ...] = (
    Command(
        "leaderboard",
        "[live|paper]",
        "traders who show their results, by reputation: closed positions of the last 90 days net of fees, gains and"
        " losses; live unless you say paper",
        PEOPLE,
        "traders who show their results",
        ("/leaderboard", "/leaderboard paper"),
    ),
    Command(
        "trader",
        "[HANDLE|on HANDLE|off|share 10%] [live|paper]",
        "one who shows his results, with the parts of his reputation; on shows yours under a public handle, off ends"
        " that, share is your part of what followers gain, as a figure alone",
        PEOPLE,
        "a trader's page, or show your own",
        ("/trader", "/trader ada", "/trader on ada", "/trader share 10%", "/trader off"),
    ),
    Command(
        "moderate",
        "trader HANDLE delist WHY|restore",
        "take somebody off the leaderboard with a reason that his page shows, or let him back; audited",
        PEOPLE,
        "take off the leaderboard",
        ("/moderate trader ada delist trades against his followers", "/moderate trader ada restore"),
        role=Role.ADMIN,
    ),
)
