"""What bot and vault say to each other: batches of requests, and as many answers in the same order.

A frame is its length in four bytes, the greatest first, and that much MessagePack. Whoever connects is greeted with one
`Greeting`; then each `Batch` gets one `Answers`, in turn.
"""

from __future__ import annotations

import struct
from typing import TypeVar

import msgspec
import trio

from bot.errors import BotError, KeyUnavailable, LeaseLost, SigningRefused

PROTOCOL = 1
FRAME_BYTES_MAX = 1_000_000
BATCH_MAX = 100
_LENGTH = struct.Struct(">I")

Frame = TypeVar("Frame")


class Broken(Exception):
    """The other side closed the connection, or sent what is no frame of this protocol."""


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A wallet and its sealed key, as they lie in the database."""

    user_id: str
    address: str
    master_key_id: str
    wrapped_data_key: bytes
    ciphertext: bytes


class Sign(msgspec.Struct, frozen=True, array_like=True, tag="sign"):
    """Sign a message of an intent that trades this token."""

    row: Row
    intent_id: str
    mint: str
    message: bytes


class Check(msgspec.Struct, frozen=True, array_like=True, tag="check"):
    """Tell whether this row opens and is this wallet's."""

    row: Row


class Reseal(msgspec.Struct, frozen=True, array_like=True, tag="reseal"):
    """Seal this row's key afresh, under the newest master key."""

    row: Row


class Adopt(msgspec.Struct, frozen=True, array_like=True, tag="adopt"):
    """Seal for this user the key that an earlier bot kept as a Fernet token."""

    user_id: str
    address: str
    token: bytes


class Create(msgspec.Struct, frozen=True, array_like=True, tag="create"):
    """Make a key for this user."""

    user_id: str


Request = Sign | Check | Reseal | Adopt | Create


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """`epoch` is that of the lease under which the bot asks, 0 where it has none yet."""

    epoch: int
    asked: list[Request]


class Signed(msgspec.Struct, frozen=True, array_like=True, tag="signed"):
    """64 bytes."""

    signature: bytes


class Opens(msgspec.Struct, frozen=True, array_like=True, tag="opens"):
    """The row opens."""


class Created(msgspec.Struct, frozen=True, array_like=True, tag="created"):
    """A wallet's address and its key, sealed: a new one, or one that was sealed afresh."""

    row: Row


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    """`kind` is one of KINDS; the text is for the log."""

    kind: str
    text: str


Answer = Signed | Opens | Created | Refused


class Answers(msgspec.Struct, frozen=True, array_like=True):
    """As many as were asked, in the same order."""

    answers: list[Answer]


class Greeting(msgspec.Struct, frozen=True, array_like=True):
    """What a vault says to whoever connects: its protocol, and the ids of the master keys that it holds, the newest first."""

    protocol: int
    key_ids: list[str]


# What a refusal is raised as on the other side.
KINDS: dict[str, type[BotError]] = {"key": KeyUnavailable, "policy": SigningRefused, "epoch": LeaseLost}


def refusal_of(error: KeyUnavailable | LeaseLost) -> Refused:
    """An error of the vault as its answer."""
    if isinstance(error, LeaseLost):
        return Refused("epoch", str(error))
    return Refused("policy" if isinstance(error, SigningRefused) else "key", str(error))


def error_of(refused: Refused) -> BotError:
    """The same error again."""
    return KINDS.get(refused.kind, KeyUnavailable)(refused.text)


async def send(stream: trio.abc.SendStream, frame: msgspec.Struct) -> None:
    """Write one frame; raises Broken."""
    body = msgspec.msgpack.encode(frame)
    try:
        await stream.send_all(_LENGTH.pack(len(body)) + body)
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise Broken(str(error) or "closed") from None


async def receive(stream: trio.abc.ReceiveStream, kind: type[Frame]) -> Frame:
    """Read one frame of this kind; raises Broken."""
    (length,) = _LENGTH.unpack(await _exactly(stream, _LENGTH.size))
    if length > FRAME_BYTES_MAX:
        raise Broken(f"a frame of {length} bytes")
    try:
        return msgspec.msgpack.decode(await _exactly(stream, length), type=kind)
    except msgspec.DecodeError as error:
        raise Broken(f"no frame of this protocol: {error}") from None


async def _exactly(stream: trio.abc.ReceiveStream, count: int) -> bytes:
    content = bytearray()
    while len(content) < count:
        try:
            part = await stream.receive_some(count - len(content))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise Broken(str(error) or "closed") from None
        if not part:
            raise Broken("the connection was closed")
        content += part
    return bytes(content)
