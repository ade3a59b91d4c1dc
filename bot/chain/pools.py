"""Canonical pools as the chain shows them: reserves from their vaults, fees from their market cap."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog
import trio
from solders.hash import Hash
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain import pool_layouts, pool_transactions
from bot.chain.endpoints import Endpoints
from bot.chain.layouts import is_sol
from bot.chain.rpc import AccountData, Commitment
from bot.chain.shared_accounts import SharedAccounts
from bot.chain.transactions import Recipients
from bot.errors import ChainUnavailable, DecodeError
from bot.ports import SwapOrder
from bot.trading.pool import Pool, PoolFees, PoolFeeTier, fees_at, market_cap_lamports

CONFIG_MAX_AGE_S = 60.0
MAX_POOLS = 20_000
MIN_TOKEN_ACCOUNT_LENGTH = 72
MIN_MINT_LENGTH = 45

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Config:
    """The pool program's settings and the trio time at which they were read."""

    account: pool_layouts.PoolConfigAccount
    tiers: tuple[PoolFeeTier, ...]
    read_at_s: float


class Pools:
    """Reads the pools of coins that have left their curves, and builds trades in them."""

    def __init__(self, endpoints: Endpoints, shared: SharedAccounts) -> None:
        self._endpoints = endpoints
        self._shared = shared
        self._config: _Config | None = None
        self._config_lock = trio.Lock()
        self._known: OrderedDict[str, pool_transactions.PoolFacts] = OrderedDict()

    def token_program_of(self, mint: str) -> Pubkey | None:
        """The token program of a coin whose pool was read before; None for a coin that may still be on its curve."""
        known = self._known.get(mint)
        return None if known is None else known.token_program

    def latest(self, number: int) -> list[str]:
        """The mints whose pools were read for the first time last."""
        return list(self._known)[-number:]

    async def read(self, coins: Mapping[Pubkey, Pubkey], commitment: Commitment, besides: str = "") -> dict[str, Pool]:
        """The pools of these mints, each with its token program; a mint without a pool, or with a strange one, is left out.

        All accounts of one pool are of the same slot. On a cluster without a
        pool program that we know there are none. Raises ChainUnavailable.
        """
        if not coins:
            return {}
        try:
            config = await self.fresh_config()
        except DecodeError as error:
            # Coins on curves are read all the same; those without a readable pool wait for it.
            log.warning("pools_not_read", mints=len(coins), reason=str(error))
            return {}
        asked = [str(key) for mint, program in coins.items() for key in _accounts_of(mint, program)]
        seen = await self._shared.read(asked, commitment, besides=besides)
        slot, accounts = seen.slot, seen.accounts
        found: dict[str, Pool] = {}
        for mint, program in coins.items():
            shown = [accounts[str(key)] for key in _accounts_of(mint, program)]
            if shown[0] is None:
                self._known.pop(str(mint), None)
                continue
            try:
                account = _account_from(mint, program, shown[0])
                found[str(mint)] = _pool_from(account, shown[1:], config.tiers, slot, seen.name)
            except DecodeError as error:
                log.warning("pool_left_out", mint=str(mint), reason=str(error))
            else:
                facts = pool_transactions.PoolFacts(program, account.is_mayhem, account.is_cashback)
                self._known[str(mint)] = facts
        while len(self._known) > MAX_POOLS:
            self._known.popitem(last=False)
        return found

    def addresses(self, mint: str) -> list[str]:
        """The accounts that a pool which was read before is decoded from; raises LookupError for another one."""
        program = self.token_program_of(mint)
        if program is None:
            raise LookupError(f"the pool of {mint} has not been read yet")
        return [str(key) for key in _accounts_of(at.key_from(mint), program)]

    async def decoded(self, mint: str, accounts: Mapping[str, AccountData | None], slot: int, told_by: str) -> Pool:
        """The pool in these accounts. Raises LookupError as `addresses`, DecodeError, ChainUnavailable."""
        pool, *others = (accounts[address] for address in self.addresses(mint))
        program = self._known[mint].token_program
        if pool is None:
            raise DecodeError("the pool account is missing")
        config = await self.fresh_config()
        return _pool_from(_account_from(at.key_from(mint), program, pool), others, config.tiers, slot, told_by)

    async def fresh_config(self) -> _Config:
        """The pool program's settings, at most a minute old. Raises DecodeError when the cluster has no such program."""
        async with self._config_lock:
            known = self._config
            if known is None or trio.current_time() >= known.read_at_s + CONFIG_MAX_AGE_S:
                self._config = known = await self._read_config()
            return known

    async def _read_config(self) -> _Config:
        names = [str(at.POOL_CONFIG), str(at.POOL_FEE_CONFIG)]
        _, accounts = await self._endpoints.first(lambda client: client.accounts(names, "confirmed"))
        settings, fees = accounts[names[0]], accounts[names[1]]
        if settings is None or settings.owner != str(at.POOL_PROGRAM):
            raise DecodeError("this cluster has no pool program: its GlobalConfig account is missing")
        if fees is None or fees.owner != str(at.FEES_PROGRAM):
            raise DecodeError("this cluster has no fees for pools: their FeeConfig account is missing")
        return _Config(
            pool_layouts.decode_pool_config(settings.data),
            pool_layouts.decode_pool_fee_tiers(fees.data),
            trio.current_time(),
        )

    def message(self, order: SwapOrder, blockhash: Hash) -> bytes:
        """The message bytes of a trade in a pool that was read before; no I/O. Raises ChainUnavailable when it was not."""
        facts, recipients = self._accounts_for(order.mint)
        return pool_transactions.build_message(order, facts, recipients, blockhash)

    def round_trip(self, order: SwapOrder, blockhash: Hash, receive_lamports: int) -> tuple[bytes, int]:
        """A buy and the sale behind it, and where among the instructions the sale stands; raises as `message`."""
        facts, recipients = self._accounts_for(order.mint)
        return pool_transactions.build_round_trip(order, facts, recipients, blockhash, receive_lamports)

    def _accounts_for(self, mint: str) -> tuple[pool_transactions.PoolFacts, Recipients]:
        facts = self._known.get(mint)
        if self._config is None or facts is None:
            raise ChainUnavailable(f"the pool of {mint} has not been read yet")
        config, key = self._config.account, at.key_from(mint)
        return facts, pool_transactions.pick_recipients(config, key, is_mayhem=facts.is_mayhem)


def _accounts_of(mint: Pubkey, token_program: Pubkey) -> tuple[Pubkey, Pubkey, Pubkey, Pubkey]:
    """The pool, its two vaults and the mint, which says the supply."""
    pool = at.canonical_pool(mint)
    return pool, at.token_account(pool, mint, token_program), at.wrapped_sol(pool), mint


def _account_from(mint: Pubkey, token_program: Pubkey, shown: AccountData) -> pool_layouts.PoolAccount:
    """Raises DecodeError unless it is the pool that the launchpad opened for this mint against SOL."""
    if shown.owner != str(at.POOL_PROGRAM):
        raise DecodeError(f"the pool account belongs to {shown.owner}, not to the pool program")
    account = pool_layouts.decode_pool(shown.data)
    _, base_vault, quote_vault, _ = _accounts_of(mint, token_program)
    described = (account.creator, account.base_mint, account.base_vault, account.quote_vault)
    if described != (at.pool_authority(mint), mint, base_vault, quote_vault) or not is_sol(account.quote_mint):
        raise DecodeError("the pool account describes another pool than the one of its address")
    return account


def _pool_from(
    account: pool_layouts.PoolAccount,
    others: list[AccountData | None],
    tiers: tuple[PoolFeeTier, ...],
    slot: int,
    told_by: str,
) -> Pool:
    """The reserves of both vaults, and the fees at the market cap that follows from them.

    Where the creator set a fee of his own, the higher of it and the tier's is assumed, which errs on the safe side.
    """
    base_vault, quote_vault, mint = others
    token_raw = _amount(base_vault, 64, MIN_TOKEN_ACCOUNT_LENGTH, "a vault")
    quote_lamports = _amount(quote_vault, 64, MIN_TOKEN_ACCOUNT_LENGTH, "a vault")
    supply_raw = _amount(mint, 36, MIN_MINT_LENGTH, "the mint")
    priced_lamports = quote_lamports + account.virtual_quote_lamports
    fees = fees_at(tiers, market_cap_lamports(token_raw, priced_lamports, supply_raw))
    return Pool(
        token_raw=token_raw,
        quote_lamports=quote_lamports,
        virtual_quote_lamports=account.virtual_quote_lamports,
        supply_raw=supply_raw,
        fees=replace(fees, creator_bps=_creator_bps(account, fees)),
        creator=str(account.coin_creator),
        slot=slot,
        told_by=told_by,
    )


def _creator_bps(account: pool_layouts.PoolAccount, fees: PoolFees) -> int:
    if account.coin_creator == at.ZERO_KEY:
        return 0
    return max(fees.creator_bps, account.creator_fee_bps)


def _amount(shown: AccountData | None, offset: int, least_length: int, what: str) -> int:
    if shown is None or len(shown.data) < least_length or shown.owner not in map(str, at.TOKEN_PROGRAMS):
        raise DecodeError(f"{what} of the pool is missing")
    return int.from_bytes(shown.data[offset : offset + 8], "little")
