"""Who holds a token beside its curve and its pool: the shares of the largest holders and of whoever made it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.units import BPS, format_percent

COUNTED = 10  # holders whose shares are added up


@dataclass(frozen=True, slots=True)
class Holders:
    """Raw units. `largest_raw` are the largest holdings, the largest first; curve, pool and what was burnt are not in it.

    The chain tells of at most 20 accounts, and of accounts: one person can have many. `creator_raw` is what the account
    of the creator holds.
    """

    supply_raw: int
    largest_raw: tuple[int, ...]
    creator_raw: int

    @property
    def top_bps(self) -> int:
        """The share of the ten largest holders in the supply, rounded up."""
        return _share_bps(sum(self.largest_raw[:COUNTED]), self.supply_raw)

    @property
    def creator_bps(self) -> int:
        """The creator's share in the supply, rounded up."""
        return _share_bps(self.creator_raw, self.supply_raw)

    @property
    def line(self) -> str:
        """One line for people."""
        return (
            f"Its {COUNTED} largest holders have {format_percent(self.top_bps)} of it, curve and pool apart, its creator"
            f" {format_percent(self.creator_bps)}."
        )

    @property
    def line_elsewhere(self) -> str:
        """The same of a token with neither a curve nor a pool of its own: its markets are among its holders."""
        return (
            f"Its {COUNTED} largest holders have {format_percent(self.top_bps)} of it; the markets where it trades are among"
            " them, and its creator is not known."
        )


def _share_bps(part_raw: int, whole_raw: int) -> int:
    return -(-part_raw * BPS // whole_raw) if whole_raw > 0 else BPS
