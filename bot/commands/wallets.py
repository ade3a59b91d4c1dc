"""The commands about other people's wallets."""

from __future__ import annotations

from bot.commands.command import SNIPER, Command

WALLET_COMMANDS: tuple[Command, ...] = (
    Command(
        "track",
        "[ADDRESS [LABEL]]",
        "the wallets that you follow, each with its score and what its rounds came to; with an address, follow that one: its"
        " trades become signals",
        SNIPER,
        "the wallets that you follow; follow one",
        ("/track", "/track ADDRESS whale"),
    ),
    Command("untrack", "ADDRESS", "follow a wallet no more", SNIPER, "follow it no more", ("/untrack ADDRESS",)),
    Command(
        "rankings",
        "[mine|discovered|ADDRESS]",
        "the followed wallets that have been best, by score, with a picture; mine, of those that you follow; discovered,"
        " others that were early in tokens that rose; with an address, what the score of that wallet is made of",
        SNIPER,
        "the best of the followed wallets",
        ("/rankings", "/rankings mine", "/rankings discovered", "/rankings ADDRESS"),
    ),
    Command(
        "autostart",
        "[SOL [CONFIDENCE% [MINUTES [WALLETS]]]]",
        "buy by itself what several wallets that you follow buy within so many minutes, for so much each time, from a confidence"
        " on; without words as before",
        SNIPER,
        "buy what several of them buy",
        ("/autostart", "/autostart 0.05 65%", "/autostart 0.05 70% 10 3"),
        enters_with=0,
    ),
    Command(
        "autostatus",
        "",
        "your automated trader: its plan, what the wallets that speak are worth, and what it decided last and why",
        SNIPER,
        "what that trader sees and decided",
        ("/autostatus",),
    ),
    Command(
        "autostop",
        "",
        "stop the automated trader; open positions keep their exits",
        SNIPER,
        "stop it",
        ("/autostop",),
    ),
)
