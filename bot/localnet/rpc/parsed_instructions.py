"""Instructions in the jsonParsed shape, for the programs that wallets and bots meet; the rest stays partly decoded."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from solders.pubkey import Pubkey

from bot.localnet.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    MEMO_PROGRAMS,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)
from bot.localnet.rpc import base58
from bot.localnet.tokens import ui_token_amount

Parsed = dict[str, Any]
Parser = Callable[[Sequence[str], bytes], Any]


def _u64(data: bytes, offset: int) -> int:
    (value,) = struct.unpack_from("<Q", data, offset)
    return int(value)


def _system(keys: Sequence[str], data: bytes) -> Parsed | None:
    (tag,) = struct.unpack_from("<I", data)
    if tag == 0:
        owner = str(Pubkey(data[20:52]))
        info = {
            "source": keys[0],
            "newAccount": keys[1],
            "lamports": _u64(data, 4),
            "space": _u64(data, 12),
            "owner": owner,
        }
        return {"type": "createAccount", "info": info}
    if tag == 2:
        return {
            "type": "transfer",
            "info": {"source": keys[0], "destination": keys[1], "lamports": _u64(data, 4)},
        }
    if tag == 4:
        info = {"nonceAccount": keys[0], "recentBlockhashesSysvar": keys[1], "nonceAuthority": keys[2]}
        return {"type": "advanceNonce", "info": info}
    return None


def _token(keys: Sequence[str], data: bytes) -> Parsed | None:
    tag = data[0]
    if tag == 3:
        info: Parsed = {"source": keys[0], "destination": keys[1], "authority": keys[2], "amount": str(_u64(data, 1))}
        return {"type": "transfer", "info": info}
    if tag == 7:
        info = {"mint": keys[0], "account": keys[1], "mintAuthority": keys[2], "amount": str(_u64(data, 1))}
        return {"type": "mintTo", "info": info}
    if tag == 8:
        info = {"account": keys[0], "mint": keys[1], "authority": keys[2], "amount": str(_u64(data, 1))}
        return {"type": "burn", "info": info}
    if tag == 9:
        return {"type": "closeAccount", "info": {"account": keys[0], "destination": keys[1], "owner": keys[2]}}
    if tag == 12:
        info = {
            "source": keys[0],
            "mint": keys[1],
            "destination": keys[2],
            "authority": keys[3],
            "tokenAmount": ui_token_amount(_u64(data, 1), data[9]),
        }
        return {"type": "transferChecked", "info": info}
    if tag == 17:
        return {"type": "syncNative", "info": {"account": keys[0]}}
    return None


def _associated_token(keys: Sequence[str], data: bytes) -> Parsed:
    names = ("source", "account", "wallet", "mint", "systemProgram", "tokenProgram")
    kind = "createIdempotent" if data[:1] == b"\x01" else "create"
    return {"type": kind, "info": {name: keys[index] for index, name in enumerate(names)}}


def _memo(_: Sequence[str], data: bytes) -> str:
    return data.decode()


PARSERS: dict[str, tuple[str, Parser]] = {
    str(SYSTEM_PROGRAM): ("system", _system),
    str(TOKEN_PROGRAM): ("spl-token", _token),
    str(TOKEN_2022_PROGRAM): ("spl-token-2022", _token),
    str(ASSOCIATED_TOKEN_PROGRAM): ("spl-associated-token-account", _associated_token),
    **{str(program): ("spl-memo", _memo) for program in MEMO_PROGRAMS},
}


def parse_instruction(program: str, keys: Sequence[str], data: bytes, stack_height: int) -> Parsed:
    """One instruction as jsonParsed shows it: parsed where the program and tag are known, else accounts and data."""
    parsed = None
    name, parser = PARSERS.get(program, ("", None))
    if parser is not None:
        try:
            parsed = parser(keys, data)
        except (struct.error, IndexError, UnicodeDecodeError):
            parsed = None
    if parsed is not None:
        return {"program": name, "programId": program, "parsed": parsed, "stackHeight": stack_height}
    return {
        "programId": program,
        "accounts": list(keys),
        "data": base58.encode(data),
        "stackHeight": stack_height,
    }
