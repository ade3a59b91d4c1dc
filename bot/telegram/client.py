"""The chat service of Telegram: `bot.ports.ChatApi` on python-telegram-bot's `Bot`, under trio.

Of that library only `Bot`, its types and its errors are used; `Bot.initialize`, `Application` and everything above them
need asyncio. URLs of the Bot API hold the token, and what the library logs holds URLs and people's messages: neither gets
into an error, a log or a repr from here. Wire facts: the Bot API's documentation, https://core.telegram.org/bots/api.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

import httpx
import telegram
import trio
from pydantic import SecretStr
from telegram import error as foreign
from telegram.request import HTTPXRequest

from bot.errors import ChatForbidden, ChatRejected, ChatUnavailable
from bot.ports import MAX_UPDATES, Button, ButtonPress, ChatText, ChatUpdate, Document, OtherUpdate, Photo
from bot.telegram.pushed_updates import PushedUpdates
from bot.telegram.webhook import MAX_PUSHING, WebhookDoor, WebhookTerms, open_webhook_door, secret_of
from bot.telegram.webhook_updates import WebhookState, WebhookUpdates

BASE_URL = "https://api.telegram.org/bot"
CALL_S = 10.0  # the usual deadline of a call; a long poll gets its wait on top
FILE_S = 30.0  # what a call with a file has on top
MAX_PHOTO_BYTES = 10_000_000
MAX_IN_FLIGHT = 16
# A pool slot may stay lost when a connect is cancelled (httpx 0.28.1); spare ones keep the limiter from waiting on it.
SPARE_CONNECTIONS = 4
WANTED_UPDATES = ("message", "callback_query")

# Words of the Bot API's descriptions by which it is known what happened; there are no codes for these.
NOT_MODIFIED = "message is not modified"
NOTHING_TO_DELETE = "message to delete not found"
WEBHOOK_STANDS = "webhook is active"

# What the library raises for an update that it cannot read; the last two are those of a moment beyond every calendar.
UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError)

Result = TypeVar("Result")


class GuardedRequest(HTTPXRequest):
    """One connection pool behind a limiter no larger than it, which renews itself when its slots are stuck.

    Without the limiter httpx 0.28.1 on trio loses pool slots for ever when queued requests are cancelled, which a
    deadline on every call does. Timeouts are the caller's; waiting for a slot with the limiter outside means that slots
    are lost.
    """

    def __init__(self, max_in_flight: int) -> None:
        super().__init__(
            connection_pool_size=max_in_flight + SPARE_CONNECTIONS,
            read_timeout=None,
            write_timeout=None,
            connect_timeout=None,
            media_write_timeout=None,
            pool_timeout=1.0,
            httpx_kwargs={"trust_env": False},
        )
        self._limiter = trio.CapacityLimiter(max_in_flight)
        self.last_answer = b""

    async def do_request(self, *arguments: Any, **keywords: Any) -> tuple[int, bytes]:
        """The library's own request; the answer's bytes stay in `last_answer`, for one that the library cannot read."""
        async with self._limiter:
            try:
                status, self.last_answer = await super().do_request(*arguments, **keywords)
                return status, self.last_answer
            except foreign.TimedOut as error:
                if not isinstance(error.__cause__, httpx.PoolTimeout):
                    raise
            await self.shutdown()
            await self.initialize()
            raise foreign.NetworkError("the connection pool was stuck and has been renewed")

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """The answer's JSON object; unlike the library's own method this one logs nothing of what it cannot read."""
        try:
            answer = json.loads(payload)
        except ValueError:
            raise foreign.TelegramError("the answer is no JSON") from None
        if not isinstance(answer, dict) or not answer.keys() & {"result", "description"}:
            raise foreign.TelegramError("the answer is not the Bot API's")
        return answer


class TelegramClient:
    """Implements `bot.ports.ChatApi`. Use `open_telegram`, which opens and closes its connections."""

    def __init__(
        self, make_bot: Callable[[SecretStr], telegram.Bot], token: SecretStr, polling: GuardedRequest, call_s: float
    ) -> None:
        self._make_bot, self._bot = make_bot, make_bot(token)
        self._polling, self._call_s = polling, call_s
        self._poll = trio.CancelScope()
        self._webhook: WebhookUpdates | None = None
        self._webhook_left = False

    def __repr__(self) -> str:
        return "<TelegramClient>"

    def use(self, token: SecretStr) -> None:
        """Make every call from now on with another token of the same bot. A poll that waits begins again under it."""
        self._bot = self._make_bot(token)
        self._poll.cancel()

    async def whoami(self) -> str:
        """The bot's username, without the @."""
        return (await _called(self._bot.get_me, self._call_s)).username or ""

    def await_pushes(self, webhook: WebhookUpdates) -> None:
        """Take updates from a webhook from now on."""
        self._webhook = webhook

    async def updates(self, offset: int | None, wait_s: int) -> list[ChatUpdate]:
        if self._webhook is not None:
            return await self._webhook.updates(offset, wait_s)

        async def poll() -> list[ChatUpdate]:
            self._polling.last_answer = b""
            try:
                updates = await self._bot.get_updates(
                    offset, limit=MAX_UPDATES, timeout=wait_s, allowed_updates=WANTED_UPDATES, read_timeout=self._call_s
                )
            except UNREADABLE:
                if not self._polling.last_answer:
                    raise
                return self._what_can_be_read()
            except foreign.Conflict as error:
                if self._webhook_left or WEBHOOK_STANDS not in error.message:
                    raise
                # One that an earlier life of this bot has set. What waits for it stays, and comes by polling.
                await self._bot.delete_webhook()
                self._webhook_left = True
                return await poll()
            return [_update(update) for update in updates]

        while True:
            with trio.CancelScope() as self._poll:
                return await _called(poll, self._call_s + wait_s)

    async def set_webhook(self, url: str, secret: str) -> None:
        """Have updates brought to this URL with this secret. What waits at Telegram is brought there too."""
        await _called(
            lambda: self._bot.set_webhook(
                url, max_connections=MAX_PUSHING, allowed_updates=WANTED_UPDATES, secret_token=secret
            ),
            self._call_s,
        )

    async def webhook_state(self) -> WebhookState:
        """What Telegram says of the webhook."""
        info = await _called(self._bot.get_webhook_info, self._call_s)
        failed_at = None if info.last_error_date is None else info.last_error_date.timestamp()
        return WebhookState(info.url, info.pending_update_count, failed_at, _one_line(info.last_error_message or ""))

    def read(self, raw: object) -> ChatUpdate:
        """One update out of JSON; raises ValueError for what is none."""
        if not isinstance(raw, dict) or type(raw.get("update_id")) is not int:
            raise ValueError("no update")
        try:
            return _update(telegram.Update.de_json(raw, self._bot))
        except UNREADABLE:
            return OtherUpdate(raw["update_id"])

    async def send(
        self,
        chat_id: int,
        text: str,
        buttons: Sequence[Button] = (),
        *,
        silent: bool = False,
        urgent: bool = False,  # noqa: ARG002 - nothing waits here
    ) -> int:
        def send() -> Awaitable[telegram.Message]:
            return self._bot.send_message(
                chat_id,
                text,
                reply_markup=_keyboard(buttons),
                link_preview_options=_PLAIN,
                disable_notification=silent or None,
            )

        message = await _called(send, self._call_s)
        return message.message_id

    async def send_document(self, chat_id: int, document: Document) -> int:
        message = await _called(
            lambda: self._bot.send_document(chat_id, document.content, filename=document.name),
            self._call_s + FILE_S,
        )
        return message.message_id

    async def send_photo(self, chat_id: int, photo: Photo, *, silent: bool = False) -> int:
        if len(photo.content) > MAX_PHOTO_BYTES:
            raise ChatRejected(
                "Telegram takes no picture of more than 10 MB"
            )  # its own answer, 413, reads as an outage
        message = await _called(
            lambda: self._bot.send_photo(
                chat_id, photo.content, filename=photo.name, disable_notification=silent or None
            ),
            self._call_s + FILE_S,
        )
        return message.message_id

    async def edit(
        self,
        chat_id: int,
        message_id: int,
        text: str,
        buttons: Sequence[Button] = (),
        *,
        urgent: bool = False,  # noqa: ARG002 - nothing waits here
    ) -> None:
        def edit() -> Awaitable[object]:
            return self._bot.edit_message_text(
                text, chat_id, message_id, reply_markup=_keyboard(buttons), link_preview_options=_PLAIN
            )

        try:
            await _called(edit, self._call_s)
        except ChatRejected as error:
            if NOT_MODIFIED not in str(error).lower():
                raise

    async def delete(self, chat_id: int, message_id: int) -> None:
        try:
            await _called(lambda: self._bot.delete_message(chat_id, message_id), self._call_s)
        except ChatRejected as error:
            if NOTHING_TO_DELETE not in str(error).lower():
                raise

    async def answer_press(self, query_id: str) -> None:
        await _called(lambda: self._bot.answer_callback_query(query_id), self._call_s)

    async def set_commands(self, commands: Mapping[str, str]) -> None:
        scope = telegram.BotCommandScopeAllPrivateChats()
        await _called(lambda: self._bot.set_my_commands(list(commands.items()), scope=scope), self._call_s)

    def _what_can_be_read(self) -> list[ChatUpdate]:
        """The last batch, one by one: an update that the library cannot read must not come again for ever."""
        return [self.read(raw) for raw in json.loads(self._polling.last_answer)["result"]]


@asynccontextmanager
async def open_telegram(
    token: SecretStr, *, base_url: str = BASE_URL, call_s: float = CALL_S, webhook: WebhookTerms | None = None
) -> AsyncIterator[TelegramClient]:
    """A client for the time of the block. It does not ask Telegram anything yet, so that an outage delays no start.

    `base_url` is followed by the token; `call_s` is the deadline of a call in seconds. With a `webhook` updates are not polled
    for. Raises ValueError for an empty token, and StartupError where the port of the webhook is not free.
    """
    if not token.get_secret_value():
        raise ValueError("the Telegram token is empty; put it into the file that the settings name")
    for library in ("httpx", "httpcore"):
        logging.getLogger(library).setLevel(logging.WARNING)  # at INFO they log URLs
    logging.getLogger("telegram").setLevel(
        logging.CRITICAL + 1
    )  # its errors come as exceptions; its logs quote messages
    os.environ["PTB_TIMEDELTA"] = "1"  # else every RetryAfter warns that its attribute will change its type
    async with AsyncExitStack() as stack:
        calls, polling = GuardedRequest(MAX_IN_FLIGHT), GuardedRequest(1)
        for request in (calls, polling):
            await request.initialize()
            stack.push_async_callback(_close, request)

        def make_bot(token: SecretStr) -> telegram.Bot:
            return telegram.Bot(token.get_secret_value(), base_url, request=calls, get_updates_request=polling)

        client = TelegramClient(make_bot, token, polling, call_s)
        if webhook is not None:
            secret, pushed = secret_of(token.get_secret_value()), PushedUpdates()
            await stack.enter_async_context(open_webhook_door(WebhookDoor(secret, pushed, client.read), webhook.port))
            client.await_pushes(WebhookUpdates(client, webhook.url, secret, pushed))
        yield client


async def _close(request: GuardedRequest) -> None:
    with trio.CancelScope(shield=True), trio.move_on_after(1):
        await request.shutdown()


_PLAIN = telegram.LinkPreviewOptions(is_disabled=True)


def _keyboard(buttons: Sequence[Button]) -> telegram.InlineKeyboardMarkup | None:
    """One button a row: labels are sentences, and a thumb hits the right one."""
    if not buttons:
        return None
    rows = [[telegram.InlineKeyboardButton(button.label, callback_data=button.data)] for button in buttons]
    return telegram.InlineKeyboardMarkup(rows)


def _update(update: telegram.Update) -> ChatUpdate:
    message, query = update.message, update.callback_query
    if message is not None and message.from_user is not None:
        return ChatText(
            update_id=update.update_id,
            chat_id=message.chat.id,
            chat_type=str(message.chat.type),
            user_id=message.from_user.id,
            message_id=message.message_id,
            text=message.text or message.caption or "",
            sent_at_ms=round(message.date.timestamp()) * 1000,
        )
    if query is not None and query.message is not None and query.data is not None:
        return ButtonPress(
            update_id=update.update_id,
            chat_id=query.message.chat.id,
            chat_type=str(query.message.chat.type),
            user_id=query.from_user.id,
            query_id=query.id,
            data=query.data,
            message_id=query.message.message_id,
        )
    return OtherUpdate(update.update_id)


async def _called(call: Callable[[], Awaitable[Result]], deadline_s: float) -> Result:
    """Await one call within its deadline; its errors come as ours."""
    try:
        with trio.fail_after(deadline_s):
            return await call()
    except trio.TooSlowError:
        raise ChatUnavailable(f"Telegram did not answer within {deadline_s:.0f} s") from None
    except foreign.TelegramError as error:
        raise _ours(error) from None


def _ours(error: foreign.TelegramError) -> ChatUnavailable | ChatForbidden | ChatRejected:
    """The same trouble, named by who must act."""
    match error:
        case foreign.RetryAfter():
            wait = error.retry_after
            wait_s = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
            return ChatUnavailable(f"Telegram asks to wait {wait_s:.0f} s", retry_after_s=wait_s)
        case foreign.Forbidden():
            return ChatForbidden(f"Telegram forbids it: {_one_line(error.message)}")
        case foreign.BadRequest() | foreign.ChatMigrated():
            return ChatRejected(f"Telegram refused the request: {_one_line(error.message)}")
        case foreign.Conflict():
            return ChatUnavailable(
                "Telegram serves another program that polls with the same token, or a webhook; stop it", rival=True
            )
        case foreign.InvalidToken():
            return ChatUnavailable("Telegram refused the bot's token; put a valid one into the file that settings name")
    return ChatUnavailable(f"Telegram gave no usable answer ({_kind(error)})")


def _kind(error: foreign.TelegramError) -> str:
    """What a network error was. Words of the HTTP library, or of a page that came instead of an answer, may quote the URL."""
    if error.__cause__ is None or isinstance(error.__cause__, foreign.TelegramError):
        return _one_line(error.message.partition(". Parsing the server response")[0])
    return type(error.__cause__).__name__


def _one_line(description: str) -> str:
    return " ".join(description.split())[:200]
