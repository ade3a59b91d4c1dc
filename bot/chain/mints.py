"""The bytes of a token's mint: what both token programs say about the powers over its holders.

Source: the SPL token program's `Mint` (82 bytes) and the Token-2022 extensions behind it, each `u16` type, `u16` length
and its bytes. Whatever the bytes, the decoder returns facts or raises DecodeError: what it cannot read is no safe mint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import structlog

from bot.chain import base58
from bot.chain.witnessed import WitnessedReads
from bot.errors import DecodeError
from bot.trading.metadata import TokenMetadata
from bot.trading.token_check import MintFacts, MintPowers

log = structlog.get_logger()

MINTS_AT_ONCE = 100  # accounts of one getMultipleAccounts

MINT_LENGTH = 82
ACCOUNT_TYPE_AT = 165
EXTENSIONS_AT = 166
ACCOUNT_TYPE_MINT = 1

TRANSFER_FEE_CONFIG = 1
MINT_CLOSE_AUTHORITY = 3
CONFIDENTIAL_TRANSFER = 4
DEFAULT_ACCOUNT_STATE = 6
NON_TRANSFERABLE = 9
INTEREST_BEARING = 10
PERMANENT_DELEGATE = 12
TRANSFER_HOOK = 14
CONFIDENTIAL_TRANSFER_FEE = 16
METADATA_POINTER = 18
TOKEN_METADATA = 19
GROUP_POINTER = 20
TOKEN_GROUP = 21
GROUP_MEMBER_POINTER = 22
TOKEN_GROUP_MEMBER = 23
CONFIDENTIAL_MINT_BURN = 24
SCALED_AMOUNT = 25
PAUSABLE = 26

# The least bytes of the extensions that are read; a shorter one is no such extension.
LENGTHS = {
    TRANSFER_FEE_CONFIG: 108,
    MINT_CLOSE_AUTHORITY: 32,
    CONFIDENTIAL_TRANSFER: 65,
    DEFAULT_ACCOUNT_STATE: 1,
    NON_TRANSFERABLE: 0,
    INTEREST_BEARING: 52,
    PERMANENT_DELEGATE: 32,
    TRANSFER_HOOK: 64,
    CONFIDENTIAL_TRANSFER_FEE: 129,
    CONFIDENTIAL_MINT_BURN: 196,
    SCALED_AMOUNT: 56,
    PAUSABLE: 33,
}
# Names, pictures and collections: they say what a token is called and give nobody power over its holders.
HARMLESS = frozenset(
    {METADATA_POINTER, TOKEN_METADATA, GROUP_POINTER, TOKEN_GROUP, GROUP_MEMBER_POINTER, TOKEN_GROUP_MEMBER}
)

_NOBODY = bytes(32)
_STATE_INITIALIZED = 1
_FEES_AT = (88, 106)  # the basis points of the older and the newer fee: each is an epoch, a greatest fee and these


def decode_mint(data: bytes) -> MintFacts:
    """Facts of a mint account of either token program; raises DecodeError for anything else."""
    if len(data) != MINT_LENGTH and (len(data) <= ACCOUNT_TYPE_AT or data[ACCOUNT_TYPE_AT] != ACCOUNT_TYPE_MINT):
        raise DecodeError(f"{len(data)} bytes are no mint")
    if data[45] != 1:
        raise DecodeError("the mint is not initialised")
    extensions = dict(extensions_of(data))
    fee = extensions.get(TRANSFER_FEE_CONFIG)
    hook = extensions.get(TRANSFER_HOOK, b"")
    return MintFacts(
        can_mint=_option(data, 0),
        can_freeze=_option(data, 46),
        transfer_fee_bps=0 if fee is None else max(int.from_bytes(fee[at : at + 2], "little") for at in _FEES_AT),
        can_set_transfer_fee=fee is not None and fee[:32] != _NOBODY,
        has_permanent_delegate=extensions.get(PERMANENT_DELEGATE, _NOBODY)[:32] != _NOBODY,
        # A hook without a program can be given one later by its authority.
        has_transfer_hook=any(hook[:64]),
        frozen_at_birth=extensions.get(DEFAULT_ACCOUNT_STATE, bytes([_STATE_INITIALIZED]))[0] != _STATE_INITIALIZED,
        can_be_paused=any(extensions.get(PAUSABLE, b"")[:33]),
        cannot_be_transferred=NON_TRANSFERABLE in extensions,
        can_close_mint=extensions.get(MINT_CLOSE_AUTHORITY, _NOBODY)[:32] != _NOBODY,
        can_mint_unseen=CONFIDENTIAL_MINT_BURN in extensions,
        hides_transfers=CONFIDENTIAL_TRANSFER in extensions or CONFIDENTIAL_TRANSFER_FEE in extensions,
        bears_interest=INTEREST_BEARING in extensions,
        is_scaled=SCALED_AMOUNT in extensions,
        unknown_extensions=tuple(sorted(set(extensions) - set(LENGTHS) - HARMLESS)),
    )


def decode_powers(data: bytes) -> MintPowers:
    """Who holds the two powers that every mint has; raises DecodeError for what is no mint."""
    facts = decode_mint(data)
    return MintPowers(
        mint_authority=base58.encode(data[4:36]) if facts.can_mint else "",
        freeze_authority=base58.encode(data[50:82]) if facts.can_freeze else "",
    )


async def read_powers(reads: WitnessedReads, mints: Sequence[str]) -> dict[str, MintPowers]:
    """Those of the mints that two endpoints show alike, where there are two; see the port `Chain`."""
    found: dict[str, MintPowers] = {}
    for start in range(0, len(mints), MINTS_AT_ONCE):
        looks = await reads.twice(mints[start : start + MINTS_AT_ONCE])
        for mint in looks[0]:
            accounts = [look[mint] for look in looks]
            try:
                powers = {decode_powers(account.data) for account in accounts if account is not None}
            except DecodeError as error:
                log.warning("mint_powers_not_read", mint=mint, reason=str(error))
                continue
            if None not in accounts and len(powers) == 1:
                found[mint] = powers.pop()
    return found


def decode_metadata(data: bytes) -> TokenMetadata | None:
    """What a mint's own metadata extension calls it; None for a mint without one. Raises DecodeError for a strange one.

    Source: the SPL token-metadata interface, in Borsh: two keys, then name, symbol and uri, each behind its `u32` length.
    """
    if len(data) <= MINT_LENGTH:
        return None
    extension = dict(extensions_of(data)).get(TOKEN_METADATA)
    if extension is None:
        return None
    texts, at = [], 64
    for _ in range(3):
        end = at + 4 + int.from_bytes(extension[at : at + 4], "little")
        if at + 4 > len(extension) or end > len(extension):
            raise DecodeError(f"the mint's metadata is cut short at byte {at}")
        texts.append(extension[at + 4 : end].decode(errors="replace"))
        at = end
    return TokenMetadata(*texts)


def _option(data: bytes, at: int) -> bool:
    """Whether an optional key is there: a `u32` tag, 0 or 1, before its 32 bytes."""
    tag = int.from_bytes(data[at : at + 4], "little")
    if tag > 1:
        raise DecodeError(f"the mint has the tag {tag} at byte {at}, where only 0 and 1 can stand")
    return tag == 1


def extensions_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and bytes of each extension of a mint or a token account; type 0 ends them, as does the end of the account.

    Raises DecodeError for one that is cut short or stands there twice.
    """
    at, seen = EXTENSIONS_AT, set[int]()
    while at + 2 <= len(data):
        kind = int.from_bytes(data[at : at + 2], "little")
        if kind == 0:
            return
        end = at + 4 + int.from_bytes(data[at + 2 : at + 4], "little")
        value = data[at + 4 : end]
        if end > len(data) or at + 4 > len(data) or len(value) < LENGTHS.get(kind, 0) or kind in seen:
            raise DecodeError(f"the extension {kind} at byte {at} is cut short or stands there twice")
        seen.add(kind)
        yield kind, value
        at = end
