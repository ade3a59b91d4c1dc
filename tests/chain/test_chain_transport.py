"""Endpoints that hang, refuse, answer with errors or with garbage, on real sockets: one typed error, in time, without the URL."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
import trio

from bot.chain.http1_transport import open_http1_transport
from bot.chain.rpc import RpcClient
from bot.chain.rpc_errors import RpcFault
from bot.chain.transport import SPARE_CONNECTIONS, HttpTransport, open_http_transport, redacted
from bot.errors import ChainUnavailable, StartupError
from tests.leaks.detect import MARK

SECRET = f"key-{MARK}"
TEST_DEADLINE_S = 10
CALL_DEADLINE_S = 0.2
TOLD_AT = "Sun, 06 Nov 1994 08:49:37 GMT"  # on a server whose clock is not ours
NINETY_S_LATER = "Sun, 06 Nov 1994 08:51:07 GMT"

Handler = Callable[[trio.SocketStream], Awaitable[None]]
Opener = Callable[..., AbstractAsyncContextManager[HttpTransport]]


@asynccontextmanager
async def _server(handler: Handler) -> AsyncIterator[int]:
    """A TCP server on loopback; gives its port."""

    async def handle(stream: trio.SocketStream) -> None:
        try:
            async with stream:
                await handler(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    with trio.fail_after(TEST_DEADLINE_S):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, handle, 0)
            yield listeners[0].socket.getsockname()[1]
            nursery.cancel_scope.cancel()


def _url(port: int) -> str:
    return f"http://user:{SECRET}@127.0.0.1:{port}/{SECRET}?api-key={SECRET}"


def _http(status: str, body: bytes, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body


def _answering(answer: bytes) -> Handler:
    async def handler(stream: trio.SocketStream) -> None:
        request = b""
        while not request.endswith(b"}"):
            request += await stream.receive_some(65_536)
        await stream.send_all(answer)

    return handler


async def _silent(stream: trio.SocketStream) -> None:
    await trio.sleep_forever()


@pytest.fixture(params=[open_http_transport, open_http1_transport], ids=["httpx", "ours"])
def opener(request: pytest.FixtureRequest) -> Opener:
    """Both ways over HTTP/1.1: that of services beside the chain, and that of endpoints."""
    opened: Opener = request.param
    return opened


async def _asked(port: int, opener: Opener) -> ChainUnavailable:
    """The error of one question to the endpoint at `port`."""
    async with opener(_url(port)) as transport:
        client = RpcClient(transport, CALL_DEADLINE_S)
        with pytest.raises(ChainUnavailable) as raised:
            await client.block_height("finalized")
    shown = f"{raised.value} {raised.value!r} {raised.value.__cause__!r} {transport!r} {client!r}"
    assert SECRET not in shown
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    assert f"127.0.0.1:{port}" in str(raised.value)
    return raised.value


async def test_an_endpoint_that_hangs_is_given_up_at_the_deadline(opener: Opener) -> None:
    async with _server(_silent) as port:
        assert "no answer within 0.2 s" in str(await _asked(port, opener))


async def test_an_endpoint_that_hangs_in_the_middle_of_its_answer_is_given_up(opener: Opener) -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
        await trio.sleep_forever()

    async with _server(handler) as port:
        assert "no answer within 0.2 s" in str(await _asked(port, opener))


async def test_an_endpoint_that_refuses_connections(opener: Opener) -> None:
    async with _server(_silent) as port:
        pass
    assert "ConnectError" in str(await _asked(port, opener))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (_http("429 Too Many Requests", b"{}", "retry-after: 7\r\n"), "429, too many requests, retry after 7 s"),
        (
            _http("429 Too Many Requests", b"", f"date: {TOLD_AT}\r\nretry-after: {NINETY_S_LATER}\r\n"),
            "429, too many requests, retry after 90 s",
        ),
        (
            _http("503 Service Unavailable", b"", f"date: {TOLD_AT}\r\nretry-after: {NINETY_S_LATER}\r\n"),
            "HTTP status 503, retry after 90 s",
        ),
        (_http("503 Service Unavailable", b""), "HTTP status 503"),
        (_http("302 Found", b"", "location: http://127.0.0.1:1/\r\n"), "HTTP status 302"),
        (b"220 mail.example.test ESMTP\r\n", "RemoteProtocolError"),
        (b"", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", "RemoteProtocolError"),
        (_http("200 OK", b"<html>hello</html>"), "not what the method returns"),
        (_http("200 OK", b"\xff\xfe\x00"), "not what the method returns"),
        (_http("200 OK", b""), "not what the method returns"),
        (_http("200 OK", b"null"), "not what the method returns"),
        (_http("200 OK", b'{"jsonrpc":"2.0","id":1}'), "not what the method returns"),
        (_http("200 OK", b'{"jsonrpc":"2.0","id":1,"result":null}'), "not what the method returns"),
        (_http("200 OK", b'{"jsonrpc":"2.0","id":1,"result":"12"}'), "not what the method returns"),
        (_http("200 OK", b'{"jsonrpc":"2.0","id":1,"result":1.5}'), "not what the method returns"),
    ],
)
async def test_an_answer_that_is_no_answer(opener: Opener, answer: bytes, told: str) -> None:
    async with _server(_answering(answer)) as port:
        assert told in str(await _asked(port, opener))


async def test_an_endpoint_that_says_it_is_behind(opener: Opener) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"Node is behind by 42 slots"}}'
    async with _server(_answering(_http("200 OK", body))) as port:
        error = await _asked(port, opener)
    assert isinstance(error, RpcFault)
    assert error.code == -32005
    assert "behind by 42 slots" in str(error)


async def test_cancelled_questions_lose_no_connection(opener: Opener) -> None:
    """httpx 0.28.1 loses pool slots when queued requests are cancelled, unless a limiter stands before the pool."""
    slow = trio.Event()

    async def handler(stream: trio.SocketStream) -> None:
        while await stream.receive_some(65_536):
            await slow.wait()
            await stream.send_all(_http("200 OK", b'{"jsonrpc":"2.0","id":1,"result":7}'))

    async with _server(handler) as port, opener(_url(port), max_in_flight=2) as transport:
        hurried = RpcClient(transport, 0.05)

        async def ask() -> None:
            with pytest.raises(ChainUnavailable):
                await hurried.block_height("finalized")

        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(ask)
        slow.set()
        assert await RpcClient(transport, TEST_DEADLINE_S).block_height("finalized") == 7


async def test_a_pool_whose_slots_are_all_stuck_is_renewed() -> None:
    connections = 0
    full, renewed = trio.Event(), trio.Event()

    async def handler(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        if connections == 1 + SPARE_CONNECTIONS:
            full.set()
        elif connections > 1 + SPARE_CONNECTIONS:
            renewed.set()
        await trio.sleep_forever()

    async with _server(handler) as port, open_http_transport(_url(port), max_in_flight=1) as transport:

        async def hold() -> None:
            with pytest.raises(httpx.HTTPError):
                await transport._exchange(transport._pool, b"{}")

        async with trio.open_nursery() as nursery:
            for _ in range(1 + SPARE_CONNECTIONS):
                nursery.start_soon(hold)
            await full.wait()
            with pytest.raises(ChainUnavailable, match="the connection pool was stuck and has been renewed"):
                await transport.post(b"{}")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.post, b"{}")
            await renewed.wait()
            nursery.cancel_scope.cancel()


async def test_what_the_url_carries_goes_to_the_endpoint_and_nowhere_else(opener: Opener) -> None:
    asked = bytearray()

    async def handler(stream: trio.SocketStream) -> None:
        while not asked.endswith(b"}"):
            asked.extend(await stream.receive_some(65_536))
        await stream.send_all(_http("200 OK", b'{"jsonrpc":"2.0","id":1,"result":7}'))

    async with _server(handler) as port, opener(_url(port)) as transport:
        assert await RpcClient(transport, TEST_DEADLINE_S).block_height("finalized") == 7
        head, _, body = bytes(asked).partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
    assert lines[0] == f"POST /{SECRET}?api-key={SECRET} HTTP/1.1"
    assert f"Host: 127.0.0.1:{port}" in lines
    assert f"Content-Length: {len(body)}" in lines
    assert f"Authorization: Basic {b64encode(f'user:{SECRET}'.encode()).decode()}" in lines


@pytest.mark.parametrize("url", ["", "127.0.0.1:8899", "ftp://host", "http://", "http://host:port", f"{SECRET}"])
def test_a_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(StartupError) as raised:
        redacted(url)
    assert SECRET not in str(raised.value)


def test_an_endpoint_is_known_by_host_and_port() -> None:
    assert redacted(f"https://user:{SECRET}@rpc.example.test/{SECRET}") == "rpc.example.test:443"
    assert redacted(f"ws://rpc.example.test:8900/?key={SECRET}") == "rpc.example.test:8900"


async def test_a_transport_shows_no_credentials() -> None:
    transport = HttpTransport(_url(1), 1)
    assert repr(transport) == "<HttpTransport 127.0.0.1:1>"
    await transport.aclose()
