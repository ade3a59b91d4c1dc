"""The door that monitoring asks: `/livez`, `/readyz` and `/metrics` by HTTP/1.1 on loopback, and nothing else.

It changes nothing and tells nothing of one user. Whoever asks by another name than a loopback one is refused, so that no
page in somebody's browser reads it by a name that it has pointed at this machine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

import h11
import structlog
import trio

from bot.errors import StartupError
from bot.web.exposition import CONTENT_TYPE

log = structlog.get_logger()

HOST = "127.0.0.1"
NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
MAX_CONNECTIONS = 20  # those who watch keep one or two open
HEAD_BYTES_MAX = 8_192
RECEIVE_BYTES = 8_192
REQUEST_WITHIN_S = 5.0  # from its first byte to its last
IDLE_S = 75.0  # between two requests of a connection; Prometheus asks every minute by default
ANSWER_WITHIN_S = 5.0
PLAIN = "text/plain; charset=utf-8"
WELL = "ok\n"

Verdict = Callable[[], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back; its text is UTF-8 by the time it is on the wire."""

    status: HTTPStatus
    text: str
    content_type: str = PLAIN


@dataclass(frozen=True, slots=True)
class Probes:
    """What can be asked. `alive` and `ready` give what is wrong, a line each, nothing while all is well; `metrics` is a text."""

    alive: Verdict
    ready: Verdict
    metrics: Callable[[], Awaitable[str]]

    async def answer(self, path: str) -> Answer:
        """The answer to a path; any other than the three is not found."""
        match path:
            case "/livez":
                return _verdict(await self.alive())
            case "/readyz":
                return _verdict(await self.ready())
            case "/metrics":
                return Answer(HTTPStatus.OK, await self.metrics(), CONTENT_TYPE)
        return Answer(HTTPStatus.NOT_FOUND, "there is /livez, /readyz and /metrics\n")


def _verdict(wrong: Sequence[str]) -> Answer:
    if not wrong:
        return Answer(HTTPStatus.OK, WELL)
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "".join(f"{line}\n" for line in wrong))


class ProbeDoor:
    """Serves connections until they leave, are silent for too long, or say what nobody understands."""

    def __init__(self, probes: Probes) -> None:
        self._probes = probes
        self._connections = trio.CapacityLimiter(MAX_CONNECTIONS)
        self.refused = 0

    def __repr__(self) -> str:
        return f"<ProbeDoor connections={self._connections.borrowed_tokens} refused={self.refused}>"

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection; one too many is closed at once."""
        try:
            self._connections.acquire_on_behalf_of_nowait(stream)
        except trio.WouldBlock:
            self.refused += 1
            await trio.aclose_forcefully(stream)
            return
        try:
            async with stream:
                with suppress(h11.RemoteProtocolError, h11.LocalProtocolError, trio.BrokenResourceError):
                    await self._requests(stream)
        except Exception:
            log.exception("probe_failed")
        finally:
            self._connections.release_on_behalf_of(stream)

    async def _requests(self, stream: trio.abc.Stream) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        while True:
            request: h11.Request | None = None
            try:
                request = await _receive(connection, stream)
                if request is None:
                    return
                answer = await self._answer(request)
            except h11.RemoteProtocolError:
                self.refused += 1
                if connection.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
                    return
                answer = Answer(HTTPStatus.BAD_REQUEST, "this is no request\n")
            with trio.move_on_after(REQUEST_WITHIN_S) as patience:
                await stream.send_all(
                    _encoded(connection, answer, with_body=request is None or request.method != b"HEAD")
                )
            if patience.cancelled_caught or connection.our_state is not h11.DONE:
                return
            if connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _answer(self, request: h11.Request) -> Answer:
        if request.method not in {b"GET", b"HEAD"}:
            self.refused += 1
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, "only GET is answered\n")
        if not _asks_loopback(request):
            self.refused += 1
            return Answer(HTTPStatus.FORBIDDEN, "ask by 127.0.0.1 or localhost\n")
        path = request.target.decode("latin-1").partition("?")[0]
        with trio.move_on_after(ANSWER_WITHIN_S):
            return await self._probes.answer(path)
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, f"no answer within {ANSWER_WITHIN_S:.0f} s\n")


@asynccontextmanager
async def open_probe_door(probes: Probes, port: int) -> AsyncIterator[int]:
    """Serve on this port of loopback, 0 for a free one, for the time of the block; the port.

    Raises StartupError where another program has the port.
    """
    try:
        [listener] = await trio.open_tcp_listeners(port, host=HOST)
    except OSError as error:
        raise StartupError(
            f"web.port: {HOST}:{port} cannot be listened on ({error.strerror}); choose another port, there and in"
            " whatever asks it"
        ) from None
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, ProbeDoor(probes).serve, [listener])
        yield int(listener.socket.getsockname()[1])
        nursery.cancel_scope.cancel()


async def _receive(connection: h11.Connection, stream: trio.abc.Stream) -> h11.Request | None:
    """The next request; None when no more comes. A body is read over, and more of it than a head may have ends the connection."""
    request: h11.Request | None = None
    body_bytes = 0
    with trio.move_on_after(IDLE_S) as patience:
        while body_bytes <= HEAD_BYTES_MAX:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some(RECEIVE_BYTES)))
                patience.deadline = min(patience.deadline, trio.current_time() + REQUEST_WITHIN_S)
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body_bytes += len(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return request
            else:
                return None
    return None


def _asks_loopback(request: h11.Request) -> bool:
    host = next((value for name, value in request.headers if name == b"host"), b"").decode("latin-1").lower()
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name in NAMES


def _encoded(connection: h11.Connection, answer: Answer, *, with_body: bool) -> bytes:
    body = answer.text.encode()
    headers = [
        ("content-type", answer.content_type),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ]
    if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.FORBIDDEN}:
        headers.append(("connection", "close"))
    head = connection.send(
        h11.Response(status_code=answer.status, headers=headers, reason=answer.status.phrase.encode())
    )
    content = connection.send(h11.Data(data=body)) if with_body else b""
    return (head or b"") + (content or b"") + (connection.send(h11.EndOfMessage()) or b"")
