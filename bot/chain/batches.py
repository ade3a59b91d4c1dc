"""Requests that wait for one endpoint at the same time share an HTTP request, as a batch of JSON-RPC 2.0 (its section 6).

Whoever asks while others are under way is in the next batch, and a single question waits for nobody: it goes alone, as it
is. Exits do not wait behind other calls, nor sends behind reads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import structlog
import trio

from bot.chain import wire
from bot.chain.http1_transport import open_http1_transport
from bot.chain.key_file import Key
from bot.chain.rpc_errors import FORBIDDEN_STATUSES, RATE_CODES, UNHEALTHY_CODES
from bot.chain.transport import StatusRefused, TooMuchAtOnce, Transport, one_line
from bot.chain.wire import ErrorBody
from bot.errors import ChainUnavailable
from bot.execution.lanes import in_exit_lane

# Batches of one lane that are under way before others wait for the next one.
UNDER_WAY = 2
# Whoever waited this long for a place goes at once, so that a batch that hangs holds up nobody for longer.
PATIENCE_S = 0.1


class _Request(msgspec.Struct, frozen=True):
    id: msgspec.Raw
    method: str


class _Entry(msgspec.Struct, frozen=True):
    """One answer of a batch; an error that is about the whole batch has no id, or that of null."""

    id: msgspec.Raw = msgspec.Raw()
    error: ErrorBody | None = None


_NO_ID = frozenset({b"", b"null"})
# Errors that tell of the endpoint and not of the batch; asking for the same in halves would only ask it more.
_SAID_OF_ITSELF = RATE_CODES | UNHEALTHY_CODES

log = structlog.get_logger()

_request = msgspec.json.Decoder(_Request)
_answers = msgspec.json.Decoder(list[msgspec.Raw])
_entry = msgspec.json.Decoder(_Entry)


class WholeRefused(ChainUnavailable):
    """An endpoint answered a batch with one error about all of it: its `code`, and its bytes, `answer`."""

    def __init__(self, message: str, code: int, answer: bytes) -> None:
        super().__init__(message)
        self.code = code
        self.answer = answer


@dataclass(slots=True, eq=False)
class _Asked:
    """One request, until `told` is set; then it has its answer's bytes or the error that there is instead."""

    body: bytes
    id: bytes
    method: str
    asked_at_s: float
    told: trio.Event = field(default_factory=trio.Event)
    answer: bytes = b""
    error: Exception | None = None
    batch: _Batch | None = None

    def tell(self, answer: bytes) -> None:
        self.answer = answer
        self.told.set()

    def fail(self, error: Exception) -> None:
        if not self.told.is_set():
            self.error = error
            self.told.set()


@dataclass(slots=True, eq=False)
class _Batch:
    """What left together. Once nobody waits for any of it, `scope` ends it."""

    asked: Sequence[_Asked]
    waited_for: int
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    def leave(self) -> None:
        self.waited_for -= 1
        if self.waited_for == 0:
            self.scope.cancel()


@dataclass(slots=True, eq=False)
class _Lane:
    waiting: deque[_Asked] = field(default_factory=deque)
    under_way: int = 0
    is_watched: bool = False

    def take(self, most: int) -> _Batch:
        """Those who wait, oldest first. Two requests with one id never share a batch: their answers could be confused."""
        asked: list[_Asked] = []
        left: list[_Asked] = []
        ids: set[bytes] = set()
        while self.waiting and len(asked) < most:
            one = self.waiting.popleft()
            if one.id in ids:
                left.append(one)
                continue
            ids.add(one.id)
            asked.append(one)
        self.waiting.extendleft(reversed(left))
        batch = _Batch(asked, len(asked))
        for one in asked:
            one.batch = batch
        return batch


class BatchingTransport:
    """One endpoint's transport with batches of up to `most` requests; what it raises is what the inner one raises."""

    def __init__(self, inner: Transport, most: int, nursery: trio.Nursery) -> None:
        self._inner = inner
        self._most = most
        self._nursery = nursery
        self._lanes: dict[tuple[bool, bool], _Lane] = {}

    def __repr__(self) -> str:
        waiting = sum(len(lane.waiting) for lane in self._lanes.values())
        return f"<BatchingTransport {self.name} waiting={waiting}>"

    @property
    def name(self) -> str:
        return self._inner.name

    async def post(self, body: bytes) -> bytes:
        """The answer to one request. One that is refused fails alone; a batch that fails, fails each that is in it."""
        request = _request.decode(body)
        lane = self._lanes.setdefault((in_exit_lane(), request.method == "sendTransaction"), _Lane())
        asked = _Asked(body, bytes(request.id), request.method, trio.current_time())
        lane.waiting.append(asked)
        if lane.under_way < UNDER_WAY:
            self._start(lane)
        elif not lane.is_watched:
            lane.is_watched = True
            self._nursery.start_soon(self._watch, lane)
        try:
            await asked.told.wait()
        finally:
            if asked.batch is not None:
                asked.batch.leave()
            else:
                lane.waiting.remove(asked)
        if asked.error is not None:
            raise asked.error
        return asked.answer

    def _start(self, lane: _Lane) -> None:
        lane.under_way += 1
        self._nursery.start_soon(self._work, lane)

    async def _watch(self, lane: _Lane) -> None:
        """One for all who wait for a place, until nobody does: a clock for each of a thousand would cost as much as asking."""
        while lane.waiting:
            await trio.sleep_until(lane.waiting[0].asked_at_s + PATIENCE_S)
            if lane.waiting and trio.current_time() >= lane.waiting[0].asked_at_s + PATIENCE_S:
                self._start(lane)
                await trio.lowlevel.checkpoint()  # it takes them now
        lane.is_watched = False

    async def _work(self, lane: _Lane) -> None:
        try:
            while lane.waiting:
                await self._carry(lane.take(self._most))
        finally:
            lane.under_way -= 1

    async def _carry(self, batch: _Batch) -> None:
        try:
            with batch.scope:
                await self._ask(batch.asked)
        except Exception as error:  # handed to the callers, who raise it
            for one in batch.asked:
                one.fail(error)
        finally:
            for one in batch.asked:
                one.fail(ChainUnavailable(f"{self.name}: the question was given up"))

    async def _ask(self, asked: Sequence[_Asked]) -> None:
        """One HTTP request; one that the endpoint refuses for its size is halved, and no later one is as large again."""
        if len(asked) == 1:
            asked[0].tell(await self._inner.post(asked[0].body))
            return
        try:
            answer = await self._inner.post(b"[" + b",".join(one.body for one in asked) + b"]")
            _tell(self.name, asked, answer)
        except wire.UNREADABLE:
            raise ChainUnavailable(f"{self.name}: the answer to a batch of {len(asked)} cannot be read") from None
        except (TooMuchAtOnce, WholeRefused) as error:
            if isinstance(error, WholeRefused) and error.code in _SAID_OF_ITSELF:
                for one in asked:
                    one.tell(error.answer)
                return
            self._take_fewer_than(len(asked), str(error))
            left = deque(asked)
            while left:
                await self._ask([left.popleft() for _ in range(min(self._most, len(left)))])
        except StatusRefused as error:
            if error.status not in FORBIDDEN_STATUSES or len({one.method for one in asked}) == 1:
                raise
            await self._ask_by_method(asked)

    async def _ask_by_method(self, asked: Sequence[_Asked]) -> None:
        """A request that is refused for a method in it is made again, a request for each method: the others are good."""
        for method in sorted({one.method for one in asked}):
            alike = [one for one in asked if one.method == method]
            try:
                await self._ask(alike)
            except ChainUnavailable as error:
                for one in alike:
                    one.fail(error)

    def _take_fewer_than(self, refused: int, reason: str) -> None:
        if self._most >= refused:
            self._most = refused // 2
            log.warning("batches_made_smaller", endpoint=self.name, refused=refused, most=self._most, reason=reason)


def _tell(name: str, asked: Sequence[_Asked], answer: bytes) -> None:
    """Hand each its own answer, by id. Raises WholeRefused for an error that is about all of them.

    A result belongs to the question that its id names and to no other, also where it stands alone instead of in a list.
    What is answered twice, and differently, is not answered.
    """
    is_list = answer.lstrip()[:1] == b"["
    told: dict[bytes, bytes] = {}
    for entry in _answers.decode(answer) if is_list else [msgspec.Raw(answer)]:
        head, text = _entry.decode(entry), bytes(entry)
        is_about_all = not is_list or bytes(head.id) in _NO_ID
        if is_about_all and head.error is not None:
            said = one_line(head.error.message)
            raise WholeRefused(f"{name}: a batch of {len(asked)} was refused: {said}", head.error.code, text)
        if told.setdefault(bytes(head.id), text) != text:
            told[bytes(head.id)] = b""
    for one in asked:
        own = told.get(one.id)
        if own:
            one.tell(own)
        else:
            how = "without this question" if own is None else "twice, and differently"
            one.fail(ChainUnavailable(f"{name}: a batch of {len(asked)} was answered {how}"))


@asynccontextmanager
async def batching(inner: Transport, most: int) -> AsyncIterator[Transport]:
    """The transport with batches for the time of the block; with 1 there are none. What the block raises stays as it is."""
    if most == 1:
        yield inner
        return
    raised: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            yield BatchingTransport(inner, most, nursery)
        except Exception as error:  # raised again below, where the nursery does not put it into a group
            raised = error
        nursery.cancel_scope.cancel()
    if raised is not None:
        raise raised


@asynccontextmanager
async def open_transport(
    url: str, *, batch: int, key: Key | None = None, http2: bool = False
) -> AsyncIterator[Transport]:
    """An endpoint that takes batches of up to so many requests; raises StartupError for a URL that is none.

    `key` is for the mark in the URL.
    """
    opened: AbstractAsyncContextManager[Transport]
    if http2:
        from bot.chain.http2_transport import open_http2_transport

        opened = open_http2_transport(url, key=key)
    else:
        opened = open_http1_transport(url, key=key)
    async with opened as http, batching(http, batch) as transport:
        yield transport
