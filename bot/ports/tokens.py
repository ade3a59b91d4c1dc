"""What is known of tokens beside their trading: what they are called, who watches them, and what they cost before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was launched while somebody listened, or that somebody asked about.

    Name, symbol, uri and creator are what its maker wrote, empty where they are not known. `launched_at_ms` is None for one
    whose launch was not seen. Its price is kept until `tracked_until_ms`, and longer while somebody holds it.
    """

    mint: str
    name: str
    symbol: str
    uri: str
    creator: str
    launched_at_ms: int | None
    tracked_until_ms: int

    def told(self, new: Token) -> Token:
        """What is known of it after `new` was told of it too: no text is emptied, and it is tracked for no less long."""
        return Token(
            mint=self.mint,
            name=new.name or self.name,
            symbol=new.symbol or self.symbol,
            uri=new.uri or self.uri,
            creator=new.creator or self.creator,
            launched_at_ms=new.launched_at_ms if self.launched_at_ms is None else self.launched_at_ms,
            tracked_until_ms=max(new.tracked_until_ms, self.tracked_until_ms),
        )


@dataclass(frozen=True, slots=True)
class PastPrice:
    """What a token's curve or pool held at a moment: the price is `quote_lamports` for `token_raw`, exact.

    `liquidity_lamports` is what sellers could have been paid from.
    """

    mint: str
    at_ms: int
    quote_lamports: int
    token_raw: int
    liquidity_lamports: int


class TokenStore(Protocol):
    """Nothing here is on the road of money; every write is a batch."""

    async def save_tokens(self, tokens: Sequence[Token]) -> None:
        """Write tokens, or what is new of them.

        A text that is known is not emptied, a launch stays where it was seen, and nothing is tracked for less long than
        before.
        """

    async def token(self, mint: str) -> Token | None:
        """What is kept of a token; None for one that nobody has looked at."""

    async def tracked_tokens(self, now_ms: int, limit: int) -> list[Token]:
        """Those whose time is not over, the ones that are tracked longest first."""

    async def add_prices(self, points: Sequence[PastPrice]) -> None:
        """Write points; a second one of a token and a moment is left out. ValueError for more than three days at once."""

    async def past_prices(
        self, mint: str, moments_ms: Sequence[int], *, no_older_than_ms: int
    ) -> list[PastPrice | None]:
        """For each moment the newest point at or before it, None where that is more than `no_older_than_ms` older, or none."""

    async def forget_tokens(self, before_ms: int) -> None:
        """Drop the prices of all whole days (UTC) before the moment's own, and the tokens that are not tracked since then."""
