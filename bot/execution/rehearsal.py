"""What entries need of the chain, asked for while a token is watched or before it is copied, so that an entry asks nobody.

A rehearsal simulates a small buy with its sale, and the buy alone, from the wallet of one of those who may buy, reads what
their wallets hold, and lets the chain learn whatever it keeps of the coin and of what landing costs. Nothing is written
or signed. What it found holds for some seconds; without it an entry asks for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bot.errors import ChainUnavailable, DecodeError, SendRejected
from bot.execution.borne_out import BorneOut
from bot.execution.pipeline import Pipeline
from bot.execution.quoting import CannotPrepareError
from bot.execution.rehearsals import BALANCE_HOLDS_MS
from bot.execution.small_buys import WALLET_LAMPORTS_MIN, small_buy
from bot.ports import Wallet
from bot.trading.curve import QuoteError
from bot.trading.intent import Mode, Side
from bot.trading.route import Route
from bot.trading.venue import Venue

log = structlog.get_logger()

BALANCE_READ_AFTER_MS = 4_000  # a rehearsal reads again what is older


@dataclass(frozen=True, slots=True)
class Rehearser:
    """Asks for the road that entries take, which has the books of what was found."""

    pipeline: Pipeline

    async def rehearse(self, mint: str, wallets: Sequence[Wallet]) -> None:
        """Ask once about everything that an entry of these wallets into this token would ask. Raises nothing."""
        try:
            await self._look(wallets)
            for mode in dict.fromkeys(wallet.mode for wallet in wallets):
                await self._try(mint, mode, [wallet for wallet in wallets if wallet.mode is mode])
        except (ChainUnavailable, CannotPrepareError, DecodeError, LookupError, QuoteError, SendRejected) as error:
            log.info("entry_not_rehearsed", mint=mint, reason=str(error))

    async def _look(self, wallets: Sequence[Wallet]) -> None:
        """What the wallets hold, where that was not seen lately; many in one call."""
        now_ms = self.pipeline.clock.now_ms()
        since_ms = now_ms - BALANCE_READ_AFTER_MS
        unseen = {
            wallet.address: wallet for wallet in wallets if self.pipeline.balances.recent(wallet.id, since_ms) is None
        }
        if not unseen:
            return
        for address, seen in (await self.pipeline.chain.lamports(list(unseen))).items():
            self.pipeline.balances.looked(unseen[address], seen.lamports, seen.slot, now_ms)

    async def _try(self, mint: str, mode: Mode, wallets: Sequence[Wallet]) -> None:
        since_ms = self.pipeline.clock.now_ms() - BALANCE_HOLDS_MS
        held = {wallet.address: self.pipeline.balances.recent(wallet.id, since_ms) or 0 for wallet in wallets}
        address = max(held, key=held.__getitem__)
        if held[address] < WALLET_LAMPORTS_MIN:
            return
        venue = await self._venue(mint)
        if isinstance(venue, Route):
            return
        most = self.pipeline.costs.most_units(Side.BUY, venue)
        order = small_buy(address, mint, venue, await self.pipeline.chain.fees(), units=most)
        await self.pipeline.trials.prove(self.pipeline.chain, order, mode)
        units = await self.pipeline.chain.compute_units(order)
        await self.pipeline.chain.market_unit_price(mint)  # kept by the chain for those who ask soon
        self.pipeline.rehearsals.note(mint, mode, units)

    async def _venue(self, mint: str) -> Venue:
        """The newest reserves that the stream told; the first simulation lets the chain learn the coin.

        Where one endpoint alone told them another one is asked, so that an entry, and the opinion before it, has its word too.
        """
        known = self.pipeline.prices.latest(mint)
        if known is None:
            return await self.pipeline.chain.venue(mint)
        witness = BorneOut(self.pipeline.chain, self.pipeline.prices, self.pipeline.clock)
        return await witness.shown_by_another(mint) or known.venue
