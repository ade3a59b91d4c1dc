"""Asks on behalf of status and top, so that whoever looks never waits for the database, and measures the loop's lag.

A question to a database that hangs ends only when the database's own deadlines do. It is asked here, in a task of its
own, and whoever wanted to know is served what was known before, with its age.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import Unavailable

T = TypeVar("T")

REFRESH_S = 5.0  # what was known last is not much older than this when an outage begins, even if nobody had looked
BEAT_S = 0.25
LAG_S = 60.0  # how long the worst lag is remembered


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """The newest answer to one question, None before the first, and how old it is in seconds.

    `trouble` says why there is none of this moment: the words of the error, or that no answer has come yet; None when
    the answer is to the question that was asked just now.
    """

    value: T | None
    age_s: float
    trouble: str | None


class Kept(Generic[T]):
    """One question and its newest answer. `ask` raises Unavailable for no answer.

    It is asked when somebody looks, and every `REFRESH_S` when nobody does.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Clock) -> None:
        self._ask, self._clock = ask, clock
        self._wanted = self._begun = self._ended = 0
        self._changed = trio.Event()
        self._value: T | None = None
        self._as_of_ms = 0
        self._trouble: str | None = None

    async def look(self, within_s: float) -> Known[T]:
        """An answer that was asked for after this call; after `within_s` seconds the newest one that is there."""
        mine = self._wanted = self._begun + 1
        self._tell()
        with trio.move_on_after(within_s):
            while self._ended < mine:
                await self._changed.wait()
        trouble = self._trouble if self._ended >= mine else self._trouble or "it has not answered yet"
        return Known(self._value, (self._clock.now_ms() - self._as_of_ms) / 1000, trouble)

    async def keep(self) -> None:
        """Ask until cancelled; one question at a time, however many wait."""
        while True:
            with trio.move_on_after(REFRESH_S):
                while self._wanted <= self._begun:
                    await self._changed.wait()
            self._begun += 1
            number, asked_at_ms = self._begun, self._clock.now_ms()
            try:
                value = await self._ask()
            except Unavailable as error:
                self._trouble = str(error)
            else:
                self._value, self._as_of_ms, self._trouble = value, asked_at_ms, None
            self._ended = number
            self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


@dataclass(slots=True)
class LoopLag:
    """How late trio's loop wakes a task that sleeps: the last measurement, and the worst of the last minute."""

    lag_s: float = 0.0
    _measured: deque[tuple[float, float]] = field(default_factory=deque)

    @property
    def worst_s(self) -> float:
        """The worst lag of the last minute in seconds."""
        return max((lag_s for _, lag_s in self._measured), default=0.0)

    async def measure(self) -> None:
        """Sleep and compare, until cancelled."""
        while True:
            due_s = trio.current_time() + BEAT_S
            await trio.sleep_until(due_s)
            now_s = trio.current_time()
            self.lag_s = now_s - due_s
            self._measured.append((now_s, self.lag_s))
            while self._measured[0][0] < now_s - LAG_S:
                self._measured.popleft()


@dataclass(frozen=True, slots=True)
class StatusKeeper:
    """The actor: keeps the answers to `questions` and measures the loop."""

    questions: tuple[Kept[Any], ...]
    lag: LoopLag

    async def run(self, ctx: Context) -> None:
        async with trio.open_nursery() as nursery:
            for question in self.questions:
                nursery.start_soon(question.keep)
            nursery.start_soon(self.lag.measure)
            ctx.ready()
