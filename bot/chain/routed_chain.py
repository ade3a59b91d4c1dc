"""The port `Chain` with a way for every token: the launchpad's own venues first, and an aggregator for what has neither.

A transaction by an offer is put together here and not by the aggregator: of what it proposes only the swap instruction is
taken, after it was checked, and the whole is simulated and judged by what it does to the wallet before anybody signs it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain import transactions
from bot.chain.block_engines import BlockEngines
from bot.chain.endpoints import Endpoints
from bot.chain.instructions import close_token_account, create_token_account, unwrap_sol, wrap_sol
from bot.chain.jupiter import Jupiter
from bot.chain.jupiter_check import Wanted, checked_swap, untrusted
from bot.chain.lookup_tables import LookupTables, without
from bot.chain.outcome import failure_of
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import TOKEN_ACCOUNT_PREFIX_BYTES, AccountData
from bot.chain.unit_prices import FeeHints
from bot.errors import ChainUnavailable, DecodeError, RouterUnavailable, SendRejected
from bot.ports import SwapOrder, WalletBalances
from bot.trading.intent import Side
from bot.trading.ledger import SIGNATURE_FEE_LAMPORTS
from bot.trading.route import Route, RouteError
from bot.trading.units import TOKEN_DECIMALS, format_sol
from bot.trading.venue import Venue

MAX_KEPT = 500
MINT_BYTES = 45
DECIMALS_AT = 44
# What a buy may open for a wallet beside its own token account, in rent that stays there.
OPENED_MAX_LAMPORTS = 5_000_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Proposed:
    """A checked swap and the tables that its message uses."""

    swap: Instruction
    tables: tuple[AddressLookupTableAccount, ...]


@dataclass(frozen=True, slots=True)
class _Mint:
    """What a trade needs to know of a mint and never changes."""

    program: Pubkey
    decimals: int


class RoutedChain(PumpChain):
    """Beside what the launchpad's chain does: prices and orders by offers of `jupiter`."""

    def __init__(
        self, endpoints: Endpoints, engines: BlockEngines | None, jupiter: Jupiter, hints: FeeHints | None = None
    ) -> None:
        super().__init__(endpoints, engines, hints)
        self._jupiter = jupiter
        self._tables = LookupTables(self._reads)
        self._mints: OrderedDict[str, _Mint] = OrderedDict()
        self._proposed: OrderedDict[tuple[str, int], _Proposed] = OrderedDict()

    def __repr__(self) -> str:
        return f"<RoutedChain {self._endpoints!r} {self._jupiter!r}>"

    # Prices

    async def venue(self, mint: str) -> Venue:
        try:
            return await super().venue(mint)
        except LookupError as error:
            nowhere = error
        await self._mint(mint)  # raises LookupError for what is no token at all
        route = await self._jupiter.look(mint, for_order=True)
        if route is None:
            raise nowhere
        return route

    async def venues(self, mints: Sequence[str], besides: str = "") -> dict[str, Venue]:
        found = await super().venues(mints, besides)
        for mint in mints:
            if mint not in found and (route := self._jupiter.known(mint)) is not None:
                found[mint] = route
        return found

    async def routes(self, mints: Sequence[str]) -> dict[str, Venue]:
        found: dict[str, Venue] = {}
        for mint in mints:
            try:
                route = await self._jupiter.look(mint)
            except (RouterUnavailable, SendRejected) as error:
                log.debug("route_not_seen", mint=mint, reason=str(error))
                route = self._jupiter.known(mint)
            if route is not None:
                found[mint] = route
        return found

    async def offer(self, mint: str, side: Side, amount: int, slippage_bps: int) -> Route:
        known = await self._mint(mint)
        if side is Side.BUY and known.decimals != TOKEN_DECIMALS:
            raise RouteError(
                f"this token has {known.decimals} decimals, and its amounts would be shown wrong here; it is not bought"
            )
        return await self._jupiter.offer(mint, side, amount, slippage_bps)

    async def balances(self, address: str) -> WalletBalances:
        found = await super().balances(address)
        for mint, token_raw in found.token_raw.items():
            self._jupiter.note_size(mint, token_raw)
        return found

    async def holding(self, address: str, mint: str) -> WalletBalances:
        found = await super().holding(address, mint)
        self._jupiter.note_size(mint, found.token_raw.get(mint, 0))
        return found

    # Orders

    async def compute_units(self, order: SwapOrder) -> int:
        if not isinstance(order.venue, Route):
            return await super().compute_units(order)
        try:
            await self._propose(order, order.venue)
            return await self._simulated(order)
        except SendRejected as error:
            if error.kind == "untrusted":
                self._jupiter.lied(str(error))
            raise

    async def _propose(self, order: SwapOrder, route: Route) -> None:
        proposed = await self._jupiter.instructions(route, order.wallet_address)
        wanted = _wanted(order, await self._mint(order.mint))
        swap = checked_swap(proposed, wanted)
        try:
            tables = await self._tables.of(proposed.tables)
        except (LookupError, DecodeError) as error:
            raise untrusted(str(error)) from None
        tip = frozenset({at.key_from(order.tip_account)} if order.tip_lamports else ())
        key = (order.wallet_address, route.id)
        self._proposed[key] = _Proposed(swap, tuple(without(table, tip) for table in tables))
        self._proposed.move_to_end(key)
        while len(self._proposed) > MAX_KEPT:
            self._proposed.popitem(last=False)

    async def _simulated(self, order: SwapOrder) -> int:
        """Simulated on the newest state, and judged by what it would leave in the wallet's own accounts."""
        user, mint = at.key_from(order.wallet_address), self._mints[order.mint]
        own = at.token_account(user, at.key_from(order.mint), mint.program)
        watched = [str(user), str(own), str(at.wrapped_sol(user))]
        raw = transactions.unsigned_wire(self._message(order, Hash.default()))
        _, before = await self._endpoints.first(lambda client: client.accounts(watched, "processed"))
        simulated, after = await self._endpoints.first(lambda client: client.simulate_for(raw, watched))
        failure = failure_of(simulated.err)
        if failure is not None:
            text = f"it would fail: {failure.said_to_people}"
            raise SendRejected("simulation", text, program_error=failure.program_error)
        if not simulated.units_consumed:
            raise ChainUnavailable("a simulation succeeded without saying what it used")
        judge(order, Left.of(watched, before), Left.of(watched, after))
        return simulated.units_consumed

    def _message(self, order: SwapOrder, blockhash: Hash) -> bytes:
        if not isinstance(order.venue, Route):
            return super()._message(order, blockhash)
        proposed = self._proposed.get((order.wallet_address, order.venue.id))
        if proposed is None:
            raise ChainUnavailable("the offer of this order has not been proposed and checked yet")
        user, mint, program = (
            at.key_from(order.wallet_address),
            at.key_from(order.mint),
            self._mints[order.mint].program,
        )
        instructions = wrap_sol(user, order.spend_lamports if order.side is Side.BUY else 0)
        if order.side is Side.BUY:
            instructions.append(create_token_account(user, mint, program))
        instructions += [proposed.swap, unwrap_sol(user)]
        if order.close_account:
            instructions.append(close_token_account(user, mint, program))
        return transactions.compile_message(order, user, instructions, blockhash, proposed.tables)

    async def _mint(self, mint: str) -> _Mint:
        """Raises LookupError for what is no token."""
        known = self._mints.get(mint)
        if known is not None:
            return known
        key = str(at.key_from(mint))
        if key == str(at.WRAPPED_SOL_MINT):
            raise LookupError("wrapped SOL is what tokens are traded for")
        _, accounts = await self._reads.accounts([key], "confirmed")
        account = accounts[key]
        programs = {str(program): program for program in at.TOKEN_PROGRAMS}
        if account is None or account.owner not in programs or len(account.data) < MINT_BYTES:
            raise LookupError(f"{mint} is no token, or so new that the chain has not confirmed it")
        self._mints[mint] = known = _Mint(programs[account.owner], account.data[DECIMALS_AT])
        while len(self._mints) > MAX_KEPT:
            self._mints.popitem(last=False)
        return known


def _wanted(order: SwapOrder, mint: _Mint) -> Wanted:
    user, key = at.key_from(order.wallet_address), at.key_from(order.mint)
    if order.side is Side.BUY:
        return Wanted(
            user, at.WRAPPED_SOL_MINT, key, at.TOKEN_PROGRAM, mint.program, order.spend_lamports, order.limit_raw
        )
    return Wanted(user, key, at.WRAPPED_SOL_MINT, mint.program, at.TOKEN_PROGRAM, order.token_raw, order.limit_raw)


@dataclass(frozen=True, slots=True)
class Left:
    """The lamports of the wallet with its wrapped SOL, those locked in its account of the token, and its raw tokens."""

    lamports: int
    locked_lamports: int
    token_raw: int

    @classmethod
    def of(cls, watched: Sequence[str], accounts: dict[str, AccountData | None]) -> Left:
        wallet, own, wrapped = (accounts.get(address) for address in watched)
        return cls(
            (wallet.lamports if wallet else 0) + (wrapped.lamports if wrapped else 0),
            own.lamports if own else 0,
            _amount(own),
        )


def _amount(account: AccountData | None) -> int:
    if account is None or account.owner not in map(str, at.TOKEN_PROGRAMS):
        return 0
    return int.from_bytes(account.data[TOKEN_ACCOUNT_PREFIX_BYTES - 8 : TOKEN_ACCOUNT_PREFIX_BYTES], "little")


def judge(order: SwapOrder, before: Left, after: Left) -> None:
    """Raise SendRejected unless a simulation gives the wallet at least what the order asks for, and takes no more."""
    fees = SIGNATURE_FEE_LAMPORTS + order.priority_fee_lamports + order.tip_lamports
    gained = after.lamports + after.locked_lamports - before.lamports - before.locked_lamports
    moved_raw = after.token_raw - before.token_raw
    if order.side is Side.SELL:
        if moved_raw != -order.token_raw:
            raise untrusted("a simulation takes another amount of tokens")
        if gained < order.limit_raw - fees:
            brings = format_sol(gained + fees, signed=True)
            raise untrusted(f"a simulation brings {brings} SOL, below the least of {format_sol(order.limit_raw)} SOL")
        return
    if moved_raw < order.limit_raw:
        raise untrusted("a simulation brings fewer tokens than the least")
    if -gained > order.spend_lamports + fees + OPENED_MAX_LAMPORTS:
        raise untrusted("a simulation takes more SOL than the order spends")
