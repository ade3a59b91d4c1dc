"""Watches that spoil a life: a database or a journal in trouble, and a death at a call of the money path or in the journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

import trio

from bot.errors import JournalUnavailable, StoreUnavailable
from bot.storage.spool_codec import encode
from bot.storage.spool_header import OLD_HEADER as HEADER
from bot.storage.spool_journal import MemoryJournal
from tests.crash.points import point_at
from tests.simulation.doors import Call, Life
from tests.whole.database_twin import writes

ANSWER_WITHIN_S = 5.0  # the database adapter waits no longer for one answer
BEFORE, AFTER, TORN = range(3)  # the moments of a death at a record
TORN_BYTES = 9  # what is missing of a record that was being written


@dataclass(slots=True)
class StoreTrouble:
    """A database that is in trouble until moments of trio's clock. What a lost answer was about is committed.

    One whose disk is full answers, also to a probe, and takes no write; the journal's disk is another one.
    """

    draw: Random
    away_until_s: float = 0.0
    loses_until_s: float = 0.0
    hangs_until_s: float = 0.0
    full_until_s: float = 0.0
    journal_full_until_s: float = 0.0

    async def before(self, call: Call) -> None:
        if call.port == "journal" and trio.current_time() < self.journal_full_until_s:
            raise JournalUnavailable("the journal of exits cannot be written: No space left on device")
        if call.port != "database":
            return
        now_s = trio.current_time()
        if now_s < self.hangs_until_s:
            await trio.sleep(min(ANSWER_WITHIN_S, self.hangs_until_s - now_s))
            if trio.current_time() < self.hangs_until_s or self.draw.random() < 0.5:
                raise StoreUnavailable("the database did not answer")
        if trio.current_time() < self.away_until_s:
            raise StoreUnavailable("the database is away")
        if trio.current_time() < self.full_until_s and call.method in writes():
            raise StoreUnavailable("the database: could not extend file: No space left on device")

    async def after(self, call: Call, answer: Any) -> None:
        if call.port == "database" and trio.current_time() < self.loses_until_s and self.draw.random() < 0.5:
            raise StoreUnavailable("the connection was lost before the answer came")

    def end(self) -> None:
        """Be well from now on."""
        self.away_until_s = self.loses_until_s = self.hangs_until_s = 0.0
        self.full_until_s = self.journal_full_until_s = 0.0


@dataclass(slots=True)
class DeathAtCall:
    """Ends a life at the `calls`-th call of the money path from now on, before or after it; None is never."""

    life: Life = field(default_factory=Life)
    calls: int | None = None
    after_it: bool = False

    async def before(self, call: Call) -> None:
        if self.calls is None or point_at(call.file, call.line) is None:
            return
        self.calls -= 1
        if self.calls <= 0 and not self.after_it:
            self.life.die()

    async def after(self, call: Call, answer: Any) -> None:
        if self.calls is not None and self.calls <= 0 and point_at(call.file, call.line) is not None:
            self.life.die()


@dataclass(slots=True)
class BugAtCall:
    """Lets an actor fail at the `calls`-th call of the money path from now on, or hang there for `hangs_s`; None is never.

    What hangs goes on afterwards, as if nothing had been.
    """

    calls: int | None = None
    hangs_s: float = 0.0

    async def before(self, call: Call) -> None:
        if self.calls is None or point_at(call.file, call.line) is None:
            return
        self.calls -= 1
        if self.calls > 0:
            return
        self.calls = None
        if not self.hangs_s:
            raise BugError(f"a bug at {call}")
        await trio.sleep(self.hangs_s)

    async def after(self, call: Call, answer: Any) -> None:
        return


class BugError(Exception):
    """What nobody expects of a port."""


@dataclass(slots=True)
class DeathAtAppend:
    """Ends a life at the `appends`-th record of the journal from now on: before it, after it, or in its middle."""

    journal: MemoryJournal
    life: Life = field(default_factory=Life)
    appends: int | None = None
    moment: int = 0

    async def before(self, call: Call) -> None:
        if self.appends is None or call.port != "journal":
            return
        self.appends -= 1
        if self.appends > 0 or self.moment == AFTER:
            return
        if self.moment == TORN:
            self.journal.data = (self.journal.data or HEADER) + encode(call.arguments[0])[:-TORN_BYTES]
        self.life.die()

    async def after(self, call: Call, answer: Any) -> None:
        if self.appends is not None and self.appends <= 0 and call.port == "journal":
            self.life.die()
