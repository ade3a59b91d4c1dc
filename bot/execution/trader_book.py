"""What everybody who shows his results has done lately, with his reputation; made anew when somebody looks, not more often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from bot.clock import Clock
from bot.ports import Store
from bot.trading.intent import Mode
from bot.trading.reputation import Reputation, TraderSums, reputation_of, sums_of
from bot.trading.trader import Trader

DAYS = 90
POSITIONS_EACH = 400  # of a trader, the latest
AT_ONCE = 50  # traders that are read and rated before others get their turn
FRESH_S = 20.0


@dataclass(frozen=True, slots=True)
class Standing:
    """A trader, what he closed in the last `DAYS` days in one mode, what that says about him, and how many copy him in it.

    `copyable` says that he may be copied by his handle.
    """

    trader: Trader
    sums: TraderSums
    reputation: Reputation
    followers: int = 0
    copyable: bool = False


@dataclass(slots=True)
class TraderBook:
    """Keeps the ranking of each mode for some seconds."""

    store: Store
    clock: Clock
    _kept: dict[Mode, tuple[float, list[Standing]]] = field(default_factory=dict)

    async def ranking(self, mode: Mode) -> list[Standing]:
        """Everybody who is listed: those with a reputation first, by its points, then by result."""
        now_s = trio.current_time()
        made_s, standings = self._kept.get(mode, (float("-inf"), []))
        if now_s - made_s >= FRESH_S:
            standings = await self._made(mode)
            self._kept[mode] = (now_s, standings)
        return standings

    async def standing(self, trader: Trader, mode: Mode) -> Standing:
        """One trader as of now."""
        [standing] = await self._standings([trader], mode)
        return standing

    def changed(self) -> None:
        """Somebody came, left, or was delisted: whoever looks next sees it."""
        self._kept.clear()

    async def _made(self, mode: Mode) -> list[Standing]:
        listed = [trader for trader in await self.store.traders() if trader.is_listed]
        standings: list[Standing] = []
        for start in range(0, len(listed), AT_ONCE):
            standings += await self._standings(listed[start : start + AT_ONCE], mode)
        return sorted(standings, key=_place, reverse=True)

    async def _standings(self, traders: Sequence[Trader], mode: Mode) -> list[Standing]:
        since_ms = self.clock.now_ms() - DAYS * 86_400_000
        closed = await self.store.closed_trades([one.user_id for one in traders], mode, since_ms, POSITIONS_EACH)
        followers = await self.store.followers([one.user_id for one in traders], mode)
        settings = await self.store.many_settings([one.user_id for one in traders])
        return [
            Standing(
                trader,
                sums_of(closed[trader.user_id]),
                reputation_of(closed[trader.user_id]),
                followers.get(trader.user_id, 0),
                trader.is_listed and trader.user_id in settings and settings[trader.user_id].copyable,
            )
            for trader in traders
        ]


def _place(standing: Standing) -> tuple[int, int]:
    points = standing.reputation.points
    return (-1 if points is None else points, standing.sums.result_lamports)
