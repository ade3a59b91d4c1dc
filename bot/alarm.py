"""Where an operator's alerts go: the console that the bot was started on, a chat of Telegram, a webhook of his."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.clock import Clock
from bot.errors import ChatForbidden, ChatRejected, Undeliverable
from bot.execution.alert_channels import AlertChannel, Level, QuietHours, ToldAlert
from bot.ports import ChatApi


@dataclass(frozen=True, slots=True)
class Alarm:
    """`chat_id` is that of a person or group that has spoken to the bot (Telegram lets no bot begin a conversation).

    `hook` takes alerts from `hook_least` on, where there is one; `quiet` are the hours in which only critical ones are sent.
    """

    say: Callable[[str], None]
    chat: ChatApi | None = None
    chat_id: int | None = None
    hook: Callable[[ToldAlert], Awaitable[None]] | None = None
    hook_least: Level = Level.WARNING
    quiet: QuietHours | None = None

    def channels(self, clock: Clock) -> list[AlertChannel]:
        """The ways that there are beside the console."""
        found = []
        if self.chat is not None and self.chat_id is not None:
            found.append(AlertChannel("chat", self.send, clock, quiet=self.quiet))
        if self.hook is not None:
            found.append(AlertChannel("webhook", self.hook, clock, self.hook_least, self.quiet))
        return found

    async def send(self, told: ToldAlert) -> None:
        """Into the chat; raises Unavailable, and Undeliverable for a chat that refuses the bot."""
        assert self.chat is not None
        assert self.chat_id is not None
        try:
            await self.chat.send(self.chat_id, told.text, urgent=True)
        except (ChatForbidden, ChatRejected) as error:
            raise Undeliverable(f"the operator's chat {self.chat_id} cannot be written to: {error}") from error
