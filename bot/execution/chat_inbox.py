"""What has been taken out of chats and what of it is done, across restarts: every command is done once.

A command is written before the chat service is told that it came, and marked once it is done; a start does what it finds
undone. A kill between a command's effect and its mark has it done again, before any later command of its chat: orders are
known by their key, so that they trade once, and what else a command does is the same the second time. While the database
is away commands are taken without it, because exits must go on: what waits then is lost if the process dies too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import structlog
import trio

from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.chat_intake import REMEMBERED, Recent
from bot.ports import InboxStore, TakenCommand

log = structlog.get_logger()

REST_S = 1.0  # after a write that the database did not answer
MAX_MARKS = 10_000  # commands that are done and not marked yet; above that the oldest may be done again
MARKS_AT_ONCE = 100
MAX_TRIES = 3  # starts that find a command undone before it is taken for what ends them


class ChatInbox:
    """`seen` are the numbers that need no asking: what was placed lately, here or before the start.

    `_taking` are those that are being written or wait for their places.
    """

    def __init__(self, store: InboxStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._marks: deque[TakenCommand] = deque(maxlen=MAX_MARKS)
        self._to_mark = trio.Event()
        self._taking: set[int] = set()
        self.seen = Recent()

    def __repr__(self) -> str:
        return f"<ChatInbox unmarked={len(self._marks)}>"

    async def keep_marking(self) -> None:
        """Write what is done, until cancelled."""
        while True:
            self._to_mark = trio.Event()
            if not self._marks:
                await self._to_mark.wait()
            batch = list(self._marks)[:MARKS_AT_ONCE]
            try:
                await self._store.finish_commands(batch, self._clock.now_ms())
            except Unavailable as error:
                log.warning("inbox_delayed", reason=str(error))
                await trio.sleep(REST_S)
                continue
            for command in batch:
                if self._marks and self._marks[0] is command:
                    self._marks.popleft()

    def done(self, command: TakenCommand) -> None:
        """A command had its effect, or will never have one: no start is to do it again."""
        self._marks.append(command)
        self._to_mark.set()

    def placed(self, update_id: int) -> None:
        """An update stands where it is done, or nothing is to be done about it."""
        self._taking.discard(update_id)
        self.seen.add(update_id)

    async def recall(self) -> list[TakenCommand]:
        """At a start: learn what was taken before it, and return what of that is to be done; waits for the database."""
        self._taking.clear()
        while True:
            try:
                latest, undone = await self._store.recall_commands(REMEMBERED)
                break
            except Unavailable as error:
                log.warning("inbox_delayed", reason=str(error))
                await trio.sleep(REST_S)
        owed = [one for one in undone if one.update_id not in self.seen and one.update_id not in self._taking]
        self._taking.update(command.update_id for command in owed)
        for update_id in reversed(latest):
            if update_id not in self._taking:
                self.seen.add(update_id)
        return owed

    async def take(self, commands: Sequence[TakenCommand], nursery: trio.Nursery, patience_s: float) -> set[int]:
        """Write commands; the numbers of those that were taken before and are not to be done now.

        A database that does not answer within `patience_s` is left to itself: then nothing counts as known.
        """
        known: set[int] = set()
        if not commands:
            return known
        self._taking.update(command.update_id for command in commands)
        written = trio.Event()

        async def write() -> None:
            try:
                fresh = await self._store.take_commands(commands, self._clock.now_ms())
                known.update({command.update_id for command in commands} - fresh)
            except Unavailable as error:
                log.warning("inbox_away", commands=len(commands), reason=str(error))
            written.set()

        nursery.start_soon(write)
        with trio.move_on_after(patience_s):
            await written.wait()
        return set(known)
