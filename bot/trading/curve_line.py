"""The curves that trades of one coin lead to, and the stretch of them in which nothing happens for somebody. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.trading.curve import Curve
from bot.trading.venue import Venue

# A trade leaves the product of the virtual reserves as it was, but for what the program rounds in the curve's favour, some
# parts in 10^11. A millionth is the room for many thousands of trades.
ROOM = 1_000_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """Curves of a line by their virtual lamports, both bounds included, until a moment in milliseconds since 1970."""

    least_lamports: int
    most_lamports: int
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CurveLine:
    """Curves that differ by trades alone: what is virtual of their reserves is the same, and the product of those nearly."""

    virtual_token_raw: int
    virtual_lamports: int
    product_least: int
    product_most: int

    @classmethod
    def of(cls, curve: Curve) -> CurveLine | None:
        """The line of a curve; None for one that cannot be traded."""
        product = curve.virtual_token_raw * curve.virtual_quote_lamports
        if curve.complete or product <= 0:
            return None
        return cls(
            curve.virtual_token_raw - curve.real_token_raw,
            curve.virtual_quote_lamports - curve.real_quote_lamports,
            product - product // ROOM,
            product + product // ROOM,
        )

    def leads_to(self, venue: Venue) -> bool:
        """Whether it is a curve of this line."""
        return (
            isinstance(venue, Curve)
            and not venue.complete
            and venue.virtual_token_raw - venue.real_token_raw == self.virtual_token_raw
            and venue.virtual_quote_lamports - venue.real_quote_lamports == self.virtual_lamports
            and self.product_least <= venue.virtual_token_raw * venue.virtual_quote_lamports <= self.product_most
        )

    def cheapest(self, like: Curve, lamports: int) -> Curve:
        """The curve of so many virtual lamports at which tokens are worth least: no other of the line has more of them."""
        return self._at(like, lamports, -(-self.product_most // lamports))

    def dearest(self, like: Curve, lamports: int) -> Curve:
        """The curve of so many virtual lamports at which tokens are worth most."""
        return self._at(like, lamports, self.product_least // lamports)

    def _at(self, like: Curve, lamports: int, token_raw: int) -> Curve:
        return replace(
            like,
            virtual_token_raw=token_raw,
            virtual_quote_lamports=lamports,
            real_token_raw=token_raw - self.virtual_token_raw,
            real_quote_lamports=lamports - self.virtual_lamports,
        )
