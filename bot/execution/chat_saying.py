"""How a reply gets into a chat: part by part, again and again while the chat service is away or asks to wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog
import trio

from bot.errors import ChatForbidden, ChatRejected, ChatUnavailable
from bot.ports import Button, ChatApi, ChatReply

log = structlog.get_logger()

REST_MIN_S = 0.5
REST_MAX_S = 30.0
REPLY_S = 120.0  # how long a reply is tried

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says replies. What is lost here a user can ask for again, so that nobody waits for it for ever."""

    api: ChatApi

    async def say(self, chat_id: int, reply: ChatReply, announced: int | None = None, *, urgent: bool = False) -> None:
        """Send a reply, its first part in the place of an announcement."""
        last = len(reply.parts) - 1
        try:
            for number, part in enumerate(reply.parts):
                buttons = reply.buttons if number == last else ()
                await self._say_part(chat_id, part, buttons, announced if number == 0 else None, urgent=urgent)
            if reply.document is not None:
                await until_taken(partial(self.api.send_document, chat_id, reply.document), REPLY_S)
        except (ChatUnavailable, ChatRejected, ChatForbidden) as error:
            log.warning("reply_lost", reason=str(error))

    async def _say_part(
        self, chat_id: int, text: str, buttons: Sequence[Button], announced: int | None, *, urgent: bool
    ) -> None:
        if announced is not None:
            try:
                edit = partial(self.api.edit, chat_id, announced, text, buttons, urgent=urgent)
                await until_taken(edit, REPLY_S)
                return
            except ChatRejected as error:
                log.info("announcement_gone", reason=str(error))
        await until_taken(partial(self.api.send, chat_id, text, buttons, urgent=urgent), REPLY_S)


async def until_taken(call: Callable[[], Awaitable[Result]], patience_s: float) -> Result:
    """Await a call again and again while Telegram is away or asks to wait; raises its last error when that takes too long.

    A message whose answer was lost is sent twice by this: better told twice than not at all.
    """
    give_up_at_s = trio.current_time() + patience_s
    rest_s = REST_MIN_S
    while True:
        try:
            return await call()
        except ChatUnavailable as error:
            wait_s = max(rest_s, error.retry_after_s or 0)
            if trio.current_time() + wait_s > give_up_at_s:
                raise
        await trio.sleep(wait_s)
        rest_s = min(rest_s * 2, REST_MAX_S)
