"""What Metaplex's account says of a token: the name of coins whose mint is one of SPL Token and has no place for it.

Layout: Metaplex's token-metadata program, `Metadata` in Borsh: its kind, two keys, then name, symbol and uri, each behind its
`u32` length and padded with zeros.
"""

from __future__ import annotations

from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain.endpoints import Endpoints
from bot.errors import DecodeError
from bot.trading.metadata import TokenMetadata

PROGRAM = Pubkey.from_string("metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s")
KIND = 4
MINT_AT = 33
TEXTS_AT = 65
TEXT_BYTES_MAX = 1_000


def address_of(mint: Pubkey) -> Pubkey:
    """Where the metadata of a mint stands."""
    return Pubkey.find_program_address([b"metadata", bytes(PROGRAM), bytes(mint)], PROGRAM)[0]


async def read(endpoints: Endpoints, mint: str) -> TokenMetadata | None:
    """None for a token without such an account. Raises DecodeError for a strange one, ChainUnavailable."""
    key = at.key_from(mint)
    asked = str(address_of(key))
    _, shown = await endpoints.first(lambda client: client.accounts([asked], "confirmed"), hedge=True)
    account = shown[asked]
    if account is None:
        return None
    if account.owner != str(PROGRAM):
        raise DecodeError(f"the metadata of {mint} belongs to {account.owner}")
    return decode(account.data, key)


def decode(data: bytes, mint: Pubkey) -> TokenMetadata:
    """Raises DecodeError for what is no metadata, or that of another mint."""
    if data[:1] != bytes([KIND]) or data[MINT_AT:TEXTS_AT] != bytes(mint):
        raise DecodeError(f"{len(data)} bytes are not the metadata of {mint}")
    texts, place = [], TEXTS_AT
    for _ in range(3):
        length = int.from_bytes(data[place : place + 4], "little")
        end = place + 4 + length
        if length > TEXT_BYTES_MAX or end > len(data):
            raise DecodeError(f"the metadata of {mint} is cut short at byte {place}")
        texts.append(data[place + 4 : end].decode(errors="replace").rstrip("\0"))
        place = end
    return TokenMetadata(*texts)
