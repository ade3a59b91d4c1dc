"""Messages of ours that hold a secret: each is deleted a minute after it was shown, by the next life where one ends before."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial
from math import inf

import structlog
import trio

from bot.clock import Clock
from bot.errors import ChatForbidden, ChatRejected
from bot.execution.chat_saying import Speaker, until_taken
from bot.execution.chat_words import STAYS
from bot.ports import ChatApi, ChatDoor, ChatReply, ShownSecret

log = structlog.get_logger()

SHOWN_S = 60.0  # how long a secret of a user's stays in his chat


@dataclass(slots=True)
class ShownSecrets:
    """`_shown` are those of this process, oldest first, each with trio's second from which it is to be gone."""

    api: ChatApi
    door: ChatDoor
    clock: Clock
    _shown: deque[tuple[float, int, int]] = field(default_factory=deque)
    _arrived: trio.Event = field(default_factory=trio.Event)

    async def forget_soon(self, chat_id: int, message_id: int) -> None:
        """A message of ours holds a secret."""
        self._shown.append((trio.current_time() + SHOWN_S, chat_id, message_id))
        self._arrived.set()
        await self.door.secret_shown(ShownSecret(chat_id, message_id, self.clock.now_ms()))

    async def run(self) -> None:
        """Delete what was shown for long enough, until cancelled.

        Each beside the others: one whom Telegram keeps waiting delays nobody.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._of_before, nursery)
            while True:
                while self._shown:
                    until_s, chat_id, message_id = self._shown[0]
                    await trio.sleep_until(until_s)
                    self._shown.popleft()
                    nursery.start_soon(self._unsay, until_s, chat_id, message_id)
                self._arrived = trio.Event()
                await self._arrived.wait()

    async def _of_before(self, nursery: trio.Nursery) -> None:
        """What an earlier life has shown and not deleted. To delete a message twice is as well as once."""
        for secret in await self.door.secrets_shown():
            age_s = (self.clock.now_ms() - secret.shown_at_ms) / 1000
            until_s = trio.current_time() + min(SHOWN_S, SHOWN_S - age_s)
            nursery.start_soon(self._unsay, until_s, secret.chat_id, secret.message_id)

    async def _unsay(self, at_s: float, chat_id: int, message_id: int) -> None:
        """Delete a message when it is time, and say so where it stays."""
        await trio.sleep_until(at_s)
        try:
            await until_taken(partial(self.api.delete, chat_id, message_id), inf)
        except (ChatRejected, ChatForbidden) as error:
            log.error("secret_not_deleted", reason=str(error))
            await Speaker(self.api).say(chat_id, ChatReply((STAYS,)))
        await self.door.secret_gone(chat_id, message_id)
