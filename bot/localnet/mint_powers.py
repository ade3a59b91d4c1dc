"""What whoever has power over a mint can do with it, from the raw bytes of its account.

Layout of the token programs: 82 bytes, and behind byte 165 of a larger one its extensions as `u16` type, `u16` length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from solders.pubkey import Pubkey

_EXTENSIONS_AT = 166
_TRANSFER_FEE, _METADATA = 1, 19
_NEWER_FEE_BPS_AT = 106  # of the fee that holds from its epoch on: epoch, maximum, basis points


@dataclass(frozen=True, slots=True)
class MintPowers:
    """Who may mint and who may freeze, None for nobody; whether transfers cost a fee, and whether its name can be changed."""

    mint_authority: str | None
    freeze_authority: str | None
    takes_fee: bool
    can_rename: bool


def mint_powers(data: bytes) -> MintPowers:
    """The powers in an initialised mint's bytes."""
    extensions = dict(_extensions(data))
    fee, metadata = extensions.get(_TRANSFER_FEE, b""), extensions.get(_METADATA, b"")
    takes_fee = len(fee) >= _NEWER_FEE_BPS_AT + 2 and any(fee[_NEWER_FEE_BPS_AT : _NEWER_FEE_BPS_AT + 2])
    return MintPowers(_authority(data, 0), _authority(data, 46), takes_fee, any(metadata[:32]))


def _authority(data: bytes, place: int) -> str | None:
    (is_there,) = struct.unpack_from("<I", data, place)
    return str(Pubkey.from_bytes(data[place + 4 : place + 36])) if is_there else None


def _extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = _EXTENSIONS_AT
    while place + 4 <= len(data):
        kind, length = struct.unpack_from("<2H", data, place)
        yield kind, data[place + 4 : place + 4 + length]
        place += 4 + length
