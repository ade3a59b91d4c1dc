"""The in-memory twin of Telegram: `bot.ports.ChatApi` with the people at the other end, for virtual time and for tests.

It refuses what the Bot API refuses; one contract suite holds it and the real client to the same answers.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import trio

from bot.clock import Clock
from bot.errors import ChatForbidden, ChatRejected, ChatUnavailable
from bot.pictures.plain import PNG_MAGIC
from bot.ports import MAX_UPDATES, Button, ButtonPress, ChatText, ChatUpdate, Document, OtherUpdate, Photo
from bot.telegram.gateway_cards import MAX_UNITS, units

MAX_DATA_BYTES = 64
MAX_FILE_BYTES = 50_000_000
MAX_PHOTO_BYTES = 10_000_000
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as somebody in the chat sees it now; `ours` says that the bot wrote it, `silent` that it made no sound."""

    message_id: int
    ours: bool
    text: str = field(repr=False)
    buttons: tuple[Button, ...] = ()
    document: Document | None = None
    silent: bool = False
    photo: Photo | None = None


class MemoryTelegram:
    """Implements `bot.ports.ChatApi`. The methods above it are what people do; they take and return nothing of ours."""

    def __init__(self, clock: Clock) -> None:
        self.commands: dict[str, str] = {}
        self._clock = clock
        self._chats: dict[int, tuple[str, dict[int, Shown]]] = {}
        self._pending: list[ChatUpdate] = []
        self._arrived = trio.Event()
        self._polling: trio.CancelScope | None = None
        self._queries: dict[str, bool] = {}
        self._blocked: set[int] = set()
        self._faults: dict[str, deque[ChatUnavailable]] = {}
        self._away = False
        self._updates = 0
        self._messages = 0

    def __repr__(self) -> str:
        return f"<MemoryTelegram chats={len(self._chats)} unconfirmed={len(self._pending)}>"

    # -------------------------------------------------------------------------------------------------------- people

    def say(self, user_id: int, text: str, *, chat_id: int | None = None, chat_type: str = "private") -> int:
        """Somebody writes, by default into his private chat with the bot; returns the message id."""
        chat = user_id if chat_id is None else chat_id
        message_id = self._put(chat, chat_type, Shown(self._next_message(), ours=False, text=text))
        sent_at_ms = self._clock.now_ms() // 1000 * 1000
        self._push(ChatText(self._next_update(), chat, chat_type, user_id, message_id, text, sent_at_ms))
        return message_id

    def change(self, chat_id: int, message_id: int, text: str) -> None:
        """Somebody edits a message of his own."""
        messages = self._chats[chat_id][1]
        messages[message_id] = replace(messages[message_id], text=text)
        self._push(OtherUpdate(self._next_update()))

    def press(self, chat_id: int, label: str) -> None:
        """Somebody presses the newest button with this label; raises LookupError when there is none."""
        kind, messages = self._chats[chat_id]
        for shown in reversed(messages.values()):
            for button in shown.buttons:
                if button.label == label:
                    query_id = f"q{self._next_update()}"
                    self._queries[query_id] = False
                    self._push(
                        ButtonPress(self._updates, chat_id, kind, chat_id, query_id, button.data, shown.message_id)
                    )
                    return
        raise LookupError(f"no button {label!r} in chat {chat_id}")

    def block(self, user_id: int) -> None:
        """Somebody blocks the bot."""
        self._blocked.add(user_id)

    def unblock(self, user_id: int) -> None:
        """Somebody lets the bot write again."""
        self._blocked.discard(user_id)

    def messages(self, chat_id: int) -> list[Shown]:
        """A chat as it looks now, oldest first."""
        return list(self._chats[chat_id][1].values()) if chat_id in self._chats else []

    # ------------------------------------------------------------------------------------------------------- faults

    def ask_to_wait(self, method: str, seconds: int) -> None:
        """The next call of this method of the port is told to come again later."""
        error = ChatUnavailable(f"Telegram asks to wait {seconds} s", retry_after_s=seconds)
        self._faults.setdefault(method, deque()).append(error)

    def lose(self, method: str) -> None:
        """The next call of this method fails as on a broken network."""
        self._faults.setdefault(method, deque()).append(ChatUnavailable("Telegram gave no usable answer"))

    def go_away(self, *, away: bool = True) -> None:
        """From now on every call fails, a poll in progress too, until Telegram comes back."""
        self._away = away
        if away and self._polling is not None:
            self._polling.cancel()

    # ---------------------------------------------------------------------------------------------------------- port

    async def whoami(self) -> str:
        await self._called("whoami")
        return "memory_bot"

    async def updates(self, offset: int | None, wait_s: int) -> list[ChatUpdate]:
        await self._called("updates")
        if self._polling is not None:
            self._polling.cancel()
        if offset is not None:
            self._pending = [update for update in self._pending if update.update_id >= offset]
        with trio.CancelScope() as self._polling:
            mine = self._polling
            with trio.move_on_after(wait_s):
                while not self._pending:
                    await self._arrived.wait()
        if mine.cancelled_caught:
            raise ChatUnavailable("Telegram serves another program that polls with the same token")
        self._polling = None
        return self._pending[:MAX_UPDATES]

    async def send(
        self,
        chat_id: int,
        text: str,
        buttons: Sequence[Button] = (),
        *,
        silent: bool = False,
        urgent: bool = False,  # noqa: ARG002 - nothing waits here
    ) -> int:
        await self._called("send")
        self._check_chat(chat_id)
        self._check_message(text, buttons)
        kind = self._chats[chat_id][0]
        shown = Shown(self._next_message(), ours=True, text=text, buttons=tuple(buttons), silent=silent)
        return self._put(chat_id, kind, shown)

    async def send_document(self, chat_id: int, document: Document) -> int:
        await self._called("send_document")
        self._check_chat(chat_id)
        if not 1 <= len(document.content) <= MAX_FILE_BYTES:
            raise ChatRejected("Telegram refused the request: file must be non-empty and no larger than 50 MB")
        kind = self._chats[chat_id][0]
        return self._put(chat_id, kind, Shown(self._next_message(), ours=True, text="", document=document))

    async def send_photo(self, chat_id: int, photo: Photo, *, silent: bool = False) -> int:
        await self._called("send_photo")
        self._check_chat(chat_id)
        if not photo.content.startswith(PNG_MAGIC):
            raise ChatRejected("Telegram refused the request: IMAGE_PROCESS_FAILED")
        if len(photo.content) > MAX_PHOTO_BYTES:
            raise ChatRejected("Telegram takes no picture of more than 10 MB")
        kind = self._chats[chat_id][0]
        shown = Shown(self._next_message(), ours=True, text="", photo=photo, silent=silent)
        return self._put(chat_id, kind, shown)

    async def edit(
        self,
        chat_id: int,
        message_id: int,
        text: str,
        buttons: Sequence[Button] = (),
        *,
        urgent: bool = False,  # noqa: ARG002 - nothing waits here
    ) -> None:
        await self._called("edit")
        self._check_chat(chat_id)
        self._check_message(text, buttons)
        messages = self._chats[chat_id][1]
        if message_id not in messages:
            raise ChatRejected("Telegram refused the request: Message to edit not found")
        if not messages[message_id].ours:
            raise ChatRejected("Telegram refused the request: Message can't be edited")
        messages[message_id] = replace(messages[message_id], text=text, buttons=tuple(buttons))

    async def delete(self, chat_id: int, message_id: int) -> None:
        await self._called("delete")
        self._check_chat(chat_id)
        kind, messages = self._chats[chat_id]
        if message_id in messages and kind != "private" and not messages[message_id].ours:
            raise ChatRejected("Telegram refused the request: Message can't be deleted")
        messages.pop(message_id, None)

    async def answer_press(self, query_id: str) -> None:
        await self._called("answer_press")
        if self._queries.get(query_id, True):
            raise ChatRejected("Telegram refused the request: Query is too old, or was answered")
        self._queries[query_id] = True

    async def set_commands(self, commands: Mapping[str, str]) -> None:
        await self._called("set_commands")
        for name, description in commands.items():
            if not _COMMAND.fullmatch(name) or not 1 <= len(description) <= 256:
                raise ChatRejected(f"Telegram refused the request: the command {name!r} or its description")
        self.commands = dict(commands)

    async def _called(self, method: str) -> None:
        await trio.lowlevel.checkpoint()
        if self._away:
            raise ChatUnavailable("Telegram gave no usable answer")
        if self._faults.get(method):
            raise self._faults[method].popleft()

    def _check_chat(self, chat_id: int) -> None:
        if chat_id not in self._chats:
            raise ChatRejected("Telegram refused the request: Chat not found")
        if chat_id in self._blocked:
            raise ChatForbidden("Telegram forbids it: bot was blocked by the user")

    def _check_message(self, text: str, buttons: Sequence[Button]) -> None:
        if not text.strip():
            raise ChatRejected("Telegram refused the request: Message text is empty")
        if units(text) > MAX_UNITS:
            raise ChatRejected("Telegram refused the request: Message is too long")
        for button in buttons:
            if not button.label or not 1 <= len(button.data.encode()) <= MAX_DATA_BYTES:
                raise ChatRejected("Telegram refused the request: a button's label or data")

    def _put(self, chat_id: int, chat_type: str, shown: Shown) -> int:
        self._chats.setdefault(chat_id, (chat_type, {}))[1][shown.message_id] = shown
        return shown.message_id

    def _push(self, update: ChatUpdate) -> None:
        self._pending.append(update)
        self._arrived.set()
        self._arrived = trio.Event()

    def _next_update(self) -> int:
        self._updates += 1
        return self._updates

    def _next_message(self) -> int:
        self._messages += 1
        return self._messages
