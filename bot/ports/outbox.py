"""What users must be told: written in the transaction that made it true, delivered at least once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.ports.pictures import Pictures
from bot.ports.users import User

BROADCAST = "broadcast"  # the kind of what an admin tells everybody


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """Something a user must be told, written in the transaction that made it true. `urgent` ones are sent first.

    `payload` is JSON-ready; `trace_id` ties the message to the intent or run that caused it.
    """

    id: str
    user_id: str
    kind: str
    payload: dict[str, object]
    urgent: bool
    trace_id: str
    created_at_ms: int


class OutboxStore(Protocol):
    async def post(self, message: OutboxMessage) -> None:
        """Write one message; the same id again changes nothing. Raises LookupError for an unknown user."""

    async def post_all(self, messages: Sequence[OutboxMessage]) -> None:
        """Write all of them or none; one whose id is there already is left as it is. Raises LookupError for an unknown user."""

    async def due(self, limit: int, besides: Collection[str] = ()) -> list[OutboxMessage]:
        """Undelivered messages to all but the users `besides`: urgent ones first, BROADCAST ones last, each oldest first."""

    async def delivered(self, message_id: str, now_ms: int) -> None:
        """Its reader has it; again for the same one changes nothing. Raises LookupError for an unknown message."""

    async def undeliverable(self, message_id: str, why: str, now_ms: int) -> None:
        """The message can never reach its reader, or he wants none of its kind; it is not due any more.

        Again for the same one changes nothing. Raises LookupError for an unknown message.
        """


class Messenger(Protocol):
    async def deliver(self, user: User, message: OutboxMessage, *, silent: bool = False) -> None:
        """Hand one message to the user's chat, without a sound where he wants none.

        Raises Unavailable when the chat cannot be reached now, Undeliverable when it never will be for this message.
        """

    async def amend(self, user: User, message: OutboxMessage) -> None:
        """Let what was said of a message's order before read so, where that can be; nobody is told by it."""

    def illustrate(self, user: User, message: OutboxMessage, pictures: Pictures) -> None:
        """Have a picture follow a message that was handed over, where it has one; returns long before that."""
