"""What a user may do beyond his own affairs, and the limits that come with it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.trading.units import LAMPORTS_PER_SOL


class Role(StrEnum):
    """From the least to the greatest. No role lets anybody move another user's money."""

    BASIC = "basic"
    PREMIUM = "premium"
    ADMIN = "admin"
    OPERATOR = "operator"

    @property
    def rank(self) -> int:
        """Its place, from 0 on; a greater one may do all that a lesser one may."""
        return list(Role).index(self)


ROLE_GIVEN = "role given"  # the action of the audit


@dataclass(frozen=True, slots=True)
class RoleLimits:
    """What everybody of one role may risk, in lamports; None where only the operator's and the user's own limits count.

    The fields that Ceilings has as well have its names. `max_exposure_lamports` is the most that may be in open positions
    and in buys on their way, in all together; the defaults are the seeds' figures (D-12).
    """

    max_trade_lamports: int | None = None
    max_position_lamports: int | None = None
    max_daily_loss_lamports: int | None = None
    max_exposure_lamports: int = 1_000 * LAMPORTS_PER_SOL


BASIC_LIMITS = RoleLimits(max_exposure_lamports=100 * LAMPORTS_PER_SOL)
DEFAULT_LIMITS = (BASIC_LIMITS, RoleLimits(), RoleLimits(), RoleLimits())  # in the order of Role


def refuse_role(giver: Role, held: Role, wanted: Role) -> str | None:
    """Why somebody may not give a role to another user who holds one; None where he may.

    Nobody gives more than he has, and only an operator changes what his equals have.
    """
    if giver.rank < Role.ADMIN.rank:
        return "roles are given by admins and operators"
    if wanted.rank > giver.rank:
        return f"you are {giver} yourself, and nobody gives more than he has"
    if held.rank > giver.rank or (held is giver and giver is not Role.OPERATOR):
        return f"he is {held} and you are {giver}; only an operator can change that"
    return None
