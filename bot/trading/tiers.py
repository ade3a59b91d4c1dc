"""Tiers of traders and of followed wallets, over points from 0 to 100. Pure."""

from __future__ import annotations

from enum import StrEnum


class Tier(StrEnum):
    """The lower bound belongs to a tier, the upper one to the next: exactly 40 is silver."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    PLATINUM = "platinum"
    DIAMOND = "diamond"


FLOORS = {Tier.BRONZE: 0, Tier.SILVER: 40, Tier.GOLD: 60, Tier.PLATINUM: 75, Tier.DIAMOND: 90}
POINTS_MAX = 100


def tier_of(points: int) -> Tier:
    """The tier of so many points; raises ValueError for what is below 0 or above 100."""
    if not 0 <= points <= POINTS_MAX:
        raise ValueError(f"{points} points are not between 0 and {POINTS_MAX}")
    return [tier for tier, floor in FLOORS.items() if points >= floor][-1]
