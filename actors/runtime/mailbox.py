"""The queue of one address, which belongs to the address and not to the incarnation.

A restart finds it as it was, less the one message that was being handled.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

import outcome
import trio

from actors.runtime.errors import ActorDead, ActorFailed, MailboxFull
from actors.runtime.exits import Exit, render_stack
from actors.runtime.letters import DeadLetters, LetterReason
from actors.runtime.spec import Mailbox
from actors.runtime.timers import Timer, Timers

DEFAULT_MAILBOX: Final = Mailbox(capacity=1000)
"""What an Actor gets whose ChildSpec names no mailbox."""


@dataclass(frozen=True, slots=True)
class MailboxStatistics:
    """One mailbox at one moment. Counts are since the address was made; `message_age_s` is None while it is idle."""

    depth: int
    control_depth: int
    capacity: int
    handled: int
    rejected: int
    dropped: int
    conflated: int
    pending_asks: int
    message_age_s: float | None


class Envelope:
    """A message with something to remember about it; a message with nothing to remember queues bare."""

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
    """A message whose sender sleeps until it is answered, fails or is too late; settled exactly once."""

    __slots__ = ("inbox", "is_open", "task", "timer")

    def __init__(self, message: object, inbox: "Inbox") -> None:
        super().__init__(message)
        self.inbox = inbox
        self.task = trio.lowlevel.current_task()
        self.timer: Timer | None = None
        self.is_open = True
        inbox.pending_asks += 1

    async def wait(self, timers: Timers, timeout_s: float) -> Any:
        """Sleep until settled; raise trio.TooSlowError after `timeout_s`."""
        if self.is_open:
            self.timer = timers.after(timeout_s, self._expire)
        return await trio.lowlevel.wait_task_rescheduled(self._abandon)

    def answer(self, value: object) -> None:
        """Wake the sender with a value; a second answer is lost, as the sender has gone on."""
        if self._close():
            trio.lowlevel.reschedule(self.task, outcome.Value(value))

    def fail(self, error: Exception) -> None:
        """Wake the sender with an error."""
        if self._close():
            trio.lowlevel.reschedule(self.task, outcome.Error(error))

    def _expire(self) -> None:
        self.fail(trio.TooSlowError(f"{self.inbox.path} did not answer in time"))

    def _abandon(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._close()
        return trio.lowlevel.Abort.SUCCEEDED

    def _close(self) -> bool:
        if not self.is_open:
            return False
        self.is_open = False
        self.inbox.pending_asks -= 1
        if self.timer is not None:
            self.timer.cancel()
        return True


class _Nothing:
    __slots__ = ()


NOTHING: Final = _Nothing()
"""Stands for the absence of a message, because None is a message."""


class Inbox:
    """The queue, its control lane, and the message in progress. Callers use a Ref; the actor loop uses take."""

    __slots__ = (
        "_capacity",
        "_consumer",
        "_control",
        "_latest",
        "_lot",
        "_queue",
        "conflated",
        "current",
        "current_is_control",
        "dropped",
        "halted",
        "handled",
        "is_open",
        "kept",
        "letters",
        "owner",
        "path",
        "pending_asks",
        "rejected",
        "since",
        "spec",
    )

    def __init__(self, owner: str, path: str, spec: Mailbox, letters: DeadLetters) -> None:
        self.owner = owner
        self.path = path
        self.spec = spec
        self.letters = letters
        self._capacity = spec.capacity
        # Queues are made when there is something in them: an empty deque costs more than the rest of an idle actor.
        self._queue: deque[object] | None = None
        self._control: deque[object] | None = None
        self._latest: dict[Hashable, Newest] | None = {} if spec.overflow == "conflate" else None
        self._lot: trio.lowlevel.ParkingLot | None = None
        self._consumer: trio.lowlevel.Task | None = None
        self.current: object = NOTHING
        self.current_is_control = False
        self.since = 0.0
        self.kept: object = NOTHING
        self.is_open = True
        self.halted = False
        self.handled = 0
        self.rejected = 0
        self.dropped = 0
        self.conflated = 0
        self.pending_asks = 0

    # What senders do.

    def put(self, item: object) -> None:
        """Queue a user message; raise ActorDead or MailboxFull as the rule says."""
        if not self.is_open:
            raise ActorDead(self.path)
        if self._latest is not None and self._conflate(item):
            return
        queue = self._queue
        if queue is None:
            self._queue = deque((item,))
        elif len(queue) < self._capacity:
            queue.append(item)
        else:
            self._overflow(queue, item)
        consumer = self._consumer
        if consumer is not None:
            self._consumer = None
            trio.lowlevel.reschedule(consumer)

    def put_control(self, item: object) -> None:
        """Queue a message ahead of every user message; this lane has a capacity of its own."""
        if not self.is_open:
            raise ActorDead(self.path)
        if self._control is None:
            self._control = deque()
        if len(self._control) >= self._capacity:
            self.rejected += 1
            raise MailboxFull(self.path, "control lane")
        self._control.append(item)
        self._wake()

    async def wait_for_room(self) -> None:
        """Under `block`, sleep until a user message fits; under the other rules return at once."""
        while self.is_open and self.spec.overflow == "block" and self._queue and len(self._queue) >= self._capacity:
            if self._lot is None:
                self._lot = trio.lowlevel.ParkingLot()
            await self._lot.park()

    def _conflate(self, item: object) -> bool:
        if isinstance(item, Envelope):
            return False
        key = getattr(item, "conflate_key", None)
        if key is None or self._latest is None:
            return False
        waiting = self._latest.get(key)
        if waiting is not None:
            waiting.message = item
            self.conflated += 1
            return True
        if self._queue is not None and len(self._queue) >= self._capacity:
            self.rejected += 1
            raise MailboxFull(self.path)
        newest = self._latest[key] = Newest(item, key)
        if self._queue is None:
            self._queue = deque()
        self._queue.append(newest)
        self._wake()
        return True

    def _overflow(self, queue: deque[object], item: object) -> None:
        if self.spec.overflow != "drop_oldest":
            self.rejected += 1
            raise MailboxFull(self.path)
        oldest = queue.popleft()
        self.dropped += 1
        if isinstance(oldest, Ask):
            oldest.fail(MailboxFull(self.path, "pushed out by a newer message"))
        self._bury(oldest, "mailbox_full")
        queue.append(item)

    # What the actor loop does.

    def take(self) -> object:
        """Remove and return the next message, the control lane first; NOTHING when there is none."""
        if self._control:
            self.current_is_control = True
            item = self._control.popleft()
        elif self._queue:
            self.current_is_control = False
            item = self._queue.popleft()
            if self._lot is not None:
                self._lot.unpark()
            if self._latest is not None and isinstance(item, Newest):
                del self._latest[item.key]
        else:
            self._queue = self._control = None
            return NOTHING
        self.current = item
        return item

    def sleep_as(self, task: trio.lowlevel.Task) -> None:
        """Name the task that the next message wakes."""
        self._consumer = task

    def stop_sleeping(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        """The abort function of the consumer's sleep."""
        self._consumer = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _wake(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            trio.lowlevel.reschedule(consumer)

    def reply(self, value: object) -> None:
        """Answer the ask in progress; a tell has nobody who waits, so its answer goes nowhere."""
        if isinstance(self.current, Ask):
            self.current.answer(value)

    # What supervision does.

    def halt(self, *, drain: bool) -> None:
        """Ask the loop to end: after the message in progress, or (drain) after those that wait; take no new ones."""
        self.is_open = False
        self.halted = self.halted or not drain
        self._unpark_all()
        self._wake()

    def reopen(self) -> None:
        """Take messages again, for a new incarnation."""
        self.is_open = True
        self.halted = False

    def interrupt(self, end: Exit, *, asked_to_stop: bool) -> None:
        """Settle the message that was in progress when an incarnation ended: retry it, or bury it and tell its sender."""
        item, self.current = self.current, NOTHING
        self._consumer = None
        if isinstance(item, _Nothing):
            return
        if asked_to_stop or end.kind in ("normal", "shutdown"):
            if isinstance(item, Ask):
                item.fail(ActorDead(self.path, f"ended ({end.kind}) while it served this"))
            if asked_to_stop:
                self._bury(item, "stopped", attempts=1)
            return
        attempts, message = 1, item
        if isinstance(item, Envelope):
            attempts, message = item.attempts + 1, item.message
        if isinstance(item, Ask):
            item.fail(ActorFailed(self.path, f"{end.kind}: {end.reason}"))
        elif attempts <= getattr(type(message), "redeliver", self.spec.redeliver):
            self._put_back(Envelope(message, attempts))
            return
        self._bury(message, "poison" if attempts > 1 else "handler_failed", attempts, render_stack(end.leaves))

    def _put_back(self, item: Envelope) -> None:
        if self.current_is_control:
            if self._control is None:
                self._control = deque()
            self._control.appendleft(item)
            return
        if self._queue is None:
            self._queue = deque()
        self._queue.appendleft(item)

    def close(self) -> None:
        """Bury everything that waits; from now on senders get ActorDead."""
        self.is_open = False
        self.kept = NOTHING
        waiting = [*(self._control or ()), *(self._queue or ())]
        self._queue = self._control = None
        if self._latest is not None:
            self._latest.clear()
        for item in waiting:
            if isinstance(item, Ask):
                item.fail(ActorDead(self.path, "ended before it served this"))
            self._bury(item, "stopped")
        self._unpark_all()

    def _unpark_all(self) -> None:
        if self._lot is not None:
            self._lot.unpark_all()

    def _bury(self, item: object, reason: LetterReason, attempts: int = 0, stack: str = "") -> None:
        message = item
        if isinstance(item, Envelope):
            message, attempts = item.message, max(attempts, item.attempts)
        self.letters.add(self.owner, message, reason=reason, attempts=attempts, at=trio.current_time(), stack=stack)

    def statistics(self) -> MailboxStatistics:
        """Return the mailbox as it is now."""
        idle = isinstance(self.current, _Nothing)
        return MailboxStatistics(
            depth=len(self._queue or ()),
            control_depth=len(self._control or ()),
            capacity=self._capacity,
            handled=self.handled,
            rejected=self.rejected,
            dropped=self.dropped,
            conflated=self.conflated,
            pending_asks=self.pending_asks,
            message_age_s=None if idle else trio.current_time() - self.since,
        )
