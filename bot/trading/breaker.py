"""What a day far beyond his limit does for a user: his automation is paused, then everything is sold where he wants it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.limits import Ceilings, UserSettings, day_loss_limit
from bot.trading.units import BPS, format_percent, format_sol

LOSS_MULTIPLE = 2  # of the limit of a day's loss, which closes entries at once of it
FAILURES_MAX = 10


@dataclass(frozen=True, slots=True)
class UserDay:
    """A user's day in one mode so far, of what was sold or lost and of failed orders' fees, in lamports; a loss is negative.

    `failures_in_row` counts the orders since his latest fill that landed with an error or never.
    """

    realized_lamports: int
    failures_in_row: int


def breaker_trips(day: UserDay, unrealized_lamports: int, settings: UserSettings, ceilings: Ceilings) -> str | None:
    """Why a user's automation is paused, None when it goes on. `unrealized_lamports` is what selling now would add."""
    limit = day_loss_limit(settings, ceilings)
    loss_lamports = -day.realized_lamports - unrealized_lamports
    if loss_lamports >= LOSS_MULTIPLE * limit.value:
        return (
            f"today's loss of {format_sol(loss_lamports)} SOL is {_times(loss_lamports, limit.value)} {limit.rule} of"
            f" {format_sol(limit.value)} SOL"
        )
    if day.failures_in_row >= FAILURES_MAX:
        return f"{day.failures_in_row} orders in a row failed"
    return None


def flatten_trips(day: UserDay, unrealized_lamports: int, settings: UserSettings, ceilings: Ceilings) -> str | None:
    """Why everything of a user is sold, None when it is not: the least of the multiples that he and the operator set."""
    multiples = [bps for bps in (settings.flatten_at_loss_bps, ceilings.flatten_at_loss_bps) if bps is not None]
    if not multiples:
        return None
    limit, multiple_bps = day_loss_limit(settings, ceilings), min(multiples)
    loss_lamports = -day.realized_lamports - unrealized_lamports
    if loss_lamports * BPS < limit.value * multiple_bps:
        return None
    return (
        f"today's loss of {format_sol(loss_lamports)} SOL has reached {format_percent(multiple_bps)} of {limit.rule} of"
        f" {format_sol(limit.value)} SOL"
    )


def _times(loss_lamports: int, limit_lamports: int) -> str:
    """How many times a limit a loss is, in whole numbers; a limit of nothing has no multiple."""
    if not limit_lamports:
        return "beyond"
    times, rest = divmod(loss_lamports, limit_lamports)
    return f"{'more than ' if rest else ''}{times} times"
