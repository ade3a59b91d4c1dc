"""Bears out what speaks for leaving a held token: sales of its creator that one alone tells of, and who has power over it."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import ChainUnavailable, DecodeError
from bot.execution.lanes import exit_lane
from bot.execution.rug_book import RugBook, ToldSale
from bot.ports import Chain

log = structlog.get_logger()

JUDGED_AT_ONCE = 4
POWERS_EVERY_S = 5.0
# Before each look at the record: a second stream tells it within milliseconds, and a record shows a slot or two after it.
# In all they bound what somebody who makes up sales can have asked.
PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.6)


@dataclass(frozen=True, slots=True)
class RugWatch:
    """It may be away: sales that two tell alike count without it, and stops go on."""

    book: RugBook
    chain: Chain
    clock: Clock

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        async with trio.open_nursery() as nursery:
            for _ in range(JUDGED_AT_ONCE):
                nursery.start_soon(self._judge)
            nursery.start_soon(self._look_at_powers)

    async def _look_at_powers(self) -> None:
        """Only tokens that somebody has power over are asked about; a launchpad's have none when they are made."""
        while True:
            await trio.sleep(POWERS_EVERY_S)
            try:
                powers = await self.chain.mint_powers(self.book.watched())
            except ChainUnavailable as error:
                log.debug("mint_powers_not_looked_at", reason=str(error))
                continue
            for mint, held in powers.items():
                self.book.powers_of(mint, held, self.clock.now_ms())

    async def _judge(self) -> None:
        while True:
            await self._bear_out(await self.book.doubtful())

    async def _bear_out(self, sale: ToldSale) -> None:
        """The sale counts once somebody else shows it, by the very wallet that somebody else calls the creator."""
        reason = "nobody else shows its transaction"
        for pause_s in PAUSES_S:
            await trio.sleep(pause_s)
            if not self.book.is_wanted(sale):
                return
            try:
                with exit_lane():
                    sold_raw = await self.chain.sold(sale.signature, sale.seller, sale.mint, sale.venue.told_by)
                    if sold_raw is None:
                        continue
                    shown = await self.chain.venue_besides(sale.mint, sale.venue)
            except (ChainUnavailable, DecodeError, LookupError) as error:
                reason = str(error)
                continue
            if sold_raw > 0 and shown.creator == sale.seller:
                self.book.recorded(sale, sold_raw)
                return
            reason = "the transaction is no sale by the token's creator"
            break
        log.warning(
            "creator_sale_not_borne_out",
            mint=sale.mint,
            signature=sale.signature,
            told_by=sale.venue.told_by,
            reason=reason,
        )
