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
        "community",
        "MINT",
        "what users of this bot think of a token: the mean by weight, what they warn of, and their comments",
        PEOPLE,
        "what users think of a token",
        ("/community MINT",),
    ),
    Command(
        "rate_token",
        "MINT 1-10|remove [!scam|!rug|!honeypot|!copycat] [COMMENT]",
        "say what you think of a token, with a warning and a comment if you like; one rating for each token, which you may"
        " change. It weighs by how long and how much you trade live, and by what you paid for the token",
        PEOPLE,
        "rate a token",
        ("/rate_token MINT 8", "/rate_token MINT 1 !rug the creator sold at once", "/rate_token MINT remove"),
    ),
    Command(
        "rewards",
        "",
        "the points that you have earned by trading live and by rating what you bought; they are no money",
        PEOPLE,
        "your points, which are no money",
        ("/rewards",),
    ),
    Command(
        "moderate",
        "[traders|trader HANDLE delist WHY|trader HANDLE restore|rating NUMBER hide WHY|rating NUMBER restore]",
        "alone, the latest that users said of tokens; traders, how many there are and how their followers stay; else take"
        " somebody off the leaderboard or hide a rating, with a reason, or the other way round; audited",
        PEOPLE,
        "ratings and traders to hide",
        (
            "/moderate",
            "/moderate traders",
            "/moderate trader ada delist trades against his followers",
            "/moderate trader ada restore",
            "/moderate rating 12 hide an insult",
            "/moderate rating 12 restore",
        ),
        role=Role.ADMIN,
    ),
)
