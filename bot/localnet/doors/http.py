"""JSON-RPC over HTTP/1.1: h11 for the protocol, trio for the bytes. A client that begins in HTTP/2 is answered in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

import h11
import trio

from bot.localnet.doors.connections import Connections
from bot.localnet.faults import RPC_DOWN, FaultKind, FaultTable

RECEIVE_BYTES = 65_536
MAX_BODY_BYTES = 1_000_000
IDLE_S = 300
HTTP2_BEGINS = b"PRI * HTTP/2.0"
RATE_LIMITED_ANSWER = b'{"jsonrpc":"2.0","error":{"code":429,"message":"Too many requests"},"id":null}'

Answer = Callable[[bytes], bytes]
# The body for the target of a GET request, None for one that nothing is known of.
Show = Callable[[bytes], bytes | None]
AnswerPath = Callable[[str, str, bytes], tuple[int, bytes]]
AnswerForm = Callable[[str, Mapping[str, str], bytes], tuple[int, bytes]]
AnswerAsked = Callable[[str, Mapping[str, str]], tuple[int, bytes]]


Response = tuple[int, bytes, int | None]  # status, body, and the seconds of a Retry-After where there is one


class Rates(Protocol):
    """Which requests are refused for their rate."""

    def refuses_for_s(self) -> int | None:
        """To be called once per request: the seconds of its Retry-After, or None when it is answered."""


class HttpDoor:
    """Serves JSON-RPC requests. `answer` maps a request body to an answer body; `shut_by` is the fault that shuts it.

    `show` serves what is there to be looked at beside them.
    """

    def __init__(
        self,
        faults: FaultTable,
        rates: Rates,
        answer: Answer,
        *,
        shut_by: FaultKind = RPC_DOWN,
        show: Show = lambda _: None,
    ) -> None:
        self._rates = rates
        self._connections = Connections(faults, shut_by)
        self._answer = answer
        self._show = show

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection until the client leaves or stays silent for five minutes."""
        await self._connections.run(stream, self._requests)

    async def _requests(self, stream: trio.SocketStream) -> None:
        first = b""
        with trio.move_on_after(IDLE_S), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            first = bytes(await stream.receive_some(RECEIVE_BYTES))
        if first.startswith(HTTP2_BEGINS):
            await self._requests_in_http2(stream, first)
        elif first:
            await self._requests_in_http1(stream, first)

    async def _requests_in_http2(self, stream: trio.SocketStream, first: bytes) -> None:
        from bot.localnet.doors.http2 import Http2Session

        async def respond(method: bytes, target: bytes, body: bytes) -> Response:
            await self._connections.delay()
            return self._respond(h11.Request(method=method, target=target, headers=[("host", "localnet")]), body)

        await Http2Session(stream, respond, MAX_BODY_BYTES).run(first)

    async def _requests_in_http1(self, stream: trio.SocketStream, first: bytes) -> None:
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(first)
        try:
            while True:
                with trio.move_on_after(IDLE_S) as idle:
                    received = await _receive(connection, stream)
                if idle.cancelled_caught or received is None:
                    return
                request, body = received
                await self._connections.delay()
                await stream.send_all(_encode(connection, *self._respond(request, body)))
                if connection.our_state is h11.MUST_CLOSE:
                    return
                connection.start_next_cycle()
        except (h11.RemoteProtocolError, h11.LocalProtocolError, trio.BrokenResourceError, trio.ClosedResourceError):
            return

    def _respond(self, request: h11.Request, body: bytes) -> Response:
        if len(body) > MAX_BODY_BYTES:
            return 413, b'{"error":"request body too large"}', None
        if request.method == b"GET" and request.target == b"/health":
            return 200, b"ok", None
        if request.method == b"GET" and (shown := self._show(request.target)) is not None:
            return 200, shown, None
        if request.method != b"POST":
            return 405, b'{"error":"use POST"}', None
        retry_after_s = self._rates.refuses_for_s()
        if retry_after_s is not None:
            return 429, RATE_LIMITED_ANSWER, retry_after_s
        return 200, self._answer(body), None


class PathDoor(HttpDoor):
    """Serves an interface of paths: `answer` maps method, target and body of a request to a status and a body."""

    def __init__(self, faults: FaultTable, rates: Rates, answer: AnswerPath, *, shut_by: FaultKind) -> None:
        super().__init__(faults, rates, bytes, shut_by=shut_by)
        self._answer_path = answer

    def _respond(self, request: h11.Request, body: bytes) -> Response:
        if len(body) > MAX_BODY_BYTES:
            return 413, b'{"error":"request body too large"}', None
        retry_after_s = self._rates.refuses_for_s()
        if retry_after_s is not None:
            return 429, b'{"error":"[API Gateway] Too many requests"}', retry_after_s
        return *self._answer_path(request.method.decode(), request.target.decode(), body), None


class AskedDoor(HttpDoor):
    """Serves an interface that is only read: `answer` maps the target and headers of a GET request to a status and a body.

    `forms` does so for a form that is sent, where the interface takes any.
    """

    def __init__(
        self,
        faults: FaultTable,
        rates: Rates,
        answer: AnswerAsked,
        *,
        shut_by: FaultKind,
        forms: AnswerForm | None = None,
    ) -> None:
        super().__init__(faults, rates, bytes, shut_by=shut_by)
        self._answer_asked, self._forms = answer, forms

    def _respond(self, request: h11.Request, body: bytes) -> Response:
        forms = self._forms if request.method == b"POST" and len(body) <= MAX_BODY_BYTES else None
        if forms is None and (request.method != b"GET" or body):
            return 405, b'{"error":"use GET"}', None
        retry_after_s = self._rates.refuses_for_s()
        if retry_after_s is not None:
            return 429, b'{"error":"Too many requests"}', retry_after_s
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers}
        target = request.target.decode("latin-1")
        if forms is not None:
            return *forms(target, headers, body), None
        return *self._answer_asked(target, headers), None


async def _receive(connection: h11.Connection, stream: trio.SocketStream) -> tuple[h11.Request, bytes] | None:
    """The next request with its body; None when the client closed the connection. A body beyond the limit is cut."""
    request: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                go_on = connection.send(h11.InformationalResponse(status_code=100, headers=[]))
                await stream.send_all(go_on or b"")
            connection.receive_data(await stream.receive_some(RECEIVE_BYTES))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            if len(body) <= MAX_BODY_BYTES:
                body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return None if request is None else (request, bytes(body))
        else:
            return None


def _encode(connection: h11.Connection, status: int, body: bytes, retry_after_s: int | None) -> bytes:
    headers = [
        ("content-type", "application/json; charset=utf-8"),
        ("content-length", str(len(body))),
        ("access-control-allow-origin", "*"),
    ]
    if retry_after_s is not None:
        headers.append(("retry-after", str(retry_after_s)))
    parts = (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage())
    return b"".join(connection.send(part) or b"" for part in parts)
