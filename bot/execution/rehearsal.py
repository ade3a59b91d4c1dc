"""What entries need of the chain, asked for while a token is watched, so that an entry itself asks nobody.

A rehearsal simulates a small buy with its sale, and the buy alone, from the wallet of somebody who hunts, reads what the
hunters' wallets hold, and lets the chain learn whatever it keeps of the coin and of what landing costs. Nothing is written
or signed. What it found holds for some seconds; without it an entry asks for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
import trio

from bot.clock import Clock
from bot.errors import ChainUnavailable, DecodeError, SendRejected
from bot.execution.balance_book import BalanceBook
from bot.execution.policy import Policy
from bot.execution.quoting import CannotPrepareError
from bot.execution.sale_trials import SaleTrials
from bot.ports import Chain, Prices, SwapOrder, Wallet
from bot.trading.curve import Curve, QuoteError
from bot.trading.intent import Mode, Side
from bot.trading.units import BPS, bps_floor
from bot.trading.venue import Venue, quote_buy

log = structlog.get_logger()

SPEND_LAMPORTS = 2_000_000
WALLET_LAMPORTS_MIN = 25_000_000  # rents, fees and the buy itself; nothing of it is ever spent
HOLDS_S = 10.0  # how long an entry may do without a simulation of its own
BALANCE_HOLDS_MS = 10_000  # how old what a wallet was seen to hold may be for an entry
BALANCE_READ_AFTER_MS = 4_000  # a rehearsal reads again what is older
TOKENS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Compute units that the simulated buy used, and the trio time until which that counts."""

    units: int
    until_s: float


@dataclass(slots=True)
class Rehearsals:
    """What was rehearsed, by token and mode: a virtual wallet's buy says nothing of a real one's."""

    _done: dict[tuple[str, Mode], Rehearsed] = field(default_factory=dict)

    def note(self, mint: str, mode: Mode, units: int) -> None:
        """A buy of this token went through a moment ago, and could be sold again."""
        now_s = trio.current_time()
        if len(self._done) >= TOKENS_MAX:
            self._done = {key: one for key, one in self._done.items() if one.until_s > now_s}
        self._done[mint, mode] = Rehearsed(units, now_s + HOLDS_S)

    def units(self, mint: str, mode: Mode) -> int | None:
        """What the buy used; None where nothing was rehearsed within HOLDS_S."""
        done = self._done.get((mint, mode))
        return done.units if done is not None and trio.current_time() < done.until_s else None


@dataclass(frozen=True, slots=True)
class Rehearser:
    """Shares `trials`, `balances` and `rehearsals` with the road that entries take."""

    chain: Chain
    clock: Clock
    policy: Policy
    prices: Prices
    balances: BalanceBook
    trials: SaleTrials
    rehearsals: Rehearsals

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
        now_ms = self.clock.now_ms()
        since_ms = now_ms - BALANCE_READ_AFTER_MS
        unseen = {wallet.address: wallet for wallet in wallets if self.balances.recent(wallet.id, since_ms) is None}
        if not unseen:
            return
        for address, seen in (await self.chain.lamports(list(unseen))).items():
            self.balances.looked(unseen[address], seen.lamports, seen.slot, now_ms)

    async def _try(self, mint: str, mode: Mode, wallets: Sequence[Wallet]) -> None:
        since_ms = self.clock.now_ms() - BALANCE_HOLDS_MS
        held = {wallet.address: self.balances.recent(wallet.id, since_ms) or 0 for wallet in wallets}
        address = max(held, key=held.__getitem__)
        if held[address] < WALLET_LAMPORTS_MIN:
            return
        venue = await self._venue(mint)
        if not isinstance(venue, Curve):
            return
        quote = quote_buy(venue, SPEND_LAMPORTS, await self.chain.fees())
        order = SwapOrder(
            wallet_address=address,
            mint=mint,
            side=Side.BUY,
            venue=venue,
            spend_lamports=SPEND_LAMPORTS,
            token_raw=quote.token_raw,
            limit_raw=bps_floor(quote.token_raw, BPS // 2),
            compute_unit_limit=self.policy.compute_units_buy,
            priority_fee_lamports=0,
        )
        await self.trials.prove(self.chain, order, mode)
        units = await self.chain.compute_units(order)
        await self.chain.market_unit_price(mint)  # kept by the chain for those who ask soon
        self.rehearsals.note(mint, mode, units)

    async def _venue(self, mint: str) -> Venue:
        """The newest reserves that the stream told; the first simulation lets the chain learn the coin."""
        known = self.prices.latest(mint)
        return await self.chain.venue(mint) if known is None else known.venue
