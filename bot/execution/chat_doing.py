"""How one command out of a chat is done: within its time, announced when it takes long, and answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from math import inf

import structlog
import trio

from bot.errors import ChatForbidden, ChatRejected, ChatUnavailable
from bot.execution.chat_intake import enters
from bot.execution.chat_pictures import ChatPictures
from bot.execution.chat_saying import REPLY_S, Speaker, until_taken
from bot.execution.chat_words import (
    FAILED,
    KEY_DELETED,
    KEY_STAYS,
    LATE_PRESS,
    OVERTAKEN,
    TOO_SLOW,
    WORKING,
)
from bot.ports import ButtonPress, ChatApi, ChatDoor, ChatReply, ChatText, TakenCommand

log = structlog.get_logger()

COMMAND_S = 60.0  # a command that hangs must not keep the same user from selling for ever
SLOW_S = 2.0  # after that long somebody who waits is told that it is being done


@dataclass(slots=True)
class Doer:
    """Does commands of private chats, whose ids are those of their people.

    `done` hears of each command when it had its effect, before it is answered, `forget` of each message that is not to stay.
    `_entering` are those that would buy, or let something buy, while they are being done.
    """

    api: ChatApi
    door: ChatDoor
    done: Callable[[TakenCommand], None]
    forget: Callable[[int, int], Awaitable[None]]
    pictures: ChatPictures | None = None
    _entering: dict[int, trio.CancelScope] = field(default_factory=dict)

    async def say(self, chat_id: int, text: str, *, urgent: bool = False) -> None:
        """Say something in a command's place."""
        await Speaker(self.api).say(chat_id, ChatReply((text,)), urgent=urgent)

    def overtake(self, chat_id: int) -> None:
        """Break off what would enter; what of it has left goes on by itself."""
        if (entering := self._entering.get(chat_id)) is not None:
            entering.cancel()

    async def press(self, press: ButtonPress, command: TakenCommand) -> None:
        """A button's data is a command. A press that cannot be answered any more is old, and not done unasked."""
        if await self._is_answered(press):
            await self.command(command, card=press.message_id)
        else:
            self.done(command)
            await self.say(press.chat_id, LATE_PRESS)

    async def urgently(self, press: ButtonPress | None, command: TakenCommand) -> None:
        """What is urgent waits for no answer to its button."""
        async with trio.open_nursery() as nursery:
            if press is not None:
                nursery.start_soon(self._is_answered, press)
            await self.command(command, urgent=True)

    async def command(self, command: TakenCommand, *, card: int | None = None, urgent: bool = False) -> None:
        """Run a command and reply. What takes long is announced; the reply then takes the announcement's place.

        Otherwise a reply that ends the card, the message whose button was pressed, takes the place of that.
        """
        announced: list[int] = []
        waiting = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._announce, command.telegram_id, waiting, announced)
            try:
                reply = await self._unless_overtaken(command)
            finally:
                self.done(command)
            waiting.cancel()
        place = announced[0] if announced else card if reply.ends_card else None
        message_id = await Speaker(self.api, self.forget).say(command.telegram_id, reply, place, urgent=urgent)
        instead = await self.door.said(command.telegram_id, reply, message_id)
        if message_id is not None and instead is not None:
            await self._correct(command.telegram_id, message_id, instead)
        if reply.picture is not None and self.pictures is not None:
            await self.pictures.show(command.telegram_id, reply.picture)

    async def shred(self, update: ChatText) -> None:
        """Delete a message that looks like a private key, and say so."""
        told = KEY_DELETED
        try:
            await until_taken(partial(self.api.delete, update.chat_id, update.message_id), inf)
            log.warning("secret_deleted", update=update.update_id)
        except (ChatRejected, ChatForbidden) as error:
            told = KEY_STAYS
            log.error("secret_not_deleted", update=update.update_id, reason=str(error))
        await self.say(update.chat_id, told)

    async def _correct(self, chat_id: int, message_id: int, text: str) -> None:
        """Let a reply that was overtaken by news say so."""
        try:
            await until_taken(partial(self.api.edit, chat_id, message_id, text), REPLY_S)
        except (ChatUnavailable, ChatRejected, ChatForbidden) as error:
            log.info("reply_not_corrected", reason=str(error))

    async def _is_answered(self, press: ButtonPress) -> bool:
        """Tell the presser that his press has come; False for one that is too old for that, or was taken already."""
        try:
            await self.api.answer_press(press.query_id)
        except ChatUnavailable as error:
            log.info("press_not_answered", update=press.update_id, reason=str(error))
        except (ChatRejected, ChatForbidden) as error:
            log.info("press_too_late", update=press.update_id, reason=str(error))
            return False
        return True

    async def _unless_overtaken(self, command: TakenCommand) -> ChatReply:
        if not enters(command.text):
            return await self._answer(command)
        with trio.CancelScope() as scope:
            self._entering[command.telegram_id] = scope
            try:
                return await self._answer(command)
            finally:
                del self._entering[command.telegram_id]
        return ChatReply((OVERTAKEN,))

    async def _answer(self, command: TakenCommand) -> ChatReply:
        """One user's bug must not end the gateway of all: it is logged with its traceback, and the user is told."""
        key = f"tg:{command.update_id}"
        try:
            with trio.fail_after(COMMAND_S):
                return await self.door.answer(command.telegram_id, command.text, key)
        except trio.TooSlowError:
            log.error("command_too_slow", key=key)
            return ChatReply((TOO_SLOW,))
        except Exception:
            log.exception("command_failed", key=key)
            return ChatReply((FAILED,))

    async def _announce(self, chat_id: int, waiting: trio.CancelScope, announced: list[int]) -> None:
        with waiting:
            await trio.sleep(SLOW_S)
        if waiting.cancelled_caught:
            return
        try:
            announced.append(await self.api.send(chat_id, WORKING))
        except (ChatUnavailable, ChatRejected, ChatForbidden) as error:
            log.info("work_not_announced", reason=str(error))
