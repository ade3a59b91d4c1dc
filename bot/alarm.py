"""Where an operator's alerts go: the console that the bot was started on, and one chat of Telegram where one is set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.errors import ChatForbidden, ChatRejected, Undeliverable
from bot.ports import ChatApi


@dataclass(frozen=True, slots=True)
class Alarm:
    """`chat_id` is that of a person or group that has spoken to the bot (Telegram lets no bot begin a conversation)."""

    say: Callable[[str], None]
    chat: ChatApi | None = None
    chat_id: int | None = None

    async def send(self, text: str) -> None:
        """Into the chat, when there is one; raises Unavailable, and Undeliverable for a chat that refuses the bot."""
        if self.chat is None or self.chat_id is None:
            return
        try:
            await self.chat.send(self.chat_id, text, urgent=True)
        except (ChatForbidden, ChatRejected) as error:
            raise Undeliverable(f"the operator's chat {self.chat_id} cannot be written to: {error}") from error
