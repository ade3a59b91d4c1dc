"""Reading SPL token accounts and mints from raw account bytes (both token programs share the first 165 / 82 bytes)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypedDict

from solders.account import Account
from solders.pubkey import Pubkey

from bot.localnet.addresses import TOKEN_PROGRAMS

TOKEN_ACCOUNT_LENGTH = 165
MINT_LENGTH = 82
ACCOUNT_TYPE_OFFSET = 165
ACCOUNT_TYPE_MINT = 1
ACCOUNT_TYPE_TOKEN = 2


class UiTokenAmount(TypedDict):
    """Agave's shape of a token amount; `uiAmount` is a float on the wire and serves display only."""

    amount: str
    decimals: int
    uiAmount: float
    uiAmountString: str


@dataclass(frozen=True, slots=True)
class TokenAccount:
    """The fields of an initialised token account that indexes and balances need."""

    mint: Pubkey
    owner: Pubkey
    amount_raw: int


def token_account(account: Account | None) -> TokenAccount | None:
    """The token account held in `account`, or None when it is anything else or not initialised."""
    if account is None or account.owner not in TOKEN_PROGRAMS:
        return None
    data = account.data
    if len(data) < TOKEN_ACCOUNT_LENGTH or data[108] == 0:
        return None
    if len(data) > ACCOUNT_TYPE_OFFSET and data[ACCOUNT_TYPE_OFFSET] != ACCOUNT_TYPE_TOKEN:
        return None
    (amount_raw,) = struct.unpack_from("<Q", data, 64)
    return TokenAccount(Pubkey(data[:32]), Pubkey(data[32:64]), amount_raw)


def is_mint(account: Account | None) -> bool:
    """Whether `account` is an initialised mint of either token program."""
    if account is None or account.owner not in TOKEN_PROGRAMS:
        return False
    data = account.data
    plain = len(data) == MINT_LENGTH
    extended = len(data) > ACCOUNT_TYPE_OFFSET and data[ACCOUNT_TYPE_OFFSET] == ACCOUNT_TYPE_MINT
    return (plain or extended) and data[45] == 1


def mint_decimals(account: Account | None) -> int:
    """Decimals of a mint account; 0 when it is not a mint."""
    return account.data[44] if account is not None and is_mint(account) else 0


def mint_supply_raw(account: Account) -> int:
    """Supply of a mint in raw units."""
    (supply_raw,) = struct.unpack_from("<Q", account.data, 36)
    return int(supply_raw)


def ui_token_amount(amount_raw: int, decimals: int) -> UiTokenAmount:
    """`amount_raw` in Agave's JSON shape."""
    text = str(amount_raw)
    if decimals:
        text = text.rjust(decimals + 1, "0")
        text = f"{text[:-decimals]}.{text[-decimals:]}".rstrip("0").rstrip(".")
    return UiTokenAmount(
        amount=str(amount_raw),
        decimals=decimals,
        uiAmount=amount_raw / 10**decimals,
        uiAmountString=text,
    )
