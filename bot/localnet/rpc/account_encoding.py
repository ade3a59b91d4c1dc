"""Accounts in the JSON shapes of Agave: base58, base64 and jsonParsed (token accounts and mints), and filters on them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey

from bot.localnet.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from bot.localnet.rpc import base58
from bot.localnet.rpc.params import Config, invalid
from bot.localnet.tokens import is_mint, mint_supply_raw, token_account, ui_token_amount

PARSED_PROGRAM_NAMES = {TOKEN_PROGRAM: "spl-token", TOKEN_2022_PROGRAM: "spl-token-2022"}
TOKEN_STATES = ("uninitialized", "initialized", "frozen")
ENCODINGS = ("base58", "base64", "base64+zstd", "jsonParsed", "binary")
BASE58_LIMIT_BYTES = 128

DecimalsOf = Callable[[Pubkey], int]


def encode_account(
    account: Account | None, encoding: str, data_slice: slice, decimals_of: DecimalsOf
) -> dict[str, Any] | None:
    """An account as `getAccountInfo` shows it; None stays None. `decimals_of` looks up a mint's decimals."""
    if account is None:
        return None
    return {
        "lamports": account.lamports,
        "data": _encode_data(account, encoding, data_slice, decimals_of),
        "owner": str(account.owner),
        "executable": account.executable,
        "rentEpoch": account.rent_epoch,
        "space": len(account.data),
    }


def _encode_data(account: Account, encoding: str, data_slice: slice, decimals_of: DecimalsOf) -> Any:
    if encoding not in ENCODINGS or encoding == "base64+zstd":
        raise invalid(f"Invalid params: encoding `{encoding}` is not available here.")
    data = account.data[data_slice]
    if encoding == "jsonParsed":
        parsed = parse_account(account, decimals_of)
        if parsed is not None:
            return parsed
    if encoding in ("base58", "binary"):
        if len(data) > BASE58_LIMIT_BYTES:
            raise invalid("Encoded binary (base 58) data should be less than 128 bytes, please use Base64 encoding.")
        text = base58.encode(data)
        return text if encoding == "binary" else [text, "base58"]
    return [base64.b64encode(data).decode(), "base64"]


def _optional_key(field: bytes) -> str | None:
    """A COption<Pubkey>: a 4-byte tag, then the key."""
    return str(Pubkey(field[4:36])) if field[0] else None


def parse_account(account: Account, decimals_of: DecimalsOf) -> dict[str, Any] | None:
    """The jsonParsed data of a mint or token account; None for anything else (the caller falls back to base64)."""
    program = PARSED_PROGRAM_NAMES.get(account.owner)
    if program is None:
        return None
    data = account.data
    held = token_account(account)
    if is_mint(account):
        kind = "mint"
        info: dict[str, Any] = {
            "decimals": data[44],
            "freezeAuthority": _optional_key(data[46:82]),
            "isInitialized": True,
            "mintAuthority": _optional_key(data[0:36]),
            "supply": str(mint_supply_raw(account)),
        }
    elif held is not None:
        kind = "account"
        info = {
            "isNative": data[109] == 1,
            "mint": str(held.mint),
            "owner": str(held.owner),
            "state": TOKEN_STATES[data[108]],
            "tokenAmount": ui_token_amount(held.amount_raw, decimals_of(held.mint)),
        }
    else:
        return None
    return {"parsed": {"info": info, "type": kind}, "program": program, "space": len(data)}


def matches_filters(account: Account, filters: Any) -> bool:
    """Whether an account passes every filter of a program-account query (`dataSize`, `memcmp`, `tokenAccountState`)."""
    if filters is None:
        return True
    if not isinstance(filters, list) or len(filters) > 4:
        raise invalid("Invalid params: `filters` must be a list of at most 4 filters.")
    return all(_matches(account, one) for one in filters)


def _matches(account: Account, condition: Any) -> bool:
    if condition in ("tokenAccountState", {"tokenAccountState": None}):
        return token_account(account) is not None
    if not isinstance(condition, dict):
        raise invalid("Invalid params: a filter must be an object.")
    size = Config(condition).integer("dataSize")
    if size is not None:
        return len(account.data) == size
    comparison = Config(condition).mapping("memcmp")
    if comparison is None:
        raise invalid("Invalid params: unknown filter.")
    offset = Config(comparison).integer("offset") or 0
    expected = _memcmp_bytes(comparison)
    return account.data[offset : offset + len(expected)] == expected


def _memcmp_bytes(comparison: dict[str, Any]) -> bytes:
    value = comparison.get("bytes")
    try:
        if isinstance(value, list):
            return bytes(value)
        if isinstance(value, str):
            return base64.b64decode(value) if comparison.get("encoding") == "base64" else base58.decode(value)
    except ValueError as error:
        raise invalid("Invalid params: `memcmp.bytes` cannot be decoded.") from error
    raise invalid("Invalid params: `memcmp` needs `bytes`.")
