"""Messages with something to remember about them; a message with nothing to remember queues bare."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from actors.runtime.mailbox import Inbox
    from actors.runtime.timers import Timers


class Envelope:
    """A message and how many attempts at it have failed."""

    __slots__ = ("attempts", "message")

    def __init__(self, message: object, attempts: int = 0) -> None:
        self.message = message
        self.attempts = attempts


class Newest(Envelope):
    """The newest message of its conflate_key; a newer one takes its place in the queue."""

    __slots__ = ("key",)

    def __init__(self, message: object, key: Hashable) -> None:
        super().__init__(message)
        self.key = key


class Ask(Envelope):
    """A message whose sender sleeps until it is answered, fails or is too late; settled exactly once.

    It is its own deadline in the heap of Timers: an ask is made often enough that a second object per ask would show.
    """

    __slots__ = ("_error", "_task", "_timers", "_value", "inbox", "is_live")

    def __init__(self, message: object, inbox: "Inbox", timers: "Timers") -> None:
        self.message = message
        self.attempts = 0
        self.inbox = inbox
        self.is_live = True
        self._timers = timers
        self._task = trio.lowlevel.current_task()
        self._value: object = None
        self._error: Exception | None = None

    async def wait(self, deadline: float) -> Any:
        """Sleep until settled and return the answer, or raise what it failed with; trio.TooSlowError at `deadline`."""
        self.inbox.pending_asks += 1
        self._timers.push(deadline, self)
        await trio.lowlevel.wait_task_rescheduled(self._abandon)
        if self._error is not None:
            raise self._error
        return self._value

    def answer(self, value: object) -> None:
        """Wake the sender with a value; a second answer is lost, as the sender has gone on."""
        if self.is_live:
            self._value = value
            self._settle()
            self._timers.forget_one()
            trio.lowlevel.reschedule(self._task)

    def fail(self, error: Exception) -> None:
        """Wake the sender with an error."""
        if self.is_live:
            self._error = error
            self._settle()
            self._timers.forget_one()
            trio.lowlevel.reschedule(self._task)

    def fire(self) -> None:
        """The deadline is there."""
        self._error = trio.TooSlowError(f"{self.inbox.path} did not answer in time")
        self._settle()
        trio.lowlevel.reschedule(self._task)

    def _abandon(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._settle()
        self._timers.forget_one()
        return trio.lowlevel.Abort.SUCCEEDED

    def _settle(self) -> None:
        self.is_live = False
        self.inbox.pending_asks -= 1
