"""HTTP/1.1 for the doors that listen on loopback: one request after another of each connection, within bounds of size and time.

What is asked and what is answered is each door's own matter; this room knows bytes, deadlines and who hangs up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

import h11
import structlog
import trio

from bot.errors import StartupError

log = structlog.get_logger()

HOST = "127.0.0.1"
IDLE_S = 75.0  # between two requests of a connection
GONE = (h11.RemoteProtocolError, h11.LocalProtocolError, trio.BrokenResourceError, trio.ClosedResourceError)

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a door takes: connections at once, and of each request so much, within this time from its first byte to its last.

    An answer has as long to be taken.
    """

    connections: int
    head_bytes: int
    body_bytes: int
    request_within_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is without its query; header names are in small letters, and of one that came twice the last counts.

    `body` is None where it is longer than the door takes: the rest of it is not read, and its connection ends with the answer.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back, with its length; to HEAD without the body. With `closes` the connection ends behind it."""

    status: HTTPStatus
    headers: Sequence[Header] = ()
    body: bytes = b""
    closes: bool = False


class Line:
    """One connection: requests come in, and replies go out."""

    def __init__(self, stream: trio.abc.Stream, bounds: Bounds) -> None:
        self._stream, self._bounds = stream, bounds
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=bounds.head_bytes)

    def goes_on(self) -> bool:
        """Whether another request may come, both sides being done with the one before."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    async def receive(self) -> Request | None:
        """The next request; None when no more comes, or not in time. Raises h11.RemoteProtocolError for what is none."""
        head: h11.Request | None = None
        body = bytearray()
        has_begun = self._http.trailing_data[0] != b""
        with trio.move_on_after(self._bounds.request_within_s if has_begun else IDLE_S) as patience:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    if self._http.they_are_waiting_for_100_continue:
                        await self._send(h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[]))
                    # A whole head that arrives in one piece is not measured by h11: no piece may be longer than a head.
                    self._http.receive_data(bytes(await self._stream.receive_some(self._bounds.head_bytes)))
                    patience.deadline = min(patience.deadline, trio.current_time() + self._bounds.request_within_s)
                elif isinstance(event, h11.Request):
                    head = event
                elif isinstance(event, h11.Data):
                    body += event.data
                    if len(body) > self._bounds.body_bytes:
                        return _request(head, None)
                elif isinstance(event, h11.EndOfMessage):
                    return _request(head, bytes(body))
                else:
                    return None
        return None

    async def send(self, reply: Reply, *, with_body: bool = True) -> None:
        """A whole reply. Raises trio.BrokenResourceError when the other side does not take it in time."""
        head = _head(reply, [("content-length", str(len(reply.body)))])
        await self._send(head, h11.Data(data=reply.body if with_body else b""), h11.EndOfMessage())

    async def stream(self, reply: Reply, parts: AsyncIterator[bytes]) -> None:
        """A reply whose body is what comes in parts, until they end or the other side leaves or takes none."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._until_gone, nursery.cancel_scope)
                await self._send(_head(reply, ()))
                async for part in parts:
                    await self._send(h11.Data(data=part))
                await self._send(h11.EndOfMessage())
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # nobody reads it any more

    async def _until_gone(self, scope: trio.CancelScope) -> None:
        """Whoever is streamed to says nothing more on this connection; when he closes it nobody looks any more."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while await self._stream.receive_some(self._bounds.head_bytes):
                pass
        scope.cancel()

    async def _send(self, *events: h11.Event) -> None:
        data = b"".join(self._http.send(event) or b"" for event in events)
        with trio.move_on_after(self._bounds.request_within_s) as patience:
            await self._stream.send_all(data)
        if patience.cancelled_caught:
            raise trio.BrokenResourceError("the other side takes nothing")


# In place of a reply somebody may talk on a line by himself; it is closed when he is done.
Talk = Callable[[Line], Awaitable[None]]
Answer = Callable[[Request], Awaitable[Reply | Talk]]


class HttpDoor:
    """Serves connections. `answer` says what is sent back; a defect of its ends one connection, as `failed` in the log."""

    def __init__(self, bounds: Bounds, answer: Answer, *, failed: str) -> None:
        self._bounds, self._answer, self._failed = bounds, answer, failed
        self._connections = trio.CapacityLimiter(bounds.connections)
        self.refused = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} connections={self._connections.borrowed_tokens} refused={self.refused}>"

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection until its client leaves, is silent for too long, or is refused; one too many is closed at once."""
        try:
            self._connections.acquire_on_behalf_of_nowait(stream)
        except trio.WouldBlock:
            self.refused += 1
            await trio.aclose_forcefully(stream)
            return
        try:
            async with stream:
                with suppress(*GONE):
                    await self._requests(Line(stream, self._bounds))
        except Exception:
            log.exception(self._failed)
        finally:
            self._connections.release_on_behalf_of(stream)

    async def _requests(self, line: Line) -> None:
        while True:
            try:
                request = await line.receive()
            except h11.RemoteProtocolError:
                self.refused += 1
                await line.send(Reply(HTTPStatus.BAD_REQUEST, closes=True))
                return
            if request is None:
                return
            reply = await self._answer(request)
            if not isinstance(reply, Reply):
                await reply(line)
                return
            self.refused += reply.closes
            await line.send(reply, with_body=request.method != "HEAD")
            if not line.goes_on():
                return


async def listen(port: int, *, key: str, cure: str) -> trio.SocketListener:
    """Listen on this port of loopback, 0 for a free one.

    Raises StartupError where another program has it; `key` is what names the port, `cure` what to do.
    """
    try:
        [listener] = await trio.open_tcp_listeners(port, host=HOST)
    except OSError as error:
        raise StartupError(f"{key}: {HOST}:{port} cannot be listened on ({error.strerror}); {cure}") from None
    return listener


@asynccontextmanager
async def opened(door: HttpDoor, port: int, *, key: str, cure: str) -> AsyncIterator[int]:
    """Serve on this port of loopback for the time of the block; the port. The rest is as for `listen`."""
    listener = await listen(port, key=key, cure=cure)
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, door.serve, [listener])
        yield int(listener.socket.getsockname()[1])
        nursery.cancel_scope.cancel()


def _request(head: h11.Request | None, body: bytes | None) -> Request:
    assert head is not None, "h11 tells a head before its body"
    headers = {name.decode("ascii", "replace"): value.decode("latin-1") for name, value in head.headers}
    path = head.target.decode("ascii", "replace").partition("?")[0]
    return Request(head.method.decode("ascii", "replace"), path, headers, body)


def _head(reply: Reply, more: Sequence[Header]) -> h11.Response:
    headers = [*reply.headers, *more, *([("connection", "close")] if reply.closes else [])]
    return h11.Response(status_code=reply.status, headers=headers, reason=reply.status.phrase.encode())
