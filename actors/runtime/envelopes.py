"""Messages with something to remember about them; a message with nothing to remember queues bare."""

from collections.abc import Hashable
from typing import Final

import trio
from outcome import Error


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

    It is also the outcome that trio hands to the sender when it was answered: an ask is made often enough that each
    further object would show. `due` is its deadline on trio's clock, which the inbox looks after.
    """

    __slots__ = ("_task", "_value", "due", "is_live")

    attempts = 0  # of the envelope's two it has but one: an ask whose handler failed is answered with that

    def __init__(self, message: object, due: float) -> None:
        self.message = message
        self.due = due
        self.is_live = True
        self._task = trio.lowlevel.current_task()

    def answer(self, value: object) -> None:
        """Wake the sender with a value; a second answer is lost, as the sender has gone on."""
        if self.is_live:
            self.is_live = False
            self._value = value
            # All that trio does with an outcome is to call its `unwrap` in the task that slept.
            trio.lowlevel.reschedule(self._task, self)  # type: ignore[arg-type]

    def unwrap(self) -> object:
        """The answer, for `wait_task_rescheduled` in the sender's task."""
        return self._value

    def fail(self, error: Exception) -> None:
        """Wake the sender with an error."""
        if self.is_live:
            self.is_live = False
            trio.lowlevel.reschedule(self._task, Error(error))

    def abandon(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        """The sender was cancelled; nobody waits any more."""
        self.is_live = False
        return trio.lowlevel.Abort.SUCCEEDED


ENVELOPES: Final = frozenset((Envelope, Newest, Ask))
"""Every sort of envelope; asking a set is the quickest way to tell them from bare messages."""
