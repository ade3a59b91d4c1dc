"""Commands that came out of chats: written before the chat service is told that they came, and done once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

KEPT_MS = 3 * 86_400_000  # how long what was done is known; the chat service brings nothing that is older than a day


@dataclass(frozen=True, slots=True)
class TakenCommand:
    """A command out of a private chat, under the number by which the chat service knows it for good.

    `sent_at_ms` is by the clock of the chat service, of a button's press by ours. `tries` is how many starts have found
    it undone. No repr shows the text.
    """

    update_id: int
    telegram_id: int
    text: str = field(repr=False)
    sent_at_ms: int
    tries: int = 0


class InboxStore(Protocol):
    async def take_commands(self, commands: Sequence[TakenCommand], now_ms: int) -> set[int]:
        """Write commands that are to be done; the numbers of those that were not known before.

        What was done long enough ago is forgotten by this.
        """

    async def finish_commands(self, commands: Sequence[TakenCommand], now_ms: int) -> None:
        """These are done, known before or not; their texts are forgotten, their numbers are kept for KEPT_MS."""

    async def recall_commands(self, limit: int) -> tuple[list[int], list[TakenCommand]]:
        """For a start: the latest numbers, at most `limit`, and what was taken and not done, in the order of the numbers.

        Each time counts as one of the tries of what was not done.
        """
