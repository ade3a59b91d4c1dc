"""Canaries over the layouts that every trade hangs on: the programs' own accounts, and those of some coins.

Accounts grow at their tails and are read by prefix, so a longer one is well. Another owner, another discriminator, fewer
bytes than are read, or no fee recipient: then the program is not the one that this bot was written for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.chain import addresses as at
from bot.chain import layouts, pool_layouts
from bot.chain.endpoints import Endpoints
from bot.chain.rpc import AccountData
from bot.errors import DecodeError
from bot.trading.venue import PUMPSWAP

COINS = 5

Shown = Mapping[str, AccountData | None]


def some_of(coins: Sequence[str]) -> list[str]:
    """A few coins to look at, the latest last.

    Older ones are among them: whoever launches many traps at once has not launched those.
    """
    return [*coins[:: max(1, len(coins) // COINS)][:COINS], *coins[-COINS:]]


async def look(endpoints: Endpoints, program: str, mints: Sequence[str]) -> tuple[str, ...]:
    """Those of the mints that trade at the program, in their order, after everything that is read had its known layout.

    Raises DecodeError with the account that has not, ChainUnavailable.
    """
    is_pools = program == PUMPSWAP
    market = at.canonical_pool if is_pools else at.bonding_curve
    markets = {mint: str(market(at.key_from(mint))) for mint in mints}
    configs = (at.POOL_CONFIG, at.POOL_FEE_CONFIG) if is_pools else (at.GLOBAL, at.FEE_CONFIG)
    asked = [*map(str, configs), *markets.values()]
    _, shown = await endpoints.first(lambda client: client.accounts(asked, "confirmed"), hedge=True)
    if is_pools:
        _check_pool_config(shown)
        return tuple(mint for mint, address in markets.items() if _pool_is_there(shown[address], mint))
    _check_launchpad(shown)
    return tuple(mint for mint, address in markets.items() if _curve_is_open(shown[address], mint))


def _check_launchpad(shown: Shown) -> None:
    settings = _owned(shown[str(at.GLOBAL)], str(at.PUMP_PROGRAM), "the launchpad's Global account")
    account = layouts.decode_global(settings.data)
    if not account.fee_recipients or not account.buyback_fee_recipients:
        raise DecodeError("the launchpad's Global account names no fee recipient")
    fees = shown[str(at.FEE_CONFIG)]
    if fees is not None and fees.owner == str(at.FEES_PROGRAM):
        layouts.decode_fee_tiers(fees.data)


def _check_pool_config(shown: Shown) -> None:
    settings = _owned(shown[str(at.POOL_CONFIG)], str(at.POOL_PROGRAM), "the pools' GlobalConfig account")
    account = pool_layouts.decode_pool_config(settings.data)
    if not account.fee_recipients or not account.buyback_fee_recipients:
        raise DecodeError("the pools' GlobalConfig account names no fee recipient")
    fees = _owned(shown[str(at.POOL_FEE_CONFIG)], str(at.FEES_PROGRAM), "the pools' FeeConfig account")
    pool_layouts.decode_pool_fee_tiers(fees.data)


def _owned(account: AccountData | None, owner: str, what: str) -> AccountData:
    if account is None:
        raise DecodeError(f"{what} is missing")
    if account.owner != owner:
        raise DecodeError(f"{what} belongs to {account.owner}")
    return account


def _curve_is_open(account: AccountData | None, mint: str) -> bool:
    if account is None:
        return False
    curve = layouts.decode_curve(_owned(account, str(at.PUMP_PROGRAM), f"the curve of {mint}").data)
    return layouts.is_sol(curve.quote_mint) and not curve.complete


def _pool_is_there(account: AccountData | None, mint: str) -> bool:
    if account is None:
        return False
    pool = pool_layouts.decode_pool(_owned(account, str(at.POOL_PROGRAM), f"the pool of {mint}").data)
    if pool.base_mint != at.key_from(mint):
        raise DecodeError(f"the pool of {mint} names {pool.base_mint} as its coin")
    return layouts.is_sol(pool.quote_mint)
