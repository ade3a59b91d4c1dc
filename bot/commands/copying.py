"""The commands by which people copy traders. Pure data."""

from __future__ import annotations

from bot.commands.command import SNIPER, Command

COPY_COMMANDS: tuple[Command, ...] = (
    Command(
        "copy_trader",
        "WALLET|HANDLE SOL [PERCENT%|exact] [NAME=VALUE ...]",
        "copy what a wallet, or a user who lets himself be copied, buys and sells: for SOL each, or a share of his amount up"
        " to that. Caps: hour= day= token= leader= total=; more: min= max= hours=8-22 drawdown= block= again=on",
        SNIPER,
        "copy a trader",
        ("/copy_trader WALLET 0.1", "/copy_trader WALLET 0.2 50% day=1 drawdown=0.5 hours=8-22"),
        enters_with=0,
    ),
    Command(
        "stop_copy",
        "WALLET|HANDLE [keep|sell|follow]",
        "copy somebody no more: what you hold of it you keep with your exits, sell now, or sell as he sells",
        SNIPER,
        "copy him no more",
        ("/stop_copy WALLET", "/stop_copy WALLET sell"),
    ),
    Command(
        "copies",
        "",
        "whom you copy and with what result, what was copied and what was not and why, and how long it took",
        SNIPER,
        "whom you copy, and what came of it",
        ("/copies",),
    ),
)
