"""What the copies of one buy need of the chain, asked for all followers at once before the first of them is ordered.

A thousand orders that simulate and look at their wallets each by itself take longer than the price stands still.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import structlog
import trio

from bot.errors import DecodeError, Unavailable
from bot.execution.at_once import at_once
from bot.execution.rehearsal import Rehearser
from bot.ports import PricePoint, Store, Wallet
from bot.trading.copying import Copy

log = structlog.get_logger()

WITHIN_S = 1.0  # copies wait no longer; each asks for itself then, which takes a crowd of them far longer
ASKED_EACH = 20  # unknown followers; of more the wallets of all users are read at once


@dataclass(slots=True, repr=False)
class CopyRehearsal:
    """A wallet never changes, so that those of followers are read once."""

    store: Store
    rehearser: Rehearser
    _wallets: dict[str, Wallet] = field(default_factory=dict)

    @asynccontextmanager
    async def rehearsed(self, copies: Sequence[Copy]) -> AsyncIterator[None]:
        """Ask once about everything that these copies of one token would ask, and keep its price current for the block.

        It takes WITHIN_S at most and raises nothing; what it could not learn each order asks for itself.
        """
        with self.rehearser.pipeline.prices.watching(copies[0].mint):
            with trio.move_on_after(WITHIN_S) as waited:
                await self._rehearse(copies)
            if waited.cancelled_caught:
                log.info("copies_not_rehearsed", mint=copies[0].mint, reason=f"it took longer than {WITHIN_S} s")
            yield

    async def _rehearse(self, copies: Sequence[Copy]) -> None:
        road, mint = self.rehearser.pipeline, copies[0].mint
        try:
            wallets, venue = await at_once(partial(self._wallets_of, copies), partial(road.chain.venue, mint))
        except (Unavailable, LookupError, DecodeError) as error:
            log.info("copies_not_rehearsed", mint=mint, reason=str(error))
            return
        road.prices.push(mint, PricePoint(venue, road.clock.now_ms()))
        await self.rehearser.rehearse(mint, wallets)

    async def _wallets_of(self, copies: Sequence[Copy]) -> list[Wallet]:
        unknown = {copy.user_id for copy in copies if copy.wallet_id not in self._wallets}
        if len(unknown) > ASKED_EACH:
            self._know(await self.store.wallets())
        else:
            for user_id in unknown:
                self._know(await self.store.wallets(user_id))
        return [self._wallets[copy.wallet_id] for copy in copies if copy.wallet_id in self._wallets]

    def _know(self, wallets: Sequence[Wallet]) -> None:
        self._wallets.update((wallet.id, wallet) for wallet in wallets)
