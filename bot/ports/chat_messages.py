"""Which message in somebody's chat tells of what, kept so that it can be edited, after a restart too."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Topic(StrEnum):
    """What kind of thing a message tells of."""

    ORDER = "order"
    POSITION = "position"
    SECRET = "secret"  # noqa: S105 - a topic


@dataclass(frozen=True, slots=True)
class Subject:
    """One order, by its intent's id, one position, by its own, or one secret, by its chat and message with a colon between."""

    topic: Topic
    id: str


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """The message that tells of a subject, by the number that it has in its user's private chat.

    `says` is the id of the outbox message that it shows, empty for none; `lead` is what stands above whatever is edited in
    it, which no repr shows. `at_ms` is when it was written or last became another outbox message.
    """

    subject: Subject
    user_id: str
    message_id: int
    at_ms: int
    says: str = ""
    lead: str = field(default="", repr=False)


class ChatMessageStore(Protocol):
    async def chat_message(self, subject: Subject) -> ChatMessage | None:
        """The message that tells of this; None where there is none."""

    async def put_chat_message(self, message: ChatMessage) -> ChatMessage | None:
        """Keep a message in the place of the one that told of its subject so far, which is returned.

        Raises LookupError for an unknown user.
        """

    async def chat_messages(self, topic: Topic) -> list[ChatMessage]:
        """Every message of a topic, the oldest first."""

    async def forget_chat_message(self, message: ChatMessage) -> None:
        """Let a message be edited no more; one that has taken its place stays."""

    async def forget_chat_messages(self, topic: Topic, before_ms: int) -> None:
        """Nothing of this topic that was written before this moment is edited any more."""
