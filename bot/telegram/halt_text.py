"""What users are told when trading halts for everybody, when an operator sells what they hold, and when it begins again."""

from __future__ import annotations

from collections.abc import Mapping

from bot.telegram.words import int_of
from bot.trading.limits import HOLD
from bot.trading.trading_state import RESTORED
from bot.trading.units import counted

# Why a halt was latched, in words for whoever trades here; a cause that is not named is one of the program's own.
_HALT_CAUSES = {
    "rpc": "the chain has not answered for too long",
    "database": "the bot's database has been away for too long",
    "operator": "an operator ordered it",
    RESTORED: "the bot was restored from a backup, and an operator looks at its books first",
}
_INSIDE = "a part of the bot that looks after money failed again and again"


def halted(facts: Mapping[str, object]) -> str:
    cause = str(facts["cause"])
    why = _HALT_CAUSES.get(cause, _INSIDE) + (f" ({facts['why']})" if cause == "operator" else "")
    sniper = " Your sniper buys nothing either." if facts["sniper"] else ""
    return (
        f"Trading is halted for everybody: {why}. Nothing is bought any more.{sniper} {_held_in_halt(facts)} You can still"
        " use /sell, /panic, /positions and /status. An operator has to end the halt; you are told when he does."
    )


def _held_in_halt(facts: Mapping[str, object]) -> str:
    """What becomes of a user's positions, as he has chosen it."""
    positions = int_of(facts, "positions")
    if not positions:
        return "You hold no position."
    what = counted(positions, "open position")
    if facts["cause"] == RESTORED:
        return f"Your {what}: kept, with the exit plan."
    if facts["on_critical"] == HOLD:
        return f"Your {what}: kept, the exit plan too, as your setting on_critical = hold says."
    return f"Your {what}: sold as soon as the chain takes it, as your setting on_critical = flatten says."


def flattened(facts: Mapping[str, object]) -> str:
    positions = int_of(facts, "positions")
    sold = f"sells what you hold ({counted(positions, 'position')})" if positions else "lets you hold nothing new"
    return (
        f"An operator of this bot {sold} and has paused your entries: {facts['why']}. The money stays in your wallet. Only"
        " an operator can end this; ask him."
    )


def program_flattened(facts: Mapping[str, object]) -> str:
    return (
        f"An operator of this bot sells what everybody holds of tokens that trade on {facts['program']}, of yours"
        f" {counted(int_of(facts, 'positions'), 'position')}, and nothing is bought there: {facts['why']}. The money stays in"
        " your wallet; everything else goes on."
    )


def rearmed(facts: Mapping[str, object]) -> str:
    sniper = " Your sniper may buy again." if facts["sniper"] else ""
    return (
        f"The halt is over: an operator let trading begin again.{sniper} /status says whether anything else pauses you."
    )
