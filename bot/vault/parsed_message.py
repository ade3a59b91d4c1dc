"""A message's bytes as instructions with their accounts. Only v0 messages that one wallet pays for and signs alone are read.

Layout: the Solana documentation, "Transactions: versioned". What does not come out as the same bytes when it is written
again is refused, so that no two readers can take it for different things.
"""

from __future__ import annotations

from dataclasses import dataclass

from solders.message import MessageV0, from_bytes_versioned, to_bytes_versioned
from solders.pubkey import Pubkey

from bot.errors import SigningRefused

MESSAGE_BYTES_MAX = 1_232 - 1 - 64  # a packet less one signature and their count
VERSION_0 = 0x80


@dataclass(frozen=True, slots=True)
class Called:
    """One instruction. An account that is named through a lookup table is None: the vault cannot see which one it is."""

    program: Pubkey
    data: bytes
    accounts: tuple[Pubkey | None, ...]


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A message, its one signer and its instructions in their order."""

    payer: Pubkey
    instructions: tuple[Called, ...]
    has_tables: bool


def parse_message(message: bytes) -> ParsedMessage:
    """Read a message; raises SigningRefused for bytes that are none, or that ask for more than one signature."""
    if not 0 < len(message) <= MESSAGE_BYTES_MAX:
        raise SigningRefused(f"a message of {len(message)} bytes fits no transaction")
    if message[0] != VERSION_0:
        raise SigningRefused("the message is no message of version 0")
    try:
        parsed = from_bytes_versioned(message)
    except ValueError:
        raise SigningRefused("the bytes are no message") from None
    if not isinstance(parsed, MessageV0) or to_bytes_versioned(parsed) != message:
        raise SigningRefused("the bytes can be read in more than one way")
    keys = parsed.account_keys
    if parsed.header.num_required_signatures != 1 or not keys or len(set(keys)) != len(keys):
        raise SigningRefused("the message asks for another signature than the wallet's")
    called = []
    for one in parsed.instructions:
        if not 0 < one.program_id_index < len(keys):
            raise SigningRefused("an instruction names no program")
        accounts = tuple(keys[place] if place < len(keys) else None for place in one.accounts)
        called.append(Called(keys[one.program_id_index], bytes(one.data), accounts))
    return ParsedMessage(keys[0], tuple(called), bool(parsed.address_table_lookups))
