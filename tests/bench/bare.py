"""The least that could be called an actor: a deque, a task that sleeps while it is empty, and nothing else.

It has no supervision, no bound, no dead letters and no failure of any sort. What it carries is the limit of this
interpreter and event loop, beside which the price of an actor can be read off.
"""

from __future__ import annotations

from collections import deque

import trio

BATCH = 64


class BareQuestion:
    """A message whose sender sleeps until it is answered; nothing ends the sleep when no answer comes."""

    __slots__ = ("answer", "message", "task")

    def __init__(self, message: int) -> None:
        self.message = message
        self.answer = 0
        self.task = trio.lowlevel.current_task()


class BareActor:
    """Takes numbers and questions until `last` came; the same work per message as the actors that it is held against."""

    def __init__(self, last: int) -> None:
        self.done = trio.Event()
        self._last = last
        self._queue: deque[int | BareQuestion] = deque()
        self._sleeper: trio.lowlevel.Task | None = None

    def tell(self, message: int | BareQuestion) -> None:
        """Queue a message and wake the loop."""
        self._queue.append(message)
        if self._sleeper is not None:
            trio.lowlevel.reschedule(self._sleeper)
            self._sleeper = None

    async def ask(self, message: int) -> int:
        """Sleep until the answer is there."""
        question = BareQuestion(message)
        self.tell(question)
        await trio.lowlevel.wait_task_rescheduled(_abandon)
        return question.answer

    async def run(self) -> None:
        """Handle what comes, giving way after each batch."""
        queue, handled = self._queue, 0
        task = trio.lowlevel.current_task()
        while True:
            if not queue:
                self._sleeper = task
                await trio.lowlevel.wait_task_rescheduled(self._stop_sleeping)
                continue
            await self._handle(queue.popleft())
            handled += 1
            if handled % BATCH == 0:
                await trio.lowlevel.checkpoint()

    async def _handle(self, message: int | BareQuestion) -> None:
        number = message
        if isinstance(message, BareQuestion):
            message.answer = number = message.message
            trio.lowlevel.reschedule(message.task)
        if number == self._last:
            self.done.set()

    def _stop_sleeping(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._sleeper = None
        return trio.lowlevel.Abort.SUCCEEDED


def _abandon(_raise_cancel: object) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.SUCCEEDED
