"""The bytes of a token account, as far as they say whether it is empty and may be closed by its owner.

Source: the SPL token program's `Account` (165 bytes): mint 0, owner 32, amount 64, state 108, the optional native balance
109 and close authority 129, each a `u32` tag before its value; behind them the Token-2022 extensions as in `mints.py`.
"""

from __future__ import annotations

from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain.mints import extensions_of
from bot.chain.rpc import AccountData
from bot.errors import DecodeError

ACCOUNT_LENGTH = 165
ACCOUNT_TYPE_ACCOUNT = 2
INITIALIZED = 1
AMOUNT = slice(64, 72)

TRANSFER_FEE_AMOUNT = 2
WITHHELD_BYTES = 8
IMMUTABLE_OWNER = 7
MEMO_TRANSFER = 8
CPI_GUARD = 11
NON_TRANSFERABLE_ACCOUNT = 13
TRANSFER_HOOK_ACCOUNT = 15
PAUSABLE_ACCOUNT = 27
# They hold nothing that closing the account would lose, and the program closes an empty account all the same.
HARMLESS = frozenset(
    {
        TRANSFER_FEE_AMOUNT,
        IMMUTABLE_OWNER,
        MEMO_TRANSFER,
        CPI_GUARD,
        NON_TRANSFERABLE_ACCOUNT,
        TRANSFER_HOOK_ACCOUNT,
        PAUSABLE_ACCOUNT,
    }
)


def why_kept(account: AccountData, owner: Pubkey, mint: Pubkey) -> str | None:
    """Why a token account is not to be closed, None for an empty one that its owner may close."""
    data = account.data
    if len(data) >= ACCOUNT_LENGTH and int.from_bytes(data[AMOUNT], "little"):
        return "it is not empty"
    return why_unclosable(account, owner, mint)


def why_unclosable(account: AccountData, owner: Pubkey, mint: Pubkey) -> str | None:
    """Why a token account could not be closed by its owner once it is empty; None where it could."""
    data = account.data
    if account.owner not in map(str, at.TOKEN_PROGRAMS) or len(data) < ACCOUNT_LENGTH:
        return "it is no token account"
    if data[:64] != bytes(mint) + bytes(owner):
        return "it is of another mint or owner"
    if data[108] != INITIALIZED:
        return "it is frozen"
    if any(data[109:113]) or mint == at.WRAPPED_SOL_MINT:
        return "it holds SOL"
    if any(data[129:133]) and data[133:165] != bytes(owner):
        return "somebody else may close it"
    return _why_extended(data)


def _why_extended(data: bytes) -> str | None:
    """Fees withheld in an account go with it, so that the program keeps it until the mint's authority has taken them."""
    if len(data) == ACCOUNT_LENGTH:
        return None
    if data[ACCOUNT_LENGTH] != ACCOUNT_TYPE_ACCOUNT:
        return "it is no token account"
    try:
        extensions = dict(extensions_of(data))
    except DecodeError as error:
        return str(error)
    if unknown := sorted(set(extensions) - HARMLESS):
        return f"it has the extensions {unknown}"
    withheld = extensions.get(TRANSFER_FEE_AMOUNT)
    if withheld is not None and withheld != bytes(WITHHELD_BYTES):
        return "fees are withheld in it"
    return None
