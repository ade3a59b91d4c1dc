"""Telegram's side of the chat: who speaks, and messages into his chat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.errors import ChatForbidden, ChatRejected, ChatUnavailable, Unavailable, Undeliverable
from bot.execution.chat_pictures import ChatPictures
from bot.execution.message_book import MessageBook
from bot.ports import (
    ChatApi,
    ChatMessage,
    ChatReply,
    Messenger,
    OutboxMessage,
    Pictures,
    Recipe,
    ShownSecret,
    Subject,
    Topic,
    User,
    UserStore,
)
from bot.telegram.chat import Chat, Incoming
from bot.telegram.gateway_cards import (
    MAX_BUTTONS,
    begun_by,
    buttons_of,
    buttons_under,
    card_of,
    ended_by,
    parts,
    story_of,
)
from bot.telegram.gateway_secrets import looks_like_private_key
from bot.telegram.replies import message_text, moved_text
from bot.telegram.words import FOLLOWS, MOVED

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TelegramDoor:
    """Implements `bot.ports.ChatDoor`: the same handlers that the console has."""

    store: UserStore
    chat: Chat
    book: MessageBook

    def is_secret(self, text: str) -> bool:
        return looks_like_private_key(text)

    async def answer(self, telegram_id: int, text: str, key: str) -> ChatReply:
        try:
            user = await self.store.user_by_telegram_id(telegram_id)
        except Unavailable as error:
            return ChatReply((self.chat.unavailable(error, key),))
        reply = await self.chat.answer(Incoming(user, telegram_id, text, key))
        if reply.subject is not None:
            self.book.comes(reply.subject)
        return ChatReply(
            parts(reply.text),
            (*buttons_under(reply.text), *reply.buttons)[:MAX_BUTTONS],
            reply.document,
            reply.subject,
            ends_card=reply.ends_card,
            secret=reply.secret,
            picture=reply.picture,
        )

    async def said(self, telegram_id: int, reply: ChatReply, message_id: int | None) -> str | None:
        """Keep which message tells of an order, so that what comes of it takes its place."""
        if reply.subject is None:
            return None
        if self.book.is_outrun(reply.subject):
            return reply.parts[-1].replace(FOLLOWS, MOVED)
        if message_id is None:
            self.book.is_lost(reply.subject)
            return None
        try:
            user = await self.store.user_by_telegram_id(telegram_id)
        except Unavailable:
            user = None
        if user is None:
            self.book.is_lost(reply.subject)
            return None
        await self.book.stands(ChatMessage(reply.subject, user.id, message_id, self.book.clock.now_ms()))
        return None

    async def secret_shown(self, secret: ShownSecret) -> None:
        try:
            user = await self.store.user_by_telegram_id(secret.chat_id)
        except Unavailable:
            user = None
        if user is not None:
            subject = _secret(secret.chat_id, secret.message_id)
            await self.book.stands(ChatMessage(subject, user.id, secret.message_id, secret.shown_at_ms))

    async def secrets_shown(self) -> list[ShownSecret]:
        return [
            ShownSecret(int(one.subject.id.partition(":")[0]), one.message_id, one.at_ms)
            for one in await self.book.all(Topic.SECRET)
        ]

    async def secret_gone(self, chat_id: int, message_id: int) -> None:
        await self.book.forget(_secret(chat_id, message_id))


def _secret(chat_id: int, message_id: int) -> Subject:
    return Subject(Topic.SECRET, f"{chat_id}:{message_id}")


@dataclass(frozen=True, slots=True)
class TelegramMessenger:
    """Implements `bot.ports.Messenger`: into the user's chat, and then to `console`, which hears of everything.

    Users without a Telegram id are the console's alone. The console goes second, so that a message that is tried
    again is not shown there twice. `picture_of` says what a message's picture shows, None for one that has none.
    """

    api: ChatApi
    console: Messenger
    book: MessageBook
    picture_of: Callable[[User, OutboxMessage], Recipe | None]

    def illustrate(self, user: User, message: OutboxMessage, pictures: Pictures) -> None:
        recipe = self.picture_of(user, message)
        if user.telegram_id is not None and recipe is not None:
            ChatPictures(self.api, pictures).follow(user.telegram_id, recipe)

    async def deliver(self, user: User, message: OutboxMessage, *, silent: bool = False) -> None:
        refused = None
        try:
            if user.telegram_id is not None:
                await self._tell(user, user.telegram_id, message, silent=silent)
        except (ChatForbidden, ChatRejected) as error:
            refused = str(error)
        await self.console.deliver(user, message)
        if refused is not None:
            raise Undeliverable(refused)

    async def amend(self, user: User, message: OutboxMessage) -> None:
        story = story_of(message)
        if user.telegram_id is None or story is None or (said := await self.book.of(story)) is None:
            return
        try:
            await self._replace(user.telegram_id, message, said)
        except (ChatForbidden, ChatUnavailable) as error:
            log.info("story_not_edited", message=message.id, reason=str(error))

    async def _tell(self, user: User, chat_id: int, message: OutboxMessage, *, silent: bool) -> None:
        """Into the place of what was said of its order before, where its reader still looks that way; else on its own."""
        if (ended := ended_by(message)) is not None:
            await self.book.forget(ended)
        story, begun, card = story_of(message), begun_by(message), card_of(message)
        said = None if story is None else await self.book.of(story)
        place = said if said is not None and self.book.takes(said, message.id) else None
        left = said if place is None else None
        if place is None and card is not None:
            shown = await self.book.of(card)
            place = shown if shown is not None and shown.says == message.id else None
        message_id = None if place is None else await self._replace(chat_id, message, place)
        if message_id is None:
            place, message_id = None, await self._send(chat_id, message, silent=silent)
            if story is not None and said is None:
                left = self.book.told_alone(story)
        lead = place.lead if place is not None and place == said else ""
        for subject, above in (
            (begun, message_text(message)),
            (story if story is not None and self._is_followed(story, said or left) else None, lead),
            (card, _below(lead, message)),
        ):
            if subject is not None:
                at_ms = self.book.clock.now_ms()
                await self.book.stands(ChatMessage(subject, user.id, message_id, at_ms, message.id, above))
        if left is not None:
            await self._leave(chat_id, message, left)

    def _is_followed(self, story: Subject, said: ChatMessage | None) -> bool:
        """Whether a reply told of this order, or is about to, so that what comes next of it belongs here."""
        return said is not None or self.book.is_outrun(story)

    async def _leave(self, chat_id: int, message: OutboxMessage, said: ChatMessage) -> None:
        """Let the earlier message of an order say that its news came further down; nothing is owed by that."""
        try:
            await self.api.edit(chat_id, said.message_id, moved_text(message, said.lead))
        except (ChatRejected, ChatForbidden, ChatUnavailable) as error:
            log.info("story_not_edited", message=message.id, reason=str(error))

    async def _replace(self, chat_id: int, message: OutboxMessage, said: ChatMessage) -> int | None:
        """The message that reads so now; None where it cannot be edited, so that nothing is told by that."""
        text = _below(said.lead if said.subject.topic is Topic.ORDER else "", message)
        try:
            await self.api.edit(chat_id, said.message_id, text, buttons_of(message), urgent=message.urgent)
        except ChatRejected as error:
            log.info("story_not_edited", message=message.id, reason=str(error))
            return None
        return said.message_id

    async def _send(self, chat_id: int, message: OutboxMessage, *, silent: bool) -> int:
        *first, last = parts(message_text(message))
        for part in first:
            await self.api.send(chat_id, part, silent=silent, urgent=message.urgent)
        return await self.api.send(chat_id, last, buttons_of(message), silent=silent, urgent=message.urgent)


def _below(lead: str, message: OutboxMessage) -> str:
    """A message's text below what its story began with."""
    return "\n".join(filter(None, [lead, message_text(message)]))
