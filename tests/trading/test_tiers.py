"""Tiers: each bound belongs to the higher one."""

from __future__ import annotations

import pytest

from bot.trading.tiers import Tier, tier_of


@pytest.mark.parametrize(
    ("points", "tier"),
    [
        (0, Tier.BRONZE),
        (39, Tier.BRONZE),
        (40, Tier.SILVER),
        (59, Tier.SILVER),
        (60, Tier.GOLD),
        (74, Tier.GOLD),
        (75, Tier.PLATINUM),
        (89, Tier.PLATINUM),
        (90, Tier.DIAMOND),
        (100, Tier.DIAMOND),
    ],
)
def test_each_bound_belongs_to_the_higher_tier(points: int, tier: Tier) -> None:
    assert tier_of(points) is tier


@pytest.mark.parametrize("points", [-1, 101])
def test_there_is_no_tier_beyond_the_scale(points: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        tier_of(points)
