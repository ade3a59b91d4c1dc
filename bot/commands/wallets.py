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
        "[mine|ADDRESS]",
        "the followed wallets that have been best, by score, with a picture; mine, of those that you follow; with an address,"
        " what the score of that wallet is made of",
        SNIPER,
        "the best of the followed wallets",
        ("/rankings", "/rankings mine", "/rankings ADDRESS"),
    ),
)
