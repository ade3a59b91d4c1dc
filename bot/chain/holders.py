"""The largest holders of a token, from `getTokenLargestAccounts`, without the accounts that belong to nobody."""

from __future__ import annotations

from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain.endpoints import Endpoints
from bot.chain.mints import MINT_LENGTH
from bot.chain.rpc import TOKEN_ACCOUNT_PREFIX_BYTES, AccountData
from bot.errors import DecodeError
from bot.trading.holders import Holders

# Whoever sends tokens to this address burns them.
INCINERATOR = Pubkey.from_string("1nc1nerator11111111111111111111111111111111")


async def read(endpoints: Endpoints, mint: str, creator: str) -> Holders:
    """Raises LookupError for no mint, DecodeError for a strange account, ChainUnavailable where the method is refused."""
    key = at.key_from(mint)
    nobodys = {one for owner in (at.bonding_curve(key), at.canonical_pool(key), INCINERATOR) for one in _of(owner, key)}
    creators = _of(at.key_from(creator), key)
    largest = await endpoints.first(lambda client: client.largest_accounts(mint), hedge=True)
    _, shown = await endpoints.first(lambda client: client.accounts([mint, *creators], "confirmed"), hedge=True)
    mint_account = shown[mint]
    if mint_account is None:
        raise LookupError(f"{mint} is no token")
    if len(mint_account.data) < MINT_LENGTH:
        raise DecodeError(f"{len(mint_account.data)} bytes are no mint")
    return Holders(
        supply_raw=int.from_bytes(mint_account.data[36:44], "little"),
        largest_raw=tuple(sorted((raw for address, raw in largest if address not in nobodys and raw), reverse=True)),
        creator_raw=sum(_held(shown[address]) for address in creators),
    )


def _of(owner: Pubkey, mint: Pubkey) -> list[str]:
    """The owner's token accounts of both token programs; at most one of them is there."""
    return [str(at.token_account(owner, mint, program)) for program in at.TOKEN_PROGRAMS]


def _held(account: AccountData | None) -> int:
    if account is None:
        return 0
    if len(account.data) < TOKEN_ACCOUNT_PREFIX_BYTES:
        raise DecodeError(f"a token account of {len(account.data)} bytes")
    return int.from_bytes(account.data[64:72], "little")
