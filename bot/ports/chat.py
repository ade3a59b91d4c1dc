"""The chat service, what people send through it, and the handlers that answer them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.ports.chat_messages import Subject
from bot.ports.pictures import Recipe

MAX_UPDATES = 100  # one poll brings no more
Secret = str | Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class ChatText:
    """A new message. `chat_type` is `private`, `group`, `supergroup` or `channel`; in a private chat `chat_id` is `user_id`.

    `text` is a caption where the message has one, and empty for a message of another kind; no repr shows it, because
    it may be a secret. `update_id` identifies the update for good. `sent_at_ms` is by the clock of the chat service.
    """

    update_id: int
    chat_id: int
    chat_type: str
    user_id: int
    message_id: int
    text: str = field(repr=False)
    sent_at_ms: int


@dataclass(frozen=True, slots=True)
class ButtonPress:
    """Somebody pressed a button under a message of ours. `data` is what the button carries; a client may forge it.

    `message_id` is the message under which it stands.
    """

    update_id: int
    chat_id: int
    chat_type: str
    user_id: int
    query_id: str
    data: str
    message_id: int


@dataclass(frozen=True, slots=True)
class OtherUpdate:
    """An update that the bot has no use for, an edited message among them; it is only confirmed."""

    update_id: int


ChatUpdate = ChatText | ButtonPress | OtherUpdate


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message. A press brings back `data`, 1 to 64 bytes of UTF-8."""

    label: str
    data: str


@dataclass(frozen=True, slots=True)
class Document:
    """A file for somebody's chat: the name under which it is kept, and its bytes, which no repr shows."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture for somebody's chat: a PNG, and the name under which it is kept."""

    name: str
    content: bytes = field(repr=False)


class ChatApi(Protocol):
    """The chat service. Every method raises ChatUnavailable, ChatForbidden or ChatRejected; see there who must act."""

    async def whoami(self) -> str:
        """The bot's own name in the chat service."""

    async def updates(self, offset: int | None, wait_s: int) -> list[ChatUpdate]:
        """The next updates, at most MAX_UPDATES; waits up to `wait_s` seconds for the first.

        An offset confirms every update below it: they never come again. None asks for everything unconfirmed. One
        poll at a time: a second one ends the first with ChatUnavailable.
        """

    async def send(
        self,
        chat_id: int,
        text: str,
        buttons: Sequence[Button] = (),
        *,
        silent: bool = False,
        urgent: bool = False,
    ) -> int:
        """Send a text of 1 to 4096 UTF-16 units with buttons below each other; returns its message id.

        A `silent` one makes no sound where it arrives; an `urgent` one goes before what waits for its turn.
        """

    async def send_document(self, chat_id: int, document: Document) -> int:
        """Send a file of 1 byte to 50 MB; returns its message id."""

    async def send_photo(self, chat_id: int, photo: Photo, *, silent: bool = False) -> int:
        """Send a picture of at most 10 MB, which is shown in the chat; returns its message id."""

    async def edit(
        self, chat_id: int, message_id: int, text: str, buttons: Sequence[Button] = (), *, urgent: bool = False
    ) -> None:
        """Replace the text and the buttons of a message of ours; one that reads so already counts as edited."""

    async def delete(self, chat_id: int, message_id: int) -> None:
        """Delete a message, in a private chat also one of the other side; one that is gone counts as deleted."""

    async def answer_press(self, query_id: str) -> None:
        """Tell the presser's client that the press arrived; raises ChatRejected for one that is too old or was answered."""

    async def set_commands(self, commands: Mapping[str, str]) -> None:
        """What private chats offer as commands: help by name."""


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What is said in answer to a text: one message per part, the buttons under the last, and then the file, if any.

    `subject` is what the last part tells of, where what comes of it takes that message's place. A reply that `ends_card`
    takes the place of the message whose button was pressed. A `secret` comes last, in a message of its own, which is deleted
    after a minute; no repr shows it, and one that is asked for is asked for once the file is in the chat. `picture` is what
    is drawn once all of that is said.
    """

    parts: tuple[str, ...]
    buttons: tuple[Button, ...] = ()
    document: Document | None = None
    subject: Subject | None = None
    ends_card: bool = False
    secret: Secret | None = field(default=None, repr=False)
    picture: Recipe | None = None


@dataclass(frozen=True, slots=True)
class ShownSecret:
    """A message of ours that holds a secret, until it is deleted."""

    chat_id: int
    message_id: int
    shown_at_ms: int


class ChatDoor(Protocol):
    """What the gateway asks of the chat handlers."""

    def is_secret(self, text: str) -> bool:
        """Whether a text looks like a private key; such a text is deleted and never goes any further."""

    async def answer(self, telegram_id: int, text: str, key: str) -> ChatReply:
        """Run one command of one person. `key` identifies it for good, so that a repeat trades nothing twice."""

    async def said(self, telegram_id: int, reply: ChatReply, message_id: int | None) -> str | None:
        """The last part of a reply stands in its chat as this message; None where it could not be said.

        What it is to say instead, where news of its subject has come before it; None where it may stay.
        """

    async def secret_shown(self, secret: ShownSecret) -> None:
        """Remember, for a life after this one too, that a message is to be deleted. What cannot be written is left."""

    async def secrets_shown(self) -> list[ShownSecret]:
        """Those that are remembered and not gone; waits for the database."""

    async def secret_gone(self, chat_id: int, message_id: int) -> None:
        """The message is deleted, or never will be."""
