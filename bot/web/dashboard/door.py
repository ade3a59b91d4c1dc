"""HTTP/1.1 on loopback: one request after another of each connection, within limits of size and time, and event streams.

What is asked and answered is decided in `site`; this room knows bytes, deadlines and who hangs up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from http import HTTPStatus

import h11
import structlog
import trio

log = structlog.get_logger()

MAX_CONNECTIONS = 48
MAX_STREAMS = 16
HEAD_BYTES_MAX = 16_384
BODY_BYTES_MAX = 8_192
RECEIVE_BYTES = 16_384
REQUEST_WITHIN_S = 10.0  # from its first byte to its last
IDLE_S = 75.0  # between two requests of a connection
SEND_WITHIN_S = 10.0  # a browser that takes nothing for so long has gone

GONE = (h11.RemoteProtocolError, h11.LocalProtocolError, trio.BrokenResourceError, trio.ClosedResourceError)

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is without its query; header names are in small letters, and of one that came twice the last counts."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back. With `events` the body is what they give, until they end or the browser leaves."""

    status: HTTPStatus
    headers: Sequence[Header] = ()
    body: bytes = b""
    events: AsyncIterator[bytes] | None = field(default=None)


Answer = Callable[[Request], Awaitable[Reply]]


class Door:
    """Serves connections; `answer` says what is sent back."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._connections = trio.CapacityLimiter(MAX_CONNECTIONS)
        self._streams = trio.CapacityLimiter(MAX_STREAMS)

    def __repr__(self) -> str:
        return f"<Door connections={self._connections.borrowed_tokens} streams={self._streams.borrowed_tokens}>"

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection until the client leaves, is silent for too long, or says what nobody understands."""
        try:
            self._connections.acquire_on_behalf_of_nowait(stream)
        except trio.WouldBlock:
            await trio.aclose_forcefully(stream)
            return
        try:
            async with stream:
                with suppress(*GONE):
                    await self._requests(stream)
        except Exception:
            # One connection's fault must not end the others'; the log has its traceback.
            log.exception("dashboard_failed")
        finally:
            self._connections.release_on_behalf_of(stream)

    async def _requests(self, stream: trio.abc.Stream) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        while True:
            try:
                request = await _receive(connection, stream)
                if request is None:
                    return
                reply = await self._answer(request)
            except h11.RemoteProtocolError:
                if connection.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
                    return
                reply = Reply(HTTPStatus.BAD_REQUEST)
            if reply.events is None:
                await _send(connection, stream, reply)
            else:
                await self._stream(connection, stream, reply, reply.events)
                return
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _stream(
        self, connection: h11.Connection, stream: trio.abc.Stream, reply: Reply, events: AsyncIterator[bytes]
    ) -> None:
        async with aclosing(events):  # type: ignore[type-var]
            try:
                self._streams.acquire_on_behalf_of_nowait(stream)
            except trio.WouldBlock:
                await _send(connection, stream, Reply(HTTPStatus.SERVICE_UNAVAILABLE))
                return
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_until_gone, stream, nursery.cancel_scope)
                    await _push(stream, connection.send(_head(reply, ())) or b"")
                    async for event in events:
                        await _push(stream, connection.send(h11.Data(data=event)) or b"")
                    await _push(stream, connection.send(h11.EndOfMessage()) or b"")
                    nursery.cancel_scope.cancel()
            except* (trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # the browser has left
            finally:
                self._streams.release_on_behalf_of(stream)


async def _until_gone(stream: trio.abc.Stream, scope: trio.CancelScope) -> None:
    """A browser says nothing more on such a connection; when it closes it nobody looks any more."""
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while await stream.receive_some(RECEIVE_BYTES):
            pass
    scope.cancel()


async def _push(stream: trio.abc.Stream, data: bytes) -> None:
    with trio.move_on_after(SEND_WITHIN_S) as patience:
        await stream.send_all(data)
    if patience.cancelled_caught:
        raise trio.BrokenResourceError("the browser takes nothing")


async def _send(connection: h11.Connection, stream: trio.abc.Stream, reply: Reply) -> None:
    length = ("content-length", str(len(reply.body)))
    data = connection.send(_head(reply, [length])) or b""
    data += connection.send(h11.Data(data=reply.body)) or b""
    data += connection.send(h11.EndOfMessage()) or b""
    await _push(stream, data)


def _head(reply: Reply, more: Sequence[Header]) -> h11.Response:
    return h11.Response(status_code=reply.status, headers=[*reply.headers, *more], reason=reply.status.phrase.encode())


async def _receive(connection: h11.Connection, stream: trio.abc.Stream) -> Request | None:
    """The next request; None when no more comes, or not in time. Raises h11.RemoteProtocolError for a body too long."""
    head: h11.Request | None = None
    body = bytearray()
    with trio.move_on_after(IDLE_S) as patience:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if connection.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[])
                    await _push(stream, connection.send(go_on) or b"")
                connection.receive_data(bytes(await stream.receive_some(RECEIVE_BYTES)))
                patience.deadline = min(patience.deadline, trio.current_time() + REQUEST_WITHIN_S)
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_BYTES_MAX:
                    raise h11.RemoteProtocolError("the body is too long")
            elif isinstance(event, h11.EndOfMessage):
                return None if head is None else _request(head, bytes(body))
            else:
                return None
    return None


def _request(head: h11.Request, body: bytes) -> Request:
    headers = {name.decode("ascii", "replace"): value.decode("latin-1") for name, value in head.headers}
    path = head.target.decode("ascii", "replace").partition("?")[0]
    return Request(head.method.decode("ascii", "replace"), path, headers, body)
