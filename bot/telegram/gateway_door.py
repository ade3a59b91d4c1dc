"""Telegram's side of the chat: who speaks, and messages into his chat."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import ChatForbidden, ChatRejected, Unavailable, Undeliverable
from bot.ports import ChatApi, ChatReply, Messenger, OutboxMessage, User, UserStore
from bot.telegram.chat import Chat, Incoming
from bot.telegram.gateway_cards import buttons_of, buttons_under, parts
from bot.telegram.gateway_secrets import looks_like_private_key
from bot.telegram.replies import message_text


@dataclass(frozen=True, slots=True)
class TelegramDoor:
    """Implements `bot.ports.ChatDoor`: the same handlers that the console has."""

    store: UserStore
    chat: Chat

    def is_secret(self, text: str) -> bool:
        return looks_like_private_key(text)

    async def answer(self, telegram_id: int, text: str, key: str) -> ChatReply:
        try:
            user = await self.store.user_by_telegram_id(telegram_id)
        except Unavailable as error:
            return ChatReply((self.chat.unavailable(error, key),))
        reply = await self.chat.answer(Incoming(user, telegram_id, text, key))
        return ChatReply(parts(reply.text), buttons_under(reply.text), reply.document)


@dataclass(frozen=True, slots=True)
class TelegramMessenger:
    """Implements `bot.ports.Messenger`: into the user's chat, and then to `console`, which hears of everything.

    Users without a Telegram id are the console's alone. The console goes second, so that a message that is tried
    again is not shown there twice.
    """

    api: ChatApi
    console: Messenger

    async def deliver(self, user: User, message: OutboxMessage, *, silent: bool = False) -> None:
        refused = None
        try:
            if user.telegram_id is not None:
                await self._send(user.telegram_id, message, silent=silent)
        except (ChatForbidden, ChatRejected) as error:
            refused = str(error)
        await self.console.deliver(user, message)
        if refused is not None:
            raise Undeliverable(refused)

    async def _send(self, chat_id: int, message: OutboxMessage, *, silent: bool) -> None:
        *first, last = parts(message_text(message))
        for part in first:
            await self.api.send(chat_id, part, silent=silent, urgent=message.urgent)
        await self.api.send(chat_id, last, buttons_of(message), silent=silent, urgent=message.urgent)
