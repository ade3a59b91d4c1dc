"""How an order is to land: what it pays for priority, what it tips, and which routes may see it before. Pure.

A user wishes for buys and for sales apart; the operator's ceilings stand above both.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.intent import Protection, Side
from bot.trading.limits import FIXED, OPEN, Ceilings, UserSettings

# The least that a block engine takes (its documentation, February 2026).
LEAST_TIP_LAMPORTS = 1_000
# How long a protected order has to land before its user's wish for that case counts.
PROTECTED_SLOTS = 20
SLOT_MS = 400
PROTECTED_MS = PROTECTED_SLOTS * SLOT_MS


@dataclass(frozen=True, slots=True)
class FeeBounds:
    """The least and the most priority fee of one transaction, in lamports."""

    floor_lamports: int
    cap_lamports: int


@dataclass(frozen=True, slots=True)
class Landing:
    """One side's wishes. `fee_lamports` and `tip_lamports` are the most in mode auto, and the very fee and tip in mode fixed."""

    fee_mode: str
    fee_lamports: int
    tip_lamports: int
    protection: str
    unlanded: str


def landing_of(settings: UserSettings, side: Side) -> Landing:
    """What a user wishes for orders of this side."""
    if side is Side.BUY:
        return Landing(
            settings.fee_mode_buy,
            settings.fee_buy_lamports,
            settings.tip_buy_lamports,
            settings.protection_buy,
            settings.unlanded_buy,
        )
    return Landing(
        settings.fee_mode_sell,
        settings.fee_sell_lamports,
        settings.tip_sell_lamports,
        settings.protection_sell,
        settings.unlanded_sell,
    )


def protection_of(settings: UserSettings, side: Side) -> Protection:
    """The protection of an order that is made now."""
    wish = landing_of(settings, side)
    if wish.protection == OPEN:
        return Protection.OPEN
    return Protection.PROTECTED_FIRST if wish.unlanded == OPEN else Protection.PROTECTED


def fee_bounds(settings: UserSettings, side: Side, ceilings: Ceilings, floor_lamports: int) -> FeeBounds:
    """Between what and what the priority fee moves; a fixed one does not move, and a cap below the floor is the fee."""
    wish = landing_of(settings, side)
    cap_lamports = min(wish.fee_lamports, ceilings.max_priority_fee_lamports)
    if wish.fee_mode == FIXED:
        return FeeBounds(cap_lamports, cap_lamports)
    return FeeBounds(min(floor_lamports, cap_lamports), cap_lamports)


def tip_lamports(
    settings: UserSettings,
    side: Side,
    protection: Protection,
    ceilings: Ceilings,
    landing_lamports: int | None = None,
) -> int:
    """What a block engine gets when the order succeeds; an open order goes by none and tips none.

    No more than `landing_lamports`, which is what mostly lands and None where nobody says it; a fixed tip does not move.
    """
    if protection is Protection.OPEN:
        return 0
    wish = landing_of(settings, side)
    tip = min(wish.tip_lamports, ceilings.max_tip_lamports)
    if landing_lamports is not None and wish.fee_mode != FIXED:
        tip = min(tip, landing_lamports)
    return max(tip, LEAST_TIP_LAMPORTS)


def is_open(protection: Protection, age_ms: int) -> bool:
    """Whether bytes that were signed `age_ms` ago may go by every route: the same bytes may be sent again freely."""
    if protection is Protection.PROTECTED_FIRST:
        return age_ms >= PROTECTED_MS
    return protection is Protection.OPEN
