"""The console side of the chat: who speaks on the control socket, and messages to whoever listens there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from bot.clock import Clock
from bot.console_pictures import PictureShelf
from bot.errors import BotError, Unavailable
from bot.ports import OutboxMessage, Pictures, Store, User, telegram_id_of
from bot.telegram.chat import Chat, Incoming
from bot.telegram.replies import message_text

log = structlog.get_logger()

Push = Callable[[str], None]
Say = Callable[[str], None]


@dataclass(slots=True)
class ConsoleMessenger:
    """Implements `bot.ports.Messenger`: a line on the bot's own console, and a push to every open chat of the user."""

    say: Say
    _listeners: dict[str, list[Push]] = field(default_factory=dict)

    def listen(self, user_id: str, push: Push) -> None:
        """Push this user's messages to a chat, until a push fails."""
        listeners = self._listeners.setdefault(user_id, [])
        if push not in listeners:
            listeners.append(push)

    async def deliver(self, user: User, message: OutboxMessage, *, silent: bool = False) -> None:  # noqa: ARG002
        """A console has no sound."""
        text = message_text(message)
        self.say(f"{user.handle}: {text}")
        for push in list(self._listeners.get(user.id, ())):
            try:
                push(text)
            except BotError:
                self._listeners[user.id].remove(push)

    async def amend(self, user: User, message: OutboxMessage) -> None:
        """What a console has shown stays."""

    def illustrate(self, user: User, message: OutboxMessage, pictures: Pictures) -> None:
        """A console shows no pictures; it keeps those that somebody asks for."""


def _as_asked(asked: str | None) -> str | None:
    return asked


@dataclass(frozen=True, slots=True)
class Console:
    """Opens conversations (decisions, what it never does, 3).

    `only` turns whom somebody asks to speak for (None: nobody in particular) into whom he speaks for, or raises BotError;
    profile local lets everybody speak for anybody. `shelf` keeps the pictures that follow answers.
    """

    store: Store
    clock: Clock
    chat: Chat
    messenger: ConsoleMessenger
    only: Callable[[str | None], str | None] = _as_asked
    shelf: PictureShelf | None = None

    async def open(self, request: dict[str, Any], push: Push) -> Callable[[str], Awaitable[str]]:
        """A replier for one conversation; raises BotError when nobody can be spoken for."""
        speaker = await self._speaker(request.get("as"))
        conversation = _Conversation(self, speaker, push)
        try:
            await conversation.look()
        except Unavailable as error:
            log.warning("conversation_begins_without_database", reason=str(error))
        return conversation.reply

    async def _speaker(self, asked: object) -> str:
        """The Telegram id or the handle to speak for. While the database is away a name that was given is believed."""
        asked = self.only(None if asked is None else str(asked))
        if asked is None:
            users = [user for user in await self.store.users() if not user.has_left]
            if not users:
                raise BotError("there is no user yet; use --as TELEGRAM_ID")
            return users[0].handle
        speaker = str(asked)
        try:
            if telegram_id_of(speaker) is None and await self.user(speaker) is None:
                raise BotError(
                    f"there is no user {speaker[:50]!r}; give a Telegram id, or the handle of an existing user"
                )
        except Unavailable as error:
            log.warning("speaker_not_looked_up", reason=str(error))
        return speaker

    async def user(self, speaker: str) -> User | None:
        """The user of a Telegram id or a handle, None when there is none."""
        if (telegram_id := telegram_id_of(speaker)) is not None:
            return await self.store.user_by_telegram_id(telegram_id)
        return await self.store.user_by_handle(speaker)


@dataclass(slots=True)
class _Conversation:
    """One open chat. A database that is away does not end it: the user is then the one who was last looked up."""

    console: Console
    speaker: str
    push: Push
    user: User | None = None

    async def reply(self, text: str) -> str:
        key = f"console:{self.console.clock.new_id()}"
        try:
            await self.look()
        except Unavailable as error:
            if self.user is None:
                return self.console.chat.unavailable(error, key)
        incoming = Incoming(self.user, telegram_id_of(self.speaker), text, key)
        answer = await self.console.chat.answer(incoming)
        if self.user is None:
            with suppress(Unavailable):  # a newcomer, whose next line looks again
                await self.look()
        if answer.picture is not None and self.console.shelf is not None:
            self.console.shelf.show(answer.picture, self.push)
        document = "" if answer.document is None else answer.document.content.decode(errors="replace")
        secret = answer.secret
        if secret is not None and not isinstance(secret, str):
            secret = await secret()
        return "\n".join(filter(None, [answer.text, document, secret]))

    async def look(self) -> None:
        """Look up who speaks, and let him hear his messages."""
        self.user = await self.console.user(self.speaker)
        if self.user is not None:
            self.console.messenger.listen(self.user.id, self.push)
