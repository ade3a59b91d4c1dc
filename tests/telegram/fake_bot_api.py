"""A Bot API server that is strict where Telegram is, and loud where it is not Telegram: what it does not model is an error.

Requests and answers are held against the Bot API's schema where that is given. Whatever is wrong on our side of the wire
is also kept in `complaints`, which a test ends by finding empty. Descriptions are Telegram's own words.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.pictures.plain import PNG_MAGIC
from bot.ports import Document, Photo
from bot.telegram.gateway_memory import MAX_FILE_BYTES, MAX_PHOTO_BYTES, Shown
from tests.leaks.detect import MARK
from tests.telegram.bot_api_messages import Json, Refusal, answering, buttons_of, never, optional, person
from tests.telegram.bot_api_schema import Schema
from tests.telegram.fake_webhook import WEBHOOK_STANDS, Webhook, WebhookMethods

TOKEN = f"123456:{MARK}"
ME: Json = {"id": 1, "is_bot": True, "first_name": "Bot", "username": "fake_bot"}

# Parameters that arrive as text and are something else; every other one is a text.
_INTEGERS = {"chat_id", "message_id", "offset", "limit", "timeout", "max_connections"}
_JSON = {
    "reply_markup",
    "commands",
    "scope",
    "allowed_updates",
    "link_preview_options",
    "disable_notification",
    "drop_pending_updates",
}
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_OUR_NAMES = {
    "whoami": "getMe",
    "updates": "getUpdates",
    "send": "sendMessage",
    "send_document": "sendDocument",
    "send_photo": "sendPhoto",
    "edit": "editMessageText",
    "delete": "deleteMessage",
    "answer_press": "answerCallbackQuery",
    "set_commands": "setMyCommands",
}


@dataclass
class Chat:
    """A chat with its messages as Telegram's JSON, oldest first."""

    about: Json
    messages: dict[int, Json] = field(default_factory=dict)


class FakeBotApi(WebhookMethods):
    """The server's state, by the clock of `now_s`. The first methods are what people do, `m_...` those of the Bot API."""

    def __init__(self, schema: Schema | None = None, now_s: Callable[[], float] = time.time) -> None:
        self.url, self.token = "", TOKEN
        self.schema, self._now_s = schema, now_s
        self.complaints: list[str] = []
        self.calls: list[tuple[str, Json]] = []
        self.commands: dict[str, str] = {}
        self._chats: dict[int, Chat] = {}
        self._files: dict[int, Document] = {}
        self._photos: dict[int, Photo] = {}
        self._silent: set[int] = set()
        self._pending: list[Json] = []
        self._arrived = trio.Event()
        self._polling: trio.CancelScope | None = None
        self.polled = trio.Event()
        self._allowed: list[str] | None = None
        self._queries: dict[str, bool] = {}
        self._blocked: set[int] = set()
        self._faults: dict[str, deque[Callable[[], Awaitable[Response]]]] = {}
        self._held: dict[str, trio.Event] = {}
        self._raw = False
        self.webhook = Webhook()
        self._updates = 1000
        self._messages = 0

    # -------------------------------------------------------------------------------------------------------- people

    def say(self, user_id: int, text: str, *, chat_id: int | None = None, chat_type: str = "private") -> int:
        chat = self._chat(user_id if chat_id is None else chat_id, chat_type)
        message = self._new_message(chat, person(user_id), text)
        self._push("message", message)
        return int(message["message_id"])

    def show_picture(self, user_id: int, caption: str) -> None:
        """Somebody sends a picture with a caption."""
        message = self._new_message(self._chat(user_id, "private"), person(user_id), "")
        del message["text"]
        picture = {"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}
        self._push("message", message | {"photo": [picture], "caption": caption})

    def change(self, chat_id: int, message_id: int, text: str) -> None:
        message = self._chats[chat_id].messages[message_id]
        message |= {"text": text, "edit_date": int(self._now_s())}
        self._push("edited_message", message, even_unwanted=True)

    def press(self, chat_id: int, label: str) -> None:
        for message in reversed(self._chats[chat_id].messages.values()):
            for button in buttons_of(message):
                if button.label == label:
                    query_id = f"q{self._updates}"
                    self._queries[query_id] = False
                    query = {"id": query_id, "from": person(chat_id), "message": message, "chat_instance": "1"}
                    self._push("callback_query", query | {"data": button.data})
                    return
        raise LookupError(f"no button {label!r} in chat {chat_id}")

    def block(self, user_id: int) -> None:
        self._blocked.add(user_id)

    def unblock(self, user_id: int) -> None:
        self._blocked.discard(user_id)

    def messages(self, chat_id: int) -> list[Shown]:
        chat = self._chats.get(chat_id)
        return [
            Shown(
                one["message_id"],
                one["from"]["id"] == ME["id"],
                one.get("text", ""),
                buttons_of(one),
                self._files.get(one["message_id"]),
                one["message_id"] in self._silent,
                self._photos.get(one["message_id"]),
            )
            for one in (chat.messages.values() if chat else ())
        ]

    def push_raw(self, update: Json) -> None:
        """An update as no Bot API of today sends it."""
        self._updates += 1
        self._pending.append({"update_id": self._updates, **update})
        self._raw = True
        self._wake()

    # -------------------------------------------------------------------------------------------------------- faults

    def ask_to_wait(self, method: str, seconds: int) -> None:
        refusal = Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        self._fault(method, partial(answering, JSONResponse(refusal.answer, 429)))

    def lose(self, method: str) -> None:
        """A proxy's error page, which quotes the URL."""
        page = f"<html>502 Bad Gateway, {self.url}{TOKEN}/{method}</html>"
        self._fault(method, partial(answering, Response(page, 502)))

    def answer_with(self, method: str, body: bytes) -> None:
        """The next call is answered with these bytes and status 200."""
        self._fault(method, partial(answering, Response(body, 200)))

    def hang(self, method: str) -> None:
        """The next call is never answered."""
        self._fault(method, never)

    def hold(self, method: str) -> trio.Event:
        """Every call waits until the event is set."""
        event = self._held[_OUR_NAMES[method]] = trio.Event()
        return event

    def _fault(self, method: str, fault: Callable[[], Awaitable[Response]]) -> None:
        self._faults.setdefault(_OUR_NAMES[method], deque()).append(fault)

    # ------------------------------------------------------------------------------------------------------- Bot API

    async def answer(self, request: Request) -> Response:
        """One request on the wire: `/bot<token>/<method>`."""
        token, _, method = request.url.path.removeprefix("/bot").partition("/")
        if token != self.token:
            return JSONResponse(Refusal(401, "Unauthorized").answer, 401)
        try:
            async with request.form() as form:
                parameters = {name: await self._read(name, value) for name, value in form.items()}
            if method in self._held:
                await self._held[method].wait()
            if self._faults.get(method):
                return await self._faults[method].popleft()()
            return JSONResponse({"ok": True, "result": await self._call(method, parameters)})
        except Refusal as refusal:
            return JSONResponse(refusal.answer, int(refusal.answer["error_code"]))

    async def _read(self, name: str, text: Any) -> Any:
        if isinstance(text, UploadFile):
            return Document(text.filename or "", await text.read())
        return int(text) if name in _INTEGERS else json.loads(text) if name in _JSON else text

    async def _call(self, method: str, parameters: Json) -> Any:
        self.calls.append((method, parameters))
        told = {name: one.name if isinstance(one, Document) else one for name, one in parameters.items()}
        if self.schema is not None and (found := self.schema.complaints_about_request(method, told)):
            raise self._complaint("; ".join(found))
        model = getattr(self, f"m_{method}", None)
        if model is None:
            raise self._complaint(f"the fake does not model {method}")
        try:
            answer, kind = await model(**parameters)
        except TypeError as error:
            raise self._complaint(f"{method}: {error}") from error
        if self._raw and kind == "Array of Update":
            return answer
        if self.schema is not None and (found := list(self.schema.complaints_about(kind, answer, method))):
            raise self._complaint(f"the fake's own answer is wrong: {'; '.join(found)}")
        return answer

    def _complaint(self, text: str) -> Refusal:
        self.complaints.append(text)
        return Refusal(501, f"FAKE: {text}")

    async def m_getMe(self) -> tuple[Json, str]:
        return ME, "User"

    async def m_getUpdates(
        self,
        *,
        offset: int = 0,
        limit: int = 100,
        timeout: int = 0,  # noqa: ASYNC109 - Telegram's name
        allowed_updates: list[str] | None = None,
    ) -> tuple[list[Json], str]:
        if offset < 0 or not 1 <= limit <= 100:
            raise self._complaint(f"an offset of {offset} or a limit of {limit}")
        if self.webhook.url:
            raise Refusal(409, WEBHOOK_STANDS)
        if self._polling is not None:
            self._polling.cancel()
        self._allowed = allowed_updates if allowed_updates is not None else self._allowed
        self._pending = [update for update in self._pending if update["update_id"] >= offset]
        with trio.CancelScope() as mine:
            self._polling = mine
            self.polled.set()
            with trio.move_on_after(timeout):
                while not self._pending:
                    await self._arrived.wait()
        if mine.cancelled_caught:
            raise Refusal(409, "Conflict: terminated by other getUpdates request; make sure that only one bot runs")
        self._polling = None
        return self._pending[:limit], "Array of Update"

    async def m_sendMessage(
        self,
        *,
        chat_id: int,
        text: str,
        reply_markup: Json | None = None,
        link_preview_options: Json | None = None,
        disable_notification: bool = False,
    ) -> tuple[Json, str]:
        self._check(chat_id, text, reply_markup)
        message = self._new_message(self._chats[chat_id], ME, text, reply_markup)
        if disable_notification:
            self._silent.add(message["message_id"])
        return message, "Message"

    async def m_sendDocument(self, *, chat_id: int, document: Document) -> tuple[Json, str]:
        self._check_chat(chat_id)
        if not 1 <= len(document.content) <= MAX_FILE_BYTES:
            raise Refusal(400, "Bad Request: file must be non-empty")
        message = self._new_message(self._chats[chat_id], ME, "")
        del message["text"]
        message["document"] = {"file_id": "f", "file_unique_id": "u", "file_name": document.name}
        self._files[message["message_id"]] = document
        return message, "Message"

    async def m_sendPhoto(
        self, *, chat_id: int, photo: Document, disable_notification: bool = False
    ) -> tuple[Json, str]:
        self._check_chat(chat_id)
        if not photo.content.startswith(PNG_MAGIC):
            raise Refusal(400, "Bad Request: IMAGE_PROCESS_FAILED")
        if len(photo.content) > MAX_PHOTO_BYTES:
            raise Refusal(413, "Request Entity Too Large")
        message = self._new_message(self._chats[chat_id], ME, "")
        del message["text"]
        message["photo"] = [{"file_id": "f", "file_unique_id": "u", "width": 1080, "height": 810}]
        self._photos[message["message_id"]] = Photo(photo.name, photo.content)
        if disable_notification:
            self._silent.add(message["message_id"])
        return message, "Message"

    async def m_editMessageText(
        self,
        *,
        text: str,
        chat_id: int,
        message_id: int,
        reply_markup: Json | None = None,
        link_preview_options: Json | None = None,
    ) -> tuple[Json, str]:
        self._check(chat_id, text, reply_markup)
        message = self._chats[chat_id].messages.get(message_id)
        if message is None:
            raise Refusal(400, "Bad Request: message to edit not found")
        if message["from"] != ME:
            raise Refusal(400, "Bad Request: message can't be edited")
        if message.get("text") == text and message.get("reply_markup") == reply_markup:
            raise Refusal(
                400,
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the"
                " same as a current content and reply markup of the message",
            )
        message.pop("reply_markup", None)
        message |= {"text": text, "edit_date": int(self._now_s())} | optional(reply_markup=reply_markup)
        return message, "Message"

    async def m_deleteMessage(self, *, chat_id: int, message_id: int) -> tuple[bool, str]:
        self._check_chat(chat_id)
        chat = self._chats[chat_id]
        message = chat.messages.get(message_id)
        if message is None:
            raise Refusal(400, "Bad Request: message to delete not found")
        if chat.about["type"] != "private" and message["from"] != ME:
            raise Refusal(400, "Bad Request: message can't be deleted")
        del chat.messages[message_id]
        return True, "Boolean"

    async def m_answerCallbackQuery(self, *, callback_query_id: str) -> tuple[bool, str]:
        if self._queries.get(callback_query_id, True):
            raise Refusal(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        self._queries[callback_query_id] = True
        return True, "Boolean"

    async def m_setMyCommands(self, *, commands: list[Json], scope: Json) -> tuple[bool, str]:
        for one in commands:
            if not _COMMAND.fullmatch(one["command"]):
                raise Refusal(400, "Bad Request: BOT_COMMAND_INVALID")
            if not 1 <= len(one["description"]) <= 256:
                raise Refusal(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")
        self.commands = {one["command"]: one["description"] for one in commands}
        return True, "Boolean"

    # ------------------------------------------------------------------------------------------------------- insides

    def _check(self, chat_id: int, text: str, reply_markup: Json | None) -> None:
        self._check_chat(chat_id)
        if not text.strip():
            raise Refusal(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) > 2 * 4096:
            raise Refusal(400, "Bad Request: message is too long")
        for button in buttons_of({"reply_markup": reply_markup or {}}):
            if not button.label:
                raise Refusal(400, "Bad Request: inline keyboard button text is empty")
            if not 1 <= len(button.data.encode()) <= 64:
                raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")

    def _check_chat(self, chat_id: int) -> None:
        if chat_id not in self._chats:
            raise Refusal(400, "Bad Request: chat not found")
        if chat_id in self._blocked:
            raise Refusal(403, "Forbidden: bot was blocked by the user")

    def _chat(self, chat_id: int, chat_type: str) -> Chat:
        title = {"first_name": f"Person {chat_id}"} if chat_type == "private" else {"title": "A group"}
        return self._chats.setdefault(chat_id, Chat({"id": chat_id, "type": chat_type, **title}))

    def _new_message(self, chat: Chat, author: Json, text: str, reply_markup: Json | None = None) -> Json:
        self._messages += 1
        message = {
            "message_id": self._messages,
            "from": author,
            "chat": chat.about,
            "date": int(self._now_s()),
            "text": text,
            **optional(reply_markup=reply_markup),
        }
        chat.messages[self._messages] = message
        return message

    def _push(self, kind: str, content: Json, *, even_unwanted: bool = False) -> None:
        self._updates += 1
        if even_unwanted or self._allowed is None or kind in self._allowed:
            self._pending.append({"update_id": self._updates, kind: json.loads(json.dumps(content))})
            self._wake()
