"""Writes of one kind that share a transaction: whoever asks while one is at work is in the next one, with all who wait.

A thousand exits at once cost a few commits instead of a thousand, and a single one waits for nobody: it is a batch of one. Where
a transaction had several the next one waits some milliseconds for more: what a commit costs, fewer of them save to all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import asyncpg
import outcome

from bot.errors import Conflict
from bot.storage.database import Database

Row = TypeVar("Row")
Answer = TypeVar("Answer")

# Carries out rows in one transaction and gives their answers in the same order; what it raises undoes all of them.
Unit = Callable[[asyncpg.Connection, Sequence[Row]], Coroutine[Any, Any, Sequence[Answer]]]

MOST = 100  # rows of one transaction: more would keep those behind them waiting for longer than they save
# Of a crowd each comes as soon as the one thread has made its row, so that a commit would be there for two or three of them.
GATHER_S = 0.002  # for each row of the transaction before, which says how dense the crowd is
GATHER_MOST_S = 0.01
# What says something of a row. Nothing was written then, so that each of a batch can be judged by itself.
_OF_A_ROW = (Conflict, LookupError, ValueError)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked(Generic[Row, Answer]):
    row: Row
    answer: asyncio.Future[Answer]


class Together(Generic[Row, Answer]):
    """One kind of write. Its transactions follow each other, so that no two of them ever wait for each other's rows.

    `apart` names of a row what no other row of its transaction may share, because each is judged by what the other changes.
    """

    def __init__(
        self, database: Database, unit: Unit[Row, Answer], apart: Callable[[Row], Sequence[Hashable]] = lambda _: ()
    ) -> None:
        self._database = database
        self._unit = unit
        self._apart = apart
        self._waiting: deque[_Asked[Row, Answer]] = deque()
        self._worker: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Together {getattr(self._unit, '__name__', '')} waiting={len(self._waiting)}>"

    async def write(self, row: Row) -> Answer:
        """Write one row and return when its commit is known; raises what `Database.write` and the unit raise.

        A row that fails its guard changes nothing, hears so alone, and fails none of those beside it.
        """
        return await self._database.write_by(self._join, row)

    # On the asyncio side.

    async def _join(self, row: Row) -> Answer:
        asked = _Asked(row, cast("asyncio.Future[Answer]", asyncio.get_running_loop().create_future()))
        self._waiting.append(asked)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return await asked.answer

    async def _work(self) -> None:
        try:
            while batch := self._next():
                await self._carry_out(batch)
                if len(batch) > 1 and len(self._waiting) < MOST:
                    await asyncio.sleep(min(len(batch) * GATHER_S, GATHER_MOST_S))
        finally:
            self._worker = None

    def _next(self) -> list[_Asked[Row, Answer]]:
        """Those who wait, oldest first, without who gave up and without those that must wait for one before them."""
        batch: list[_Asked[Row, Answer]] = []
        taken: set[Hashable] = set()
        left: list[_Asked[Row, Answer]] = []
        while self._waiting and len(batch) < MOST:
            asked = self._waiting.popleft()
            if asked.answer.done():
                continue
            own = self._apart(asked.row)
            if taken.isdisjoint(own):
                batch.append(asked)
            else:
                left.append(asked)
            taken.update(own)
        self._waiting.extendleft(reversed(left))
        return batch

    async def _carry_out(self, batch: Sequence[_Asked[Row, Answer]]) -> None:
        """One transaction. Where something is wrong with a row, nothing was written, and each has one of its own."""
        rows = [asked.row for asked in batch]
        result = await outcome.acapture(self._database.transaction, self._unit, rows)
        if isinstance(result, outcome.Error):
            if isinstance(result.error, _OF_A_ROW) and len(batch) > 1:
                for asked in batch:
                    await self._carry_out([asked])
                return
            _refuse(batch, result.error)
            if not isinstance(result.error, Exception):
                raise result.error
            return
        for asked, answer in zip(batch, result.value, strict=True):
            if not asked.answer.done():
                asked.answer.set_result(answer)


def _refuse(batch: Sequence[_Asked[Row, Answer]], error: BaseException) -> None:
    """Everybody hears the same; whoever is cancelled here hears it from the island that closes."""
    for asked in batch:
        if asked.answer.done():
            continue
        if isinstance(error, Exception):
            asked.answer.set_exception(error)
        else:
            asked.answer.cancel()
