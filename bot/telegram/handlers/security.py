"""A user's second factor: one-time codes of an authenticator, which the vault makes and checks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from bot.clock import Clock
from bot.commands import Command
from bot.errors import CodeRefused, KeyUnavailable
from bot.ports import NoteKind, SealedNote, Store, User, Vault
from bot.telegram.chat import Answer, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.parsing import UsageError, wrong_usage

ISSUER = "trading-bot"
NEW = "new"
NO_CODES = "that takes your second factor; /totp makes one"
MADE, CONFIRMED = "second factor made", "second factor in force"  # the actions of the audit
VAULT_AWAY = (
    "the vault cannot do that now; nothing was changed. Try again shortly, and tell whoever runs this bot if it stays"
)

_CODE = re.compile(r"\d{6}", re.ASCII)


def code_in(word: str, command: Command) -> str:
    """A one-time code as somebody typed it; raises UsageError."""
    if not _CODE.fullmatch(word):
        raise UsageError(f"a code is the six digits that your authenticator shows now; usage: {command.usage}")
    return word


def refused_by_vault(error: KeyUnavailable) -> UsageError:
    """What a user hears of what the vault does not do; only what it says of a code is meant for him."""
    return UsageError(f"Not done: {error if isinstance(error, CodeRefused) else VAULT_AWAY}.")


@dataclass(frozen=True, slots=True)
class SecurityHandlers:
    """`/totp`. No secret and no code is kept here, logged, or part of an error."""

    store: Store
    vault: Vault
    clock: Clock

    async def totp(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str | Answer:
        user = known(incoming)
        notes = await self.store.notes(user.id)
        current, pending = notes.get(NoteKind.CODE), notes.get(NoteKind.PENDING)
        try:
            if not arguments and current is None:
                return await self._make(user, None, "")
            if not arguments:
                return (
                    f"Your second factor is in force: what moves money out takes a code of it. /{command.name} {NEW} CODE puts"
                    " another key in its place, with a code of the present one."
                )
            if arguments[0].lower() == NEW and len(arguments) == 2 and current is not None:
                return await self._make(user, current, code_in(arguments[1], command))
            if len(arguments) == 1:
                return await self._confirm(user, current, pending, code_in(arguments[0], command))
        except KeyUnavailable as error:
            raise refused_by_vault(error) from None
        raise wrong_usage(command)

    async def _make(self, user: User, current: SealedNote | None, code: str) -> Answer:
        """A fresh key, shown once. It counts from its confirmation on, and until then the one before it."""
        made = await self.vault.new_code(user.id, current, code)
        notes = {NoteKind.PENDING.value: made.pending}
        if made.current is not None:
            notes[NoteKind.CODE.value] = made.current
        await self.store.keep_notes(user.id, notes, MADE, self.clock.now_ms())
        account = quote(f"{ISSUER}:{user.handle}", safe="")
        shown = f"{made.key}\n\notpauth://totp/{account}?secret={made.key}&issuer={ISSUER}&algorithm=SHA1&digits=6&period=30"
        text = (
            "Below is the key of your second factor, once and never again: put it into an authenticator on another device than"
            " this one, as text or by its link. I delete that message after a minute; delete it yourself should it stay. Then"
            " send /totp with the six digits that the authenticator shows. Without this key nothing can be moved out of your"
            " wallets, so keep the authenticator's backup."
        )
        return Answer(text, secret=shown)

    async def _confirm(self, user: User, current: SealedNote | None, pending: SealedNote | None, code: str) -> str:
        if pending is None:
            if current is None:
                raise UsageError("there is no key to confirm yet; /totp makes one")
            raise UsageError(f"your second factor is in force already; /totp {NEW} CODE makes another key")
        note = await self.vault.confirm_code(user.id, pending, code)
        kept = {NoteKind.CODE.value: note, NoteKind.PENDING.value: None}
        await self.store.keep_notes(user.id, kept, CONFIRMED, self.clock.now_ms())
        return (
            "Your second factor is in force from now on. Each code counts once; after five wrong ones in a row none is taken for"
            " a while."
        )
