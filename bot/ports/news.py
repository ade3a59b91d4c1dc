"""Word of what the bot has under way and holds, pushed by the endpoints beside what they are asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

from bot.trading.venue import OwnVenue


class NewsListener(Protocol):
    """Whoever follows such news. None of its methods may block."""

    def landed(self, signature: str) -> None:
        """Somebody says that a transaction is confirmed, with or without an error; he is not believed."""

    def reserves(self, mint: str, venue: OwnVenue) -> None:
        """Somebody shows what a mint's curve holds: his word alone where its `told_by` names him."""

    def doubt(self, mint: str) -> None:
        """What is known of a mint's reserves may be old."""


@dataclass(frozen=True, slots=True)
class NewsHealth:
    """`standing` connections of the `wanted` ones have told a new slot, the last `age_s` ago; None where none ever did.

    Each is subscribed to `subscribed` signatures and accounts. `lost` counts connections that ended since the start, and
    `trouble` is what ended the last one.
    """

    standing: int
    wanted: int
    subscribed: int
    lost: int
    age_s: float | None
    trouble: str = ""


class ChainNews(Protocol):
    """What endpoints tell by themselves of signatures and of reserves."""

    def health(self) -> NewsHealth:
        """How the connections fare now; no I/O."""

    def want_signatures(self, signatures: Collection[str]) -> None:
        """Tell of these from now on, the first ones where there are more than an endpoint takes, and of no others."""

    def want_reserves(self, on_curves: Sequence[str], in_pools: Sequence[str]) -> None:
        """Tell of the reserves of these mints, the first ones where there are more than an endpoint takes, and of no others."""

    async def follow(self, listener: NewsListener) -> NoReturn:
        """Tell until cancelled. It waits out every outage; what happened meanwhile may be told late, twice or never."""
