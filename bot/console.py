"""The console side of the chat: who speaks on the control socket, and messages to whoever listens there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from bot.clock import Clock
from bot.errors import BotError
from bot.ports import OutboxMessage, Store, User
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

    async def deliver(self, user: User, message: OutboxMessage) -> None:
        text = message_text(message)
        self.say(f"{user.handle}: {text}")
        for push in list(self._listeners.get(user.id, ())):
            try:
                push(text)
            except BotError:
                self._listeners[user.id].remove(push)


@dataclass(frozen=True, slots=True)
class Console:
    """Opens conversations. In profile local anybody may be spoken for (decisions, what it never does, 3)."""

    store: Store
    clock: Clock
    chat: Chat
    messenger: ConsoleMessenger

    async def open(self, request: dict[str, Any], push: Push) -> Callable[[str], Awaitable[str]]:
        """A replier for one conversation; raises BotError when nobody can be spoken for."""
        speaker = request.get("as")
        if speaker is None:
            users = await self.store.users()
            if not users:
                raise BotError("there is no user yet; use --as TELEGRAM_ID")
            speaker = users[0].handle
        telegram_id = int(speaker) if str(speaker).isdecimal() else None
        if telegram_id is None and await self.store.user_by_handle(str(speaker)) is None:
            raise BotError(f"there is no user {speaker!r}; give a Telegram id, or the handle of an existing user")

        async def reply(text: str) -> str:
            user = await self._user(str(speaker), telegram_id)
            answer = await self.chat.answer(Incoming(user, telegram_id, text, f"console:{self.clock.new_id()}"))
            if (user := user or await self._user(str(speaker), telegram_id)) is not None:
                self.messenger.listen(user.id, push)
            return answer

        if (user := await self._user(str(speaker), telegram_id)) is not None:
            self.messenger.listen(user.id, push)
        return reply

    async def _user(self, handle: str, telegram_id: int | None) -> User | None:
        if telegram_id is not None:
            return await self.store.user_by_telegram_id(telegram_id)
        return await self.store.user_by_handle(handle)
