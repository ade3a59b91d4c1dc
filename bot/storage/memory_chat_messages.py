"""Which message in somebody's chat tells of what, in memory."""

from __future__ import annotations

from dataclasses import replace

import trio

from bot.ports import ChatMessage, Subject, Topic
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import storable


class MemoryChatMessages(MemoryTables):
    """Messages by what they tell of."""

    async def chat_message(self, subject: Subject) -> ChatMessage | None:
        await trio.lowlevel.checkpoint()
        return self._chat_messages.get(subject)

    async def put_chat_message(self, message: ChatMessage) -> ChatMessage | None:
        await trio.lowlevel.checkpoint()
        self._user(message.user_id)
        before = self._chat_messages.get(message.subject)
        self._chat_messages[message.subject] = replace(message, lead=storable(message.lead))
        return before

    async def chat_messages(self, topic: Topic) -> list[ChatMessage]:
        await trio.lowlevel.checkpoint()
        found = [one for subject, one in self._chat_messages.items() if subject.topic is topic]
        return sorted(found, key=lambda one: (one.at_ms, one.subject.id))

    async def forget_chat_message(self, message: ChatMessage) -> None:
        await trio.lowlevel.checkpoint()
        standing = self._chat_messages.get(message.subject)
        if standing is not None and standing.message_id == message.message_id:
            del self._chat_messages[message.subject]

    async def forget_chat_messages(self, topic: Topic, before_ms: int) -> None:
        await trio.lowlevel.checkpoint()
        for subject, one in list(self._chat_messages.items()):
            if subject.topic is topic and one.at_ms < before_ms:
                del self._chat_messages[subject]
