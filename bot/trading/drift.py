"""Whether a program of the chain has changed under us, as far as the errors of our own orders and its events tell.

Programs are upgraded without notice. An order that fails for its price or its wallet says nothing; errors that nobody
here has read of, at several coins at once, say that the program asks for something else now. A coin counts once, however
often its orders fail. Its events are how everybody's
trades are seen: transactions of which hardly one tells a trade say that it tells them otherwise now. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.trading.failures import FROZEN, LAUNCHPAD_ERRORS, NOT_ENOUGH, POOL_ERRORS
from bot.trading.units import BPS, counted

ACCOUNTS_MISSING = 6062  # it is known, and means that the program wants an account that we did not name
ORDINARY = ({*LAUNCHPAD_ERRORS, *POOL_ERRORS, NOT_ENOUGH, FROZEN}) - {ACCOUNTS_MISSING}

LATEST = 10  # orders that are judged together
COINS_MIN = 3  # a coin or two can be odd by themselves, or made so by somebody
WITHIN_MS = 600_000

READ_LATEST = 200  # transactions that are judged together
READ_WITHIN_S = 300.0
READ_MIN = 50
# Most transactions that name a program trade there. The rest claim fees and the like, or only carry its address.
READ_SHARE_MIN_BPS = 2_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one order's transaction at a program, simulated or landed; `code` is None where it succeeded."""

    at_ms: int
    mint: str
    code: int | None


def is_strange(code: int | None) -> bool:
    """Whether a program's own error code is one that a trade of ours should never meet."""
    return code is not None and code not in ORDINARY


def burst(outcomes: Sequence[Outcome], now_ms: int) -> str | None:
    """Why a program's entries pause: of the latest 10 orders of 10 minutes those of at least 3 coins failed strangely."""
    latest = [one for one in outcomes if now_ms - one.at_ms < WITHIN_MS][-LATEST:]
    strange = [one for one in latest if is_strange(one.code)]
    coins = len({one.mint for one in strange})
    if coins < COINS_MIN:
        return None
    codes = ", ".join(str(code) for code in sorted({one.code for one in strange if one.code is not None}))
    return (
        f"orders of {counted(coins, 'coin')} among the latest {counted(len(latest), 'order')} there failed with errors that"
        f" are not known here ({codes})"
    )


def unreadable(readable: int, seen: int) -> str | None:
    """Why a program's entries pause: of at least 50 transactions less than a fifth told a launch or a trade."""
    if seen < READ_MIN or readable * BPS >= seen * READ_SHARE_MIN_BPS:
        return None
    return f"of the latest {seen} transactions there only {readable} told a launch or a trade that can be read here"
