"""How a reply gets into a chat: part by part, again and again while the chat service is away or asks to wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog
import trio

from bot.errors import ChatForbidden, ChatRejected, ChatUnavailable
from bot.execution.chat_words import MAY_STAY
from bot.ports import Button, ChatApi, ChatReply

log = structlog.get_logger()

REST_MIN_S = 0.5
REST_MAX_S = 30.0
REPLY_S = 120.0  # how long a reply is tried

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says replies. What is lost here a user can ask for again, so that nobody waits for it for ever.

    `forget` hears of each message that is not to stay, by chat and message id.
    """

    api: ChatApi
    forget: Callable[[int, int], Awaitable[None]] | None = None

    async def say(
        self, chat_id: int, reply: ChatReply, in_place_of: int | None = None, *, urgent: bool = False
    ) -> int | None:
        """Send a reply, its first part in the place of a message of ours; the message of its last part, None where it is lost."""
        last = len(reply.parts) - 1
        said: int | None = None
        try:
            for number, part in enumerate(reply.parts):
                buttons = reply.buttons if number == last else ()
                place = in_place_of if number == 0 else None
                said = await self._say_part(chat_id, part, buttons, place, urgent=urgent)
            if reply.document is not None:
                await until_taken(partial(self.api.send_document, chat_id, reply.document), REPLY_S)
            if reply.secret is not None:
                await self._show(chat_id, reply.secret if isinstance(reply.secret, str) else await reply.secret())
        except (ChatUnavailable, ChatRejected, ChatForbidden) as error:
            log.warning("reply_lost", reason=str(error))
            return None
        return said

    async def _show(self, chat_id: int, secret: str) -> None:
        """Show a secret, which is deleted later. One whose answer was lost is not sent again.

        It may stand in the chat, and nobody knows by which id: a second one would be deleted and the first would stay.
        """
        try:
            message_id = await until_taken(partial(self.api.send, chat_id, secret), REPLY_S, only_where_it_waits=True)
        except ChatUnavailable as error:
            log.error("secret_may_stay", reason=str(error))
            await until_taken(partial(self.api.send, chat_id, MAY_STAY), REPLY_S)
            return
        if self.forget is not None:
            await self.forget(chat_id, message_id)

    async def _say_part(
        self, chat_id: int, text: str, buttons: Sequence[Button], in_place_of: int | None, *, urgent: bool
    ) -> int:
        if in_place_of is not None:
            try:
                edit = partial(self.api.edit, chat_id, in_place_of, text, buttons, urgent=urgent)
                await until_taken(edit, REPLY_S)
                return in_place_of
            except ChatRejected as error:
                log.info("message_not_replaced", reason=str(error))
        return await until_taken(partial(self.api.send, chat_id, text, buttons, urgent=urgent), REPLY_S)


async def until_taken(
    call: Callable[[], Awaitable[Result]], patience_s: float, *, only_where_it_waits: bool = False
) -> Result:
    """Await a call again and again while Telegram is away or asks to wait; raises its last error when that takes too long.

    A message whose answer was lost is sent twice by this: better told twice than not at all. `only_where_it_waits` repeats what
    Telegram asked to wait with, and so has not taken, and nothing else.
    """
    give_up_at_s = trio.current_time() + patience_s
    rest_s = REST_MIN_S
    while True:
        try:
            return await call()
        except ChatUnavailable as error:
            wait_s = max(rest_s, error.retry_after_s or 0)
            is_lost = only_where_it_waits and error.retry_after_s is None
            if is_lost or trio.current_time() + wait_s > give_up_at_s:
                raise
        await trio.sleep(wait_s)
        rest_s = min(rest_s * 2, REST_MAX_S)
