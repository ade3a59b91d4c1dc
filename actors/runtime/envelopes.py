"""Messages with something to remember about them; a message with nothing to remember queues bare."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Final

import trio
from outcome import Error

if TYPE_CHECKING:
    from actors.runtime.mailbox import Inbox


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

    It is its own entry among the deadlines, and the outcome that trio hands to the sender when it was answered: an ask is
    made often enough that each further object would show.
    """

    __slots__ = ("_task", "_value", "due", "inbox", "is_live")

    attempts = 0  # of the envelope's two it has but one: an ask whose handler failed is answered with that

    def __init__(self, message: object, inbox: "Inbox", due: float) -> None:
        self.message = message
        self.inbox = inbox
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
        """The answer, for `wait_task_rescheduled` in the sender's task; the deadline's entry lets go of it."""
        value, self._value = self._value, None
        return value

    def fail(self, error: Exception) -> None:
        """Wake the sender with an error."""
        if self.is_live:
            self.is_live = False
            trio.lowlevel.reschedule(self._task, Error(error))

    def fire(self) -> None:
        """The deadline is there."""
        self.fail(trio.TooSlowError(f"{self.inbox.path} did not answer in time"))

    def abandon(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        """The sender was cancelled; nobody waits any more."""
        self.is_live = False
        return trio.lowlevel.Abort.SUCCEEDED


ENVELOPES: Final = frozenset((Envelope, Newest, Ask))
"""Every sort of envelope; asking a set is the quickest way to tell them from bare messages."""
