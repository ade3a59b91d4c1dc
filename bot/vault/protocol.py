"""What bot and vault say to each other: batches of requests, and as many answers in the same order.

A frame is its length in four bytes, the greatest first, and that much MessagePack. Whoever connects is greeted with one
`Greeting`; then each `Batch` gets one `Answers`, in turn.
"""

from __future__ import annotations

import struct
from typing import TypeVar

import msgspec
import trio

from bot.errors import BotError, CodeRefused, KeyUnavailable, LeaseLost, SigningRefused, WalletFrozen
from bot.ports import NoteKind, SealedNote

PROTOCOL = 3
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


class Note(msgspec.Struct, frozen=True, array_like=True):
    """A sealed note, as it lies in the database."""

    master_key_id: str
    content: bytes


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


class NewSecret(msgspec.Struct, frozen=True, array_like=True, tag="new_code"):
    """Make a secret for a user's codes. `current` is the note of those in force, and `code` one of them."""

    user_id: str
    current: Note | None
    code: str


class Confirm(msgspec.Struct, frozen=True, array_like=True, tag="confirm_code"):
    """Put a user's fresh secret in force by a first code."""

    user_id: str
    pending: Note
    code: str


class Renew(msgspec.Struct, frozen=True, array_like=True, tag="renew"):
    """Seal this note afresh, under the newest master key."""

    user_id: str
    kind: NoteKind
    note: Note


class Allow(msgspec.Struct, frozen=True, array_like=True, tag="allow"):
    """Allow withdrawals from this wallet to an address, or its sweep, for a code of its user."""

    row: Row
    address: str
    current: Note
    code: str
    is_safe: bool = False


class Transfer(msgspec.Struct, frozen=True, array_like=True, tag="transfer"):
    """Sign a withdrawal to an allowed address, for a code of the wallet's user."""

    row: Row
    intent_id: str
    message: bytes
    allowed: Note
    current: Note
    code: str


class DemandKey(msgspec.Struct, frozen=True, array_like=True, tag="demand_key"):
    """Note that this wallet's user wants its key, for a code of his."""

    row: Row
    current: Note
    code: str


class ExportKey(msgspec.Struct, frozen=True, array_like=True, tag="export_key"):
    """Hand a key out as a page, for a demand whose time has come and another code."""

    row: Row
    demand: Note
    current: Note
    code: str


class SayCode(msgspec.Struct, frozen=True, array_like=True, tag="page_code"):
    """Say the code of a page."""

    user_id: str
    unlock: Note


class TakeBack(msgspec.Struct, frozen=True, array_like=True, tag="take_back"):
    """Let no key of this user be taken that he asked for until now."""

    user_id: str


class Freeze(msgspec.Struct, frozen=True, array_like=True, tag="freeze"):
    """Sign nothing for this wallet from now on."""

    row: Row


class Unfreeze(msgspec.Struct, frozen=True, array_like=True, tag="unfreeze"):
    """Sign for this wallet again, for a code of its user."""

    row: Row
    current: Note
    code: str


class Sweep(msgspec.Struct, frozen=True, array_like=True, tag="sweep"):
    """Sign a transfer from this frozen wallet to its user's safe address."""

    row: Row
    intent_id: str
    message: bytes
    safe: Note
    current: Note


OfFreezes = Freeze | Unfreeze
OfExports = DemandKey | ExportKey | SayCode | TakeBack
OfNotes = NewSecret | Confirm | Renew
Request = Sign | Check | Reseal | Adopt | Create | OfNotes | Allow | Transfer | Sweep | OfFreezes | OfExports


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


class Secret(msgspec.Struct, frozen=True, array_like=True, tag="secret"):
    """A fresh secret, to be shown once, its note, and the note of the codes in force as it is from now on."""

    key: str
    pending: Note
    current: Note | None

    def __repr__(self) -> str:
        return "<Secret>"


class Noted(msgspec.Struct, frozen=True, array_like=True, tag="noted"):
    """A note to be kept."""

    note: Note


class Allowed(msgspec.Struct, frozen=True, array_like=True, tag="allowed"):
    """The note that allows an address, from when on (milliseconds since 1970), and that of the codes from now on."""

    note: Note
    not_before_ms: int
    current: Note


class Transferred(msgspec.Struct, frozen=True, array_like=True, tag="transferred"):
    """64 bytes, and the note of the codes from now on."""

    signature: bytes
    current: Note


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    """`kind` is one of KINDS; the text is for the log."""

    kind: str
    text: str


class Demanded(msgspec.Struct, frozen=True, array_like=True, tag="demanded"):
    """The note of a demand, between which moments it counts (milliseconds since 1970), and that of the codes from now on."""

    note: Note
    not_before_ms: int
    not_after_ms: int
    current: Note


class Exported(msgspec.Struct, frozen=True, array_like=True, tag="exported"):
    """A page with a key in it, the note for which its code is said, and that of the codes from now on."""

    page: bytes
    unlock: Note
    current: Note

    def __repr__(self) -> str:
        return "<Exported>"


class PageCode(msgspec.Struct, frozen=True, array_like=True, tag="code"):
    """What opens a page."""

    code: str

    def __repr__(self) -> str:
        return "<PageCode>"


class Done(msgspec.Struct, frozen=True, array_like=True, tag="done"):
    """It is remembered."""


Answer = (
    Signed | Opens | Created | Secret | Noted | Allowed | Transferred | Demanded | Exported | PageCode | Done | Refused
)


class Answers(msgspec.Struct, frozen=True, array_like=True):
    """As many as were asked, in the same order."""

    answers: list[Answer]


class Greeting(msgspec.Struct, frozen=True, array_like=True):
    """What a vault says to whoever connects: its protocol, and the ids of the master keys that it holds, the newest first."""

    protocol: int
    key_ids: list[str]


# What a refusal is raised as on the other side.
KINDS: dict[str, type[BotError]] = {
    "key": KeyUnavailable,
    "policy": SigningRefused,
    "frozen": WalletFrozen,
    "code": CodeRefused,
    "epoch": LeaseLost,
}


def refusal_of(error: KeyUnavailable | LeaseLost) -> Refused:
    """An error of the vault as its answer."""
    if isinstance(error, LeaseLost):
        return Refused("epoch", str(error))
    if isinstance(error, CodeRefused):
        return Refused("code", str(error))
    if isinstance(error, WalletFrozen):
        return Refused("frozen", str(error))
    return Refused("policy" if isinstance(error, SigningRefused) else "key", str(error))


def error_of(refused: Refused) -> BotError:
    """The same error again."""
    return KINDS.get(refused.kind, KeyUnavailable)(refused.text)


def note_of(note: SealedNote) -> Note:
    """A note, for its way."""
    return Note(note.master_key_id, note.content)


def sealed_of(note: Note) -> SealedNote:
    """The same note again."""
    return SealedNote(note.master_key_id, note.content)


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
