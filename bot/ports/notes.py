"""What the vault seals for a user beside his wallets' keys, and his second factor: codes that the vault alone checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class NoteKind(StrEnum):
    """What a note is. It is bound to its kind as to its user, so that none passes for another."""

    CODE = "code"  # the secret of the codes in force
    PENDING = "pending code"  # one that was made and not confirmed
    ADDRESS = "address"  # where SOL of a wallet may be sent
    SAFE = "safe address"  # where the SOL of a frozen wallet is swept to
    EXPORT = "export"  # a wallet's key that its user wants to have
    UNLOCK = "unlock"  # the code of a page with a key in it; it is kept nowhere


@dataclass(frozen=True, slots=True)
class SealedNote:
    """Something that the vault wrote for itself: AES-256-GCM under what follows from the master key of this id.

    It is bound to its kind and its user as associated data. Nobody else can read or make one.
    """

    master_key_id: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewCode:
    """A fresh secret: `key` in base32, to be shown once, and `pending`, its note.

    `current` is the note of the codes in force as it has to be kept from now on, None where there was none.
    """

    key: str = field(repr=False)
    pending: SealedNote
    current: SealedNote | None


@dataclass(frozen=True, slots=True)
class NoteRow:
    """A note as its row has it: whose it is, its name, and what it is."""

    user_id: str
    name: str
    note: SealedNote


@dataclass(frozen=True, slots=True)
class Allowance:
    """The vault's note that allows an address, from when on, and the note of the code that was used."""

    note: SealedNote
    not_before_ms: int
    current: SealedNote


@dataclass(frozen=True, slots=True)
class Withdrawing:
    """A transfer to be signed: for which intent, the note of its address, the note of the codes, and one of them."""

    intent_id: str
    message: bytes
    allowed: SealedNote
    current: SealedNote
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sweeping:
    """A transfer out of a frozen wallet to be signed: for which intent, the note of its safe address, and that of the codes."""

    intent_id: str
    message: bytes
    safe: SealedNote
    current: SealedNote


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The wallet's signature (64 bytes), and the note of the codes as it has to be kept from now on."""

    signature: bytes
    current: SealedNote


@dataclass(frozen=True, slots=True)
class ExportDemand:
    """The vault's note of a key that its user wants, between which moments it counts, and the note of the code that was used."""

    note: SealedNote
    not_before_ms: int
    not_after_ms: int
    current: SealedNote


@dataclass(frozen=True, slots=True)
class ExportedKey:
    """A page (HTML, UTF-8) with a key in it that opens by a code alone, and the note for which the vault says that code.

    `current` is the note of the user's codes as it has to be kept from now on.
    """

    page: bytes = field(repr=False)
    unlock: SealedNote
    current: SealedNote


class SecondFactor(Protocol):
    """The vault's side. Each method raises CodeRefused for a code that it does not take, and KeyUnavailable.

    Where a note is given back it has to be kept in the place of the one that was given.
    """

    async def new_code(self, user_id: str, current: SealedNote | None, code: str) -> NewCode:
        """A fresh secret for a user, in force once it is confirmed; whoever has codes in force gives one of those."""

    async def confirm_code(self, user_id: str, pending: SealedNote, code: str) -> SealedNote:
        """Put a fresh secret in force by its first code; its note as a CODE."""

    async def renew_note(self, user_id: str, kind: NoteKind, note: SealedNote) -> SealedNote:
        """The same note, sealed afresh under the newest master key."""


class NoteStore(Protocol):
    """Rows of notes. Of one user each name stands once; a name begins with its kind."""

    async def notes(self, user_id: str) -> dict[str, SealedNote]:
        """A user's notes by their names."""

    async def keep_notes(self, user_id: str, notes: Mapping[str, SealedNote | None], action: str, now_ms: int) -> None:
        """Write some of a user's notes together, take those away that are None, and write the action into the audit.

        Raises LookupError for an unknown user.
        """

    async def notes_under(self) -> dict[str, int]:
        """How many notes are sealed under each master key, by its id."""

    async def notes_not_under(self, master_key_id: str, most: int, besides: int = 0) -> list[NoteRow]:
        """Notes under other master keys, by user and name, at most so many, without the first `besides`."""

    async def replace_note(self, row: NoteRow, after: SealedNote) -> bool:
        """Put a note in the place of the one that a row has; False, changing nothing, where it has another one by now."""


def kind_of(name: str) -> NoteKind:
    """What a note of this name is."""
    return NoteKind(name.partition(":")[0])
