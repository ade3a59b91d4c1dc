"""Transactions that somebody named, read from the chain: of whoever names one nothing counts but its signature."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import structlog
import trio

from bot.chain.pumpfun import launchpad_events
from bot.chain.slot_bound import SlotBound
from bot.clock import Clock
from bot.errors import ChainUnavailable, DecodeError
from bot.ports import Listener, SourceLosses
from bot.trading.launch import LaunchpadEvent

AT_ONCE = 8
MAX_WAITING = 256
REMEMBERED = 4_096
TRIES = 6
PAUSE_S = 0.5  # a transaction shows at `confirmed` a slot or two after it was named

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Recorded:
    """The slot of a confirmed transaction and the launchpad's event payloads in it, as one endpoint showed them."""

    slot: int
    payloads: tuple[bytes, ...]
    told_by: str = ""


# What was recorded of a signature; None while no endpoint shows it. Raises ChainUnavailable.
ReadRecord = Callable[[str], Awaitable[Recorded | None]]


@dataclass(slots=True)
class NamedStatistics:
    """Counts since the source was made: transactions `named`, of those `read` and `known` from another source already.

    `lost` ones could not be read, `passed_over` ones came while too many waited.
    """

    named: int = 0
    read: int = 0
    known: int = 0
    lost: int = 0
    passed_over: int = 0


@dataclass(slots=True, eq=False)
class _Named:
    signature: str
    is_launch: bool
    late_ms: int
    pause_s: float
    events: list[LaunchpadEvent] = field(default_factory=list)
    done: trio.Event = field(default_factory=trio.Event)


class NamedTransactions:
    """Reads them some at a time and tells what they did in the order in which they were named.

    `per_second` is the most that is asked of the endpoints, whatever their own budgets allow; when more are named than can
    be read within `MAX_WAITING`, those that are no launches are passed over. `source` names whoever names them. A record
    of a slot beyond the `bound` is no answer.
    """

    def __init__(
        self, read: ReadRecord, clock: Clock, *, per_second: int, source: str, bound: SlotBound | None = None
    ) -> None:
        self._bound = bound
        self._read = read
        self._clock = clock
        self._per_second = per_second
        self._source = source
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._next_s = 0.0
        self._waiting = 0
        self._counts = NamedStatistics()
        self.forget()

    def statistics(self) -> NamedStatistics:
        return replace(self._counts)

    def losses(self) -> SourceLosses:
        """Nothing waits for a source that names what happens: what it did not name nobody knows of."""
        return SourceLosses(lost=self._counts.lost, passed_over=self._counts.passed_over)

    def forget(self) -> None:
        """Drop what waits: what an earlier block left unread is too old for this one. To be called before `work`."""
        self._send, self._receive = trio.open_memory_channel[_Named](MAX_WAITING * 2)
        self._waiting = 0

    def put(self, signature: str, *, is_launch: bool, late_ms: int = 0, pause_s: float = PAUSE_S) -> None:
        """Have a transaction read, once. Its events count as seen `late_ms` ago; `pause_s` is the rest before the first try."""
        if signature in self._seen:
            return
        self._seen[signature] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        self._counts.named += 1
        most = MAX_WAITING * 2 if is_launch else min(MAX_WAITING, 2 * self._per_second)
        if self._waiting >= most:
            self._counts.passed_over += 1
            return
        self._waiting += 1
        self._send.send_nowait(_Named(signature, is_launch, late_ms, pause_s))

    async def pace(self) -> None:
        """Wait for the next request's turn."""
        now_s = trio.current_time()
        self._next_s = max(self._next_s, now_s) + 1 / self._per_second
        await trio.sleep_until(self._next_s - 1 / self._per_second)

    async def work(self, listener: Listener) -> None:
        """Read what is named and tell it until cancelled."""
        ordered, telling = trio.open_memory_channel[_Named](AT_ONCE)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell_in_order, telling, listener)
            async for named in self._receive:
                await ordered.send(named)
                nursery.start_soon(self._look, named, listener)

    async def _tell_in_order(self, telling: trio.MemoryReceiveChannel[_Named], listener: Listener) -> None:
        async for named in telling:
            await named.done.wait()
            self._waiting -= 1
            for event in named.events:
                await listener.tell(event)

    async def _look(self, named: _Named, listener: Listener) -> None:
        reason = "no endpoint shows it"
        try:
            for attempt in range(TRIES):
                await trio.sleep(named.pause_s if attempt == 0 else PAUSE_S)
                if listener.knows(named.signature):
                    self._counts.known += 1
                    if named.is_launch:
                        listener.launch_was_known()
                    return
                await self.pace()
                try:
                    found = await self._read(named.signature)
                    if found is not None and self._bound is not None:
                        self._bound.check(self._source, found.slot)
                except ChainUnavailable as error:
                    reason = str(error)
                    continue
                if found is not None:
                    self._take(named, found)
                    return
            self._lose(named, reason)
        except DecodeError as error:
            self._lose(named, str(error))
        finally:
            named.done.set()

    def _take(self, named: _Named, found: Recorded) -> None:
        """Raises DecodeError."""
        seen_at_ms = self._clock.now_ms() - named.late_ms
        named.events = launchpad_events(
            found.payloads,
            signature=named.signature,
            slot=found.slot,
            seen_at_ms=seen_at_ms,
            source=self._source,
            told_by=found.told_by,
        )
        self._counts.read += 1

    def _lose(self, named: _Named, reason: str) -> None:
        self._counts.lost += 1
        log.warning("named_transaction_lost", source=self._source, signature=named.signature, reason=reason)
