"""One look at whether a program of the chain is still the one that this bot was written for. It reads and simulates only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from bot.errors import DecodeError, SendRejected
from bot.execution.small_buys import WALLET_LAMPORTS_MIN, small_buy
from bot.ports import Chain, Store
from bot.trading.curve import QuoteError
from bot.trading.drift import is_strange
from bot.trading.venue import program_of

log = structlog.get_logger()

WALLETS_ASKED = 5
COINS_TRIED = 3
OLDER_TRIED = (
    3  # beyond them, once the first could not be traded: a trap that many were launched with is no other program
)
FAILURES_MIN = 2  # one coin that cannot be traded says nothing about its program


@dataclass(frozen=True, slots=True)
class Looked:
    """`problem` is what is not as it was, None for nothing; `simulated` says whether a buy and a sale went through."""

    problem: str | None
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class ProtocolCheck:
    """`coins` names tokens that were launched a moment ago, the best first; the chain remembers older ones, the oldest last.

    `unread` tells why a program's events count as unreadable, None where they do not.
    """

    store: Store
    chain: Chain
    coins: Callable[[], Sequence[str]]
    unread: Callable[[str], str | None]

    async def look(self, program: str) -> Looked:
        """Whether its events can be read, layouts of the program's own accounts and of some coins, then a simulated trade.

        That is a buy and a sale, where it can be.

        Raises ChainUnavailable or StoreUnavailable: then nothing is known.
        """
        if (why := self.unread(program)) is not None:
            return Looked(why)
        try:
            mints = await self.chain.canary(program, self.coins())
        except DecodeError as error:
            return Looked(str(error))
        wallet_address = await self._wallet() if mints else None
        if wallet_address is None:
            return Looked(None)
        failures: list[str] = []
        for mint in dict.fromkeys([*mints[:COINS_TRIED], *reversed(mints[-OLDER_TRIED:])]):
            try:
                failure = await self._round_trip(program, mint, wallet_address)
            except (LookupError, DecodeError, QuoteError) as error:
                log.info("canary_not_simulated", program=program, mint=mint, reason=str(error))
                continue
            if failure is None:
                return Looked(None, simulated=True)
            failures.append(failure)
        return Looked(failures[-1] if len(failures) >= FAILURES_MIN else None)

    async def _wallet(self) -> str | None:
        """A wallet that could pay for the simulation; None where none of the first few could."""
        for wallet in (await self.store.wallets())[:WALLETS_ASKED]:
            if (await self.chain.balances(wallet.address)).lamports >= WALLET_LAMPORTS_MIN:
                return wallet.address
        return None

    async def _round_trip(self, program: str, mint: str, wallet_address: str) -> str | None:
        """Why a small buy, or the sale behind it, fails strangely. Raises QuoteError where it says nothing."""
        venue = await self.chain.venue(mint)
        if program_of(venue) != program:
            raise QuoteError(f"it does not trade at {program} any more")
        order = small_buy(wallet_address, mint, venue, await self.chain.fees(), units=1)
        try:
            why_no_sale = await self.chain.round_trip(order, 1)
        except SendRejected as error:
            if not is_strange(error.program_error):
                raise QuoteError(str(error)) from error
            return f"a simulated buy fails: {error}"
        return None if why_no_sale is None else f"a simulated sale fails: {why_no_sale}"
