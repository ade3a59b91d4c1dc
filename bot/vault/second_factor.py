"""A user's second factor: secrets of one-time codes that the vault makes, seals and checks. Nobody else ever reads one.

A secret is shown once, when it is made, and counts from its first right code on. Whoever has one in force gives a code of it for
another one; that none is in force is known by the book of codes, and not by who asks.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import msgspec
import structlog

from bot.errors import CodeRefused
from bot.ports import NewCode, NoteKind, SealedNote
from bot.vault import totp
from bot.vault.code_book import CodeBook
from bot.vault.notes import Notes

log = structlog.get_logger()

ID_BYTES = 16


class Secret(msgspec.Struct, frozen=True, array_like=True):
    """What a note of codes says. `used_step` is the last step that was used, `replaces` the id of the secret before it.

    `line` is the id of the first of those that replaced each other by their own codes: what was allowed under one counts
    under each of them, and under no secret that was made without a code.
    """

    id: str
    secret: bytes
    line: str
    used_step: int = 0
    replaces: str = ""

    def __repr__(self) -> str:
        return f"<Secret {self.id}>"


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """Whoever wants something of a user that takes his second factor asks `use` first."""

    notes: Notes
    book: CodeBook

    def new(self, user_id: str, current: SealedNote | None, code: str) -> NewCode:
        """See `SecondFactor.new_code`."""
        before, after = None, None
        if current is not None:
            before, after = self.use(user_id, current, code)
        elif self.book.in_force(user_id) is not None:
            log.error("second_factor_refused", user=user_id, reason="one is in force, and none was given")
            raise CodeRefused("codes of yours are in force; whoever runs this bot can see why they are not found")
        secret, secret_id = os.urandom(totp.SECRET_BYTES), os.urandom(ID_BYTES).hex()
        if before is None:
            fresh = Secret(secret_id, secret, line=secret_id)
        else:
            fresh = Secret(secret_id, secret, line=before.line, replaces=before.id)
        log.warning("second_factor_made", user=user_id, factor=fresh.id)
        return NewCode(totp.key_text(secret), self.notes.seal(user_id, NoteKind.PENDING, fresh), after)

    def confirm(self, user_id: str, pending: SealedNote, code: str) -> SealedNote:
        """See `SecondFactor.confirm_code`. To confirm once more is the same: the first answer may have been lost."""
        fresh = self.notes.open(user_id, NoteKind.PENDING, pending, Secret)
        known = self.book.in_force(user_id)
        if known is not None and known not in {fresh.id, fresh.replaces}:
            raise CodeRefused("another key has been put in force since that one was made; ask for a new one")
        step = self.book.take(user_id, fresh.id, fresh.secret, code)
        log.warning("second_factor_in_force", user=user_id, factor=fresh.id)
        return self.notes.seal(user_id, NoteKind.CODE, msgspec.structs.replace(fresh, used_step=step))

    def in_force(self, user_id: str, current: SealedNote) -> Secret:
        """What the note of the codes in force says; raises CodeRefused and KeyUnavailable. No code is used."""
        secret = self.notes.open(user_id, NoteKind.CODE, current, Secret)
        if self.book.in_force(user_id) not in {None, secret.id}:
            log.error("second_factor_refused", user=user_id, reason="another one is in force")
            raise CodeRefused("another key is in force than the one that was found; tell whoever runs this bot")
        return secret

    def use(self, user_id: str, current: SealedNote, code: str) -> tuple[Secret, SealedNote]:
        """Use a code up; its secret, and the note to keep from now on. Raises CodeRefused and KeyUnavailable.

        A vault that remembers nothing of the user believes the note: it was moved, or restored from a backup.
        """
        secret = self.in_force(user_id, current)
        step = self.book.take(user_id, secret.id, secret.secret, code, secret.used_step)
        return secret, self.notes.seal(user_id, NoteKind.CODE, msgspec.structs.replace(secret, used_step=step))
