"""Who can withdraw what from a coin's pool: the pool's own count of shares beside the supply of their mint."""

from __future__ import annotations

from bot.chain import addresses as at
from bot.chain.endpoints import Endpoints
from bot.chain.mints import MINT_LENGTH
from bot.chain.pool_layouts import decode_pool
from bot.chain.rpc import AccountData
from bot.errors import DecodeError
from bot.trading.liquidity import LiquidityLock


async def read(endpoints: Endpoints, mint: str) -> LiquidityLock:
    """Both accounts at one moment. Raises DecodeError where one is missing or not what it should be, ChainUnavailable."""
    pool = at.canonical_pool(at.key_from(mint))
    share_mint = at.share_mint(pool)
    asked = [str(pool), str(share_mint)]
    _, shown = await endpoints.first(lambda client: client.accounts(asked, "confirmed"), hedge=True)
    account = decode_pool(_owned(shown[asked[0]], str(at.POOL_PROGRAM), "the pool"))
    if account.share_mint != share_mint:
        raise DecodeError(f"the pool of {mint} names {account.share_mint} as the mint of its shares")
    shares = _owned(shown[asked[1]], str(at.TOKEN_2022_PROGRAM), "the mint of the pool's shares")
    if len(shares) < MINT_LENGTH:
        raise DecodeError(f"{len(shares)} bytes are no mint")
    return LiquidityLock(account.shares_raw, int.from_bytes(shares[36:44], "little"))


def _owned(account: AccountData | None, owner: str, what: str) -> bytes:
    if account is None:
        raise DecodeError(f"{what} is missing")
    if account.owner != owner:
        raise DecodeError(f"{what} belongs to {account.owner}")
    return account.data
