"""The queue of one address, which belongs to the address and not to the incarnation.

A restart finds it as it was, less the one message that was being handled.
"""

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final

import trio

from actors.runtime.envelopes import Ask, Envelope, Newest
from actors.runtime.errors import ActorDead, ActorFailed, MailboxFull
from actors.runtime.exits import Exit
from actors.runtime.letters import LetterReason
from actors.runtime.spec import Mailbox

if TYPE_CHECKING:
    from actors.runtime.child import Child

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


LATE_BY_S: Final = 1e-6
"""How much later an ask may hear of its deadline for each other one that waits, so that thousands are not gone through
for each of them."""


class _Nothing:
    __slots__ = ()


NOTHING: Final = _Nothing()
"""Stands for the absence of a message, because None is a message."""


class Inbox:
    """The queue, its control lane, and the message in progress. Callers use a Ref; the actor loop uses take."""

    __slots__ = (
        "_capacity",
        "_latest",
        "_lot",
        "_owner",
        "asks_due",
        "blocks",
        "conflated",
        "consumer",
        "control",
        "current",
        "current_is_control",
        "dropped",
        "easy_room",
        "halted",
        "handled",
        "is_open",
        "kept",
        "queue",
        "rejected",
        "since",
        "spec",
    )

    def __init__(self, owner: "Child", spec: Mailbox) -> None:
        self._owner = owner
        self._latest: dict[Hashable, Newest] | None = None
        # Queues are made when there is something in them: an empty deque costs more than the rest of an idle actor.
        self.queue: deque[object] | None = None
        self.control: deque[object] | None = None
        self._lot: trio.lowlevel.ParkingLot | None = None
        self.consumer: trio.lowlevel.Task | None = None
        self.current: object = NOTHING
        self.current_is_control = False
        self.asks_due = inf
        self.since = 0.0
        self.kept: object = NOTHING
        self.is_open = True
        self.configure(spec)
        self.halted = False
        self.handled = 0
        self.rejected = 0
        self.dropped = 0
        self.conflated = 0

    @property
    def path(self) -> str:
        """The path of the address."""
        return self._owner.path

    def configure(self, spec: Mailbox) -> None:
        """Follow these rules from now on; messages that wait stay, even where there are more than now allowed."""
        self.spec = spec
        self.blocks = spec.overflow == "block"
        self._capacity = spec.capacity
        if spec.overflow != "conflate":
            self._latest = None
        elif self._latest is None:
            self._latest = {}
        # How long the queue may be for a message to go straight in: the capacity, but nothing while closed and
        # nothing where each message must be looked at.
        self.easy_room = 0 if self._latest is not None or not self.is_open else self._capacity

    # What senders do.

    def put(self, item: object) -> None:
        """Queue a user message; raise ActorDead or MailboxFull as the rule says."""
        queue = self.queue
        if queue is not None and len(queue) < self.easy_room:
            queue.append(item)
            if self.consumer is not None:
                self._wake()
            return
        if not self.is_open:
            raise ActorDead(self.path, "takes no messages: it was stopped, has ended or is quarantined")
        if self._latest is not None and self._conflate(item):
            return
        if queue is None:
            self.queue = deque((item,))
        elif len(queue) < self._capacity:
            queue.append(item)
        else:
            self._overflow(queue, item)
        self._wake()

    def put_control(self, item: object) -> None:
        """Queue a message ahead of every user message; this lane has a capacity of its own."""
        if not self.is_open:
            raise ActorDead(self.path, "takes no messages: it was stopped, has ended or is quarantined")
        if self.control is None:
            self.control = deque()
        if len(self.control) >= self._capacity:
            self.rejected += 1
            raise MailboxFull(self.path, "control lane")
        self.control.append(item)
        self._wake()

    async def wait_for_room(self) -> None:
        """Under `block`, sleep until a user message fits; under the other rules return at once."""
        while self.is_open and self.blocks and self.queue and len(self.queue) >= self._capacity:
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
        if self.queue is not None and len(self.queue) >= self._capacity:
            self.rejected += 1
            raise MailboxFull(self.path)
        newest = self._latest[key] = Newest(item, key)
        if self.queue is None:
            self.queue = deque()
        self.queue.append(newest)
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
        """Remove the next message, the control lane first, and make it the current one; NOTHING when there is none."""
        self.current_is_control = False
        if self.control:
            self.current_is_control = True
            item = self.control.popleft()
        elif self.queue:
            self.control = None
            item = self.queue.popleft()
            if self._lot is not None:
                self._lot.unpark()
            if self._latest is not None and isinstance(item, Newest):
                del self._latest[item.key]
        else:
            item = NOTHING
        self.current = item
        return item

    def go_idle(self, task: trio.lowlevel.Task) -> None:
        """Give back the memory of the empty queues and name the task that the next message wakes."""
        self.queue = self.control = None
        self.consumer = task

    def stop_sleeping(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        """The abort function of the consumer's sleep."""
        self.consumer = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _wake(self) -> None:
        consumer, self.consumer = self.consumer, None
        if consumer is not None:
            trio.lowlevel.reschedule(consumer)

    # What supervision does.

    def halt(self, *, drain: bool) -> None:
        """Ask the loop to end: after the message in progress, or (drain) after those that wait; take no new ones."""
        self.is_open = False
        self.easy_room = 0
        self.halted = self.halted or not drain
        self._unpark_all()
        self._wake()

    def reopen(self) -> None:
        """Take messages again, for a new incarnation."""
        self.is_open = True
        self.halted = False
        self.configure(self.spec)

    def interrupt(self, end: Exit, *, asked_to_stop: bool) -> None:
        """Settle the message that was in progress when an incarnation ended: retry it, or bury it and tell its sender."""
        item, self.current = self.current, NOTHING
        self.consumer = None
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
        self._bury(message, "poison" if attempts > 1 else "handler_failed", attempts, end.stack)

    def _put_back(self, item: Envelope) -> None:
        if self.current_is_control:
            if self.control is None:
                self.control = deque()
            self.control.appendleft(item)
            return
        if self.queue is None:
            self.queue = deque()
        self.queue.appendleft(item)

    def close(self) -> None:
        """Bury everything that waits; from now on senders get ActorDead."""
        self.is_open = False
        self.easy_room = 0
        self.kept = NOTHING
        waiting = [*(self.control or ()), *(self.queue or ())]
        self.queue = self.control = None
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
        letters = self._owner.home.letters
        letters.add(self._owner.id, message, reason=reason, attempts=attempts, at=trio.current_time(), stack=stack)

    @property
    def message_age_s(self) -> float:
        """For how long the message in progress has been; 0 while there is none."""
        return 0.0 if isinstance(self.current, _Nothing) else trio.current_time() - self.since

    def _live_asks(self) -> Iterator[Ask]:
        """Those whose senders sleep until they are answered; looked for when it matters, not noted with every ask."""
        items = (self.current, *(self.control or ()), *(self.queue or ()))
        return (item for item in items if isinstance(item, Ask) and item.is_live)

    def watch_asks(self, due: float) -> None:
        """Look for asks that are too late at `due`, which is earlier than the next look would be.

        One look serves all asks that come until then: they have their deadlines with them, and most are answered before.
        """
        self.asks_due = due
        self._owner.timers.at(due, self._fail_late_asks)

    def _fail_late_asks(self) -> None:
        now = self._owner.timers.now()
        if now < self.asks_due:
            return  # a look that was planned before an earlier one took its place
        next_due, live = inf, 0
        for ask in self._live_asks():
            live += 1
            if ask.due <= now:
                ask.fail(trio.TooSlowError(f"{self.path} did not answer in time"))
            else:
                next_due = min(next_due, ask.due)
        self.asks_due = inf
        if next_due < inf:
            self.watch_asks(max(next_due, now + live * LATE_BY_S))

    def statistics(self) -> MailboxStatistics:
        """Return the mailbox as it is now."""
        return MailboxStatistics(
            depth=len(self.queue or ()),
            control_depth=len(self.control or ()),
            capacity=self._capacity,
            handled=self.handled,
            rejected=self.rejected,
            dropped=self.dropped,
            conflated=self.conflated,
            pending_asks=sum(1 for _ in self._live_asks()),
            message_age_s=None if isinstance(self.current, _Nothing) else self.message_age_s,
        )
