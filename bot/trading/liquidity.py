"""Whether a pool's liquidity can be withdrawn: what was burnt of its shares is locked for good. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.units import BPS, format_percent

# From here on it is worth a warning: a pool that loses so much of its liquidity moves with every trade.
WARNED_BPS = 1_000


@dataclass(frozen=True, slots=True)
class LiquidityLock:
    """Shares in a pool, raw: all that were made and not withdrawn, the burnt ones included, and those that somebody holds."""

    shares_raw: int
    held_raw: int

    @property
    def withdrawable_bps(self) -> int:
        """The part of the liquidity that those who hold shares can take out at any moment, rounded up."""
        if self.held_raw <= 0:
            return 0
        return min(-(-self.held_raw * BPS // self.shares_raw), BPS) if self.shares_raw > 0 else BPS

    @property
    def line(self) -> str:
        """One line for people."""
        if not self.withdrawable_bps:
            return "The liquidity of its pool is locked for good: all shares in it are burnt."
        part = format_percent(self.withdrawable_bps)
        return f"{part} of its pool's liquidity can be withdrawn at any moment; the rest is locked for good."

    @property
    def cautions(self) -> tuple[str, ...]:
        """What a buyer should know of it."""
        if self.withdrawable_bps < WARNED_BPS:
            return ()
        return (f"{format_percent(self.withdrawable_bps)} of its pool's liquidity can be withdrawn at any moment",)
