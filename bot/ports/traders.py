"""Users who show their results to others, of their own will, and what they closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.trading.intent import Mode
from bot.trading.reputation import ClosedTrade
from bot.trading.trader import Trader


class TraderStore(Protocol):
    async def open_profile(self, trader: Trader, now_ms: int) -> bool:
        """Show a user under a handle, or under another one than before; False, changing nothing, where he does not get it.

        He gets none that somebody else has had, or that looks like one of those, and HANDLES_MAX in all. Whoever is delisted
        stays so, also over a closed account of the same Telegram id; whoever was shown before keeps his share. Raises
        LookupError for an unknown user.
        """

    async def close_profile(self, user_id: str, now_ms: int) -> bool:
        """Show a user no more; False for one who was not shown. That he is delisted is remembered, and his handle stays his."""

    async def handles(self, user_id: str) -> list[str]:
        """The handles that are a user's, shown or not, oldest first."""

    async def set_share(self, user_id: str, share_bps: int, now_ms: int) -> bool:
        """His part of what followers gain from now on; False for one who is not shown."""

    async def set_delisted(self, user_id: str, why: str, by: str, now_ms: int) -> bool:
        """Delist a user, or with an empty reason list him again; False for one who was never shown. It is audited."""

    async def delisted_why(self, user_id: str) -> str:
        """Why an admin has delisted a user, also one who is shown no more; empty for everybody else."""

    async def traders(self) -> list[Trader]:
        """Everybody who is shown, delisted ones too, in the order of their first showing."""

    async def trader(self, user_id: str) -> Trader | None:
        """How a user is shown, delisted or not; None for one who is not."""

    async def trader_by_handle(self, handle: str) -> Trader | None:
        """Who is shown under this public handle now; None for nobody."""

    async def closed_trades(
        self, user_ids: Sequence[str], mode: Mode, since_ms: int, most_each: int
    ) -> Mapping[str, Sequence[ClosedTrade]]:
        """The latest closed positions of each user in a mode, oldest first, those apart whose buys the network took back."""
