"""How many trades went which way, and how much SOL: the unit in which volume is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flow:
    """Trades of some time, whoever made them; amounts are lamports at the curve's price, without fees."""

    buys: int = 0
    sells: int = 0
    bought_lamports: int = 0
    sold_lamports: int = 0

    @property
    def trades(self) -> int:
        """Buys and sales."""
        return self.buys + self.sells

    @property
    def volume_lamports(self) -> int:
        """What changed hands, both ways added up."""
        return self.bought_lamports + self.sold_lamports

    @property
    def net_lamports(self) -> int:
        """What came into the curve and stayed there; negative when more was taken out."""
        return self.bought_lamports - self.sold_lamports

    @property
    def bought_share(self) -> float:
        """The part of the volume that bought, 0 to 1; a half where nothing was traded, which speaks for neither side."""
        return self.bought_lamports / self.volume_lamports if self.volume_lamports else 0.5


@dataclass(frozen=True, slots=True)
class Volume:
    """The flow of the last ten seconds, minute, five minutes and hour, and of everything since the launch.

    The times end with the second, the quarter of a minute or the minute that the moment of asking lies in, and those begun
    before them count as wholes: ten seconds are the second that has begun and the nine before it.
    """

    s10: Flow
    m1: Flow
    m5: Flow
    h1: Flow
    whole: Flow
