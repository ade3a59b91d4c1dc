"""A picture that follows an answer into a chat, or a few words in its place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import structlog

from bot.errors import ChatForbidden, ChatRejected, ChatUnavailable
from bot.execution.chat_saying import until_taken
from bot.ports import ChatApi, Photo, Pictures, Recipe

log = structlog.get_logger()

PHOTO_S = 60.0  # how long a picture is tried
WORDS_S = 30.0
BUSY = "too many pictures are asked for now"
REFUSED = "Telegram did not take it"


@dataclass(frozen=True, slots=True)
class ChatPictures:
    """Shows pictures in chats. What is lost here a user can ask for again."""

    api: ChatApi
    pictures: Pictures

    async def show(self, chat_id: int, recipe: Recipe) -> None:
        """Have it made and sent; returns long before that."""
        if not self.pictures.show(recipe, partial(self._deliver, chat_id)):
            await self._say(chat_id, BUSY)

    def follow(self, chat_id: int, recipe: Recipe) -> None:
        """Have one that nobody asked for follow a message, without a sound; where none can be had nothing is said of it."""
        if not self.pictures.show(recipe, partial(self._deliver_quietly, chat_id)):
            log.info("picture_not_made", reason=BUSY)

    async def _deliver_quietly(self, chat_id: int, outcome: bytes | str) -> None:
        if isinstance(outcome, str):
            log.info("picture_not_made", reason=outcome)
            return
        photo = Photo("picture.png", outcome)
        try:
            await until_taken(partial(self.api.send_photo, chat_id, photo, silent=True), PHOTO_S)
        except (ChatUnavailable, ChatRejected, ChatForbidden) as error:
            log.warning("picture_lost", reason=str(error))

    async def _deliver(self, chat_id: int, outcome: bytes | str) -> None:
        if isinstance(outcome, str):
            await self._say(chat_id, outcome)
            return
        try:
            await until_taken(partial(self.api.send_photo, chat_id, Photo("picture.png", outcome)), PHOTO_S)
        except ChatRejected as error:
            log.warning("picture_not_taken", reason=str(error))
            await self._say(chat_id, REFUSED)
        except (ChatUnavailable, ChatForbidden) as error:
            log.warning("picture_lost", reason=str(error))

    async def _say(self, chat_id: int, why: str) -> None:
        try:
            await until_taken(partial(self.api.send, chat_id, no_picture(why), silent=True), WORDS_S)
        except (ChatUnavailable, ChatRejected, ChatForbidden) as error:
            log.warning("reply_lost", reason=str(error))


def no_picture(why: str) -> str:
    """What is said in a picture's place."""
    return f"No picture of it this time: {why}."
