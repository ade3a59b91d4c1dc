"""THE command table: name, arguments, role and help of every chat command. Pure data; the doors bind handlers to it."""

from __future__ import annotations

from bot.commands.account import ACCOUNT_COMMANDS, FIRST_COMMANDS
from bot.commands.command import ANYONE, GROUPS, USER, Command
from bot.commands.copying import COPY_COMMANDS
from bot.commands.people import PEOPLE_COMMANDS
from bot.commands.trading import TRADING_COMMANDS
from bot.commands.wallets import WALLET_COMMANDS

__all__ = [
    "ANYONE",
    "BY_NAME",
    "COMMANDS",
    "CONSENT_TEXT",
    "CONSENT_VERSION",
    "GROUPS",
    "PAPER_CONSENT_TEXT",
    "USER",
    "Command",
]

COMMANDS: tuple[Command, ...] = (
    *FIRST_COMMANDS,
    *TRADING_COMMANDS,
    *WALLET_COMMANDS,
    *COPY_COMMANDS,
    *PEOPLE_COMMANDS,
    *ACCOUNT_COMMANDS,
)

BY_NAME: dict[str, Command] = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}

CONSENT_VERSION = "2026-12"

CONSENT_TEXT = """\
Before you start, in plain words:
- The machine that runs this bot holds your wallet's private key. Whoever controls that machine can move your money.
- You can lose everything that you deposit. Most new tokens lose most of their value, many within minutes.
- While no route to the chain answers nothing can be sold, by the bot or by you. If that lasts, or another failure becomes
  critical, the bot sells all your positions at whatever price as soon as it can, and stops. /settings on_critical hold
  makes it keep them instead: only their own stop-loss, take-profit or time, or you, sell them then.
- Nothing here is advice, and no result is promised.
Send /start agree if you accept this. Only then is a wallet made for you."""

# Where a profile has virtual wallets alone there is no key and no money; the same version, since no wallet goes elsewhere.
PAPER_CONSENT_TEXT = """\
Before you start, in plain words:
- This bot trades on paper: at the prices of the real market, with a virtual wallet. There is no key, nothing is signed and
  nothing is sent. Send no SOL here; it would be lost.
- Results on paper are better than real ones can be: your orders move no price and meet nobody.
- If a failure becomes critical, the bot sells all your virtual positions at whatever price, and stops. /settings on_critical hold
  makes it keep them instead.
- Nothing here is advice, and no result is promised.
Send /start agree if you accept this. Only then is a virtual wallet made for you."""
