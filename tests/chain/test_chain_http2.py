"""One HTTP/2 connection for all that an endpoint is asked: given up, cut off, refused, closed, and swapped in its middle."""

from __future__ import annotations

import datetime as dt
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import certifi
import h2.config
import h2.connection
import h2.events
import httpx
import msgspec
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from bot.chain import http2_connection
from bot.chain.batches import open_transport
from bot.chain.endpoints import Endpoints
from bot.chain.http2_connection import SILENT_S, Connection, LostError
from bot.chain.http2_transport import Http2Transport, open_http2_transport
from bot.chain.launch_stream import PumpLaunchStream
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.chain.subscriptions import WebSocketSubscriptions
from bot.chain.transport import RateLimited
from bot.clock import system_clock
from bot.errors import ChainUnavailable
from bot.localnet.doors.http2 import Http2Session
from bot.trading.fill import fill_from
from bot.trading.intent import Side
from tests.chain.chain_scenario import SOL, World
from tests.leaks.detect import MARK

WITHIN_S = 20
SECRET = f"key-{MARK}"
HEADERS = [(b":method", b"POST"), (b":path", b"/"), (b":scheme", b"http"), (b":authority", b"a")]
Answer = tuple[int, bytes, int | None]
Respond = Callable[[bytes, bytes, bytes], Awaitable[Answer]]
Serve = Callable[[trio.SocketStream], Awaitable[None]]


def slot(number: int = 7) -> Answer:
    return 200, msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "result": number}), None


@asynccontextmanager
async def listening(serve: Serve, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server on loopback; gives the URL of an endpoint behind it."""

    async def handle(stream: trio.SocketStream) -> None:
        try:
            async with stream:
                await serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    with trio.fail_after(WITHIN_S):
        async with trio.open_nursery() as nursery:
            if tls is None:
                listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
                port = listeners[0].socket.getsockname()[1]
            else:
                secure = await nursery.start(
                    partial(trio.serve_ssl_over_tcp, handle, 0, tls, host="127.0.0.1", https_compatible=True)
                )
                port = secure[0].transport_listener.socket.getsockname()[1]
            yield f"http{'s' if tls else ''}://127.0.0.1:{port}/{SECRET}"
            nursery.cancel_scope.cancel()


def speaking_http2(respond: Respond, heard: list[int] | None = None) -> Serve:
    """Serves connections; `heard` has a place for each, with the count of requests on it."""
    counts = [] if heard is None else heard

    async def serve(stream: trio.SocketStream) -> None:
        place = len(counts)
        counts.append(0)

        async def counted(method: bytes, target: bytes, body: bytes) -> Answer:
            counts[place] += 1
            return await respond(method, target, body)

        await Http2Session(stream, counted, 1_000_000).run(bytes(await stream.receive_some(65_536)))

    return serve


async def test_a_trade_goes_through_over_one_connection_to_each_endpoint(localnet: dict[str, Any]) -> None:
    with trio.fail_after(WITHIN_S):
        async with AsyncExitStack() as opened:
            transports = [
                await opened.enter_async_context(open_transport(one["http_url"], batch=100, http2=True))
                for one in localnet["endpoints"]
            ]
            clock = system_clock()
            pool = Endpoints([RpcClient(transport, 3.0) for transport in transports], clock)
            await pool.admit(localnet["genesis_hash"])
            chain = PumpChain(pool)
            source = WebSocketSubscriptions(localnet["ws_url"])
            world = World(chain, PumpLaunchStream(source, chain.recorded, chain.signatures_since, clock), transports[0])
            trader = await world.funded()
            mint = await world.launched(await world.funded())
            bought = fill_from(await world.landed(trader, await world.buy_order(trader, mint, SOL)), Side.BUY)
            await world.landed(trader, await world.sell_order(trader, mint, bought.token_raw))
            assert await world.held(trader, mint) == 0


async def test_a_hundred_at_once_share_one_connection_and_a_request_may_be_larger_than_the_window() -> None:
    heard, longest = list[int](), 0

    async def respond(method: bytes, target: bytes, body: bytes) -> Answer:
        nonlocal longest
        longest = max(longest, len(body))
        assert (method, target) == (b"POST", f"/{SECRET}".encode())
        await trio.lowlevel.checkpoint()
        return slot()

    async with listening(speaking_http2(respond, heard)) as url, open_http2_transport(url) as transport:
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(transport.post, b"{}")
        assert heard == [100]
        await transport.post(b" " * 300_000)
    assert longest == 300_000


async def test_given_up_answers_hold_up_no_later_one_and_cost_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the window of the connection is given up, and once more of it is read.

    httpx's own HTTP/2 did not answer for seconds after that.
    """
    monkeypatch.setattr(http2_connection, "SILENT_S", 60.0)  # a busy machine is no silent peer
    heard, go = list[int](), trio.Event()

    async def respond(method: bytes, target: bytes, body: bytes) -> Answer:
        if body == b"large":
            await go.wait()
            return 200, bytes(2_000_000), None
        await trio.lowlevel.checkpoint()
        return slot()

    async with listening(speaking_http2(respond, heard)) as url, open_http2_transport(url) as transport:
        for _ in range(16):
            go = trio.Event()  # no answer is whole before its exchange was seen
            async with trio.open_nursery() as nursery:
                nursery.start_soon(transport.post, b"large")
                while not transport._connection or not transport._connection._exchanges:
                    await trio.sleep(0.001)
                go.set()
                await trio.sleep(0.005)
                nursery.cancel_scope.cancel()
        assert b"7" in await transport.post(b"{}")
        for _ in range(10):
            assert len(await transport.post(b"large")) == 2_000_000
    assert heard == [27]


async def test_a_peer_that_says_nothing_any_more_is_left_for_a_new_connection() -> None:
    heard, hangs = list[int](), True

    async def respond(method: bytes, target: bytes, body: bytes) -> Answer:
        await trio.lowlevel.checkpoint()
        if len(heard) == 1 and heard[0] > 1:
            await trio.sleep_forever()
        return slot()

    async with listening(speaking_http2(respond, heard)) as url, open_http2_transport(url) as transport:
        client = RpcClient(transport, SILENT_S + 0.1)
        assert await client.finalized_slot() == 7
        with pytest.raises(ChainUnavailable, match="no answer within"):
            await client.finalized_slot()
        assert await client.finalized_slot() == 7
    assert (len(heard), hangs) == (2, True)


async def test_whoever_waits_beside_one_that_gives_a_silent_peer_up_is_told_why(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ours, _theirs = trio.testing.memory_stream_pair()
    connection = Connection(ours, "a:1", 1_000)
    question = HEADERS, b"{}"

    async def gives_up() -> None:
        with trio.move_on_after(SILENT_S + 0.5):
            await connection.ask(*question)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        nursery.start_soon(gives_up)
        with pytest.raises(LostError, match=r"no answer and not a byte for 1\.5 s"):
            await connection.ask(*question)


async def test_a_request_that_is_given_up_with_its_last_byte_ends_no_connection_of_the_local_chain() -> None:
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=None))
    client.initiate_connection()
    client.send_headers(1, HEADERS, end_stream=True)
    client.reset_stream(1)
    client.send_headers(3, HEADERS, end_stream=True)
    answered = set[int]()
    async with listening(speaking_http2(lambda *_: _now(slot()))) as url:
        stream = await trio.open_tcp_stream("127.0.0.1", httpx.URL(url).port or 0)
        async with stream:
            await stream.send_all(client.data_to_send())
            while not answered:
                told = client.receive_data(bytes(await stream.receive_some(65_536)))
                answered |= {event.stream_id for event in told if isinstance(event, h2.events.StreamEnded)}
    assert answered == {3}


async def test_a_connection_that_ends_is_followed_by_another_and_the_question_is_asked_again() -> None:
    heard = list[int]()

    async def serve(stream: trio.SocketStream) -> None:
        if len(heard) % 2 == 0:
            heard.append(0)
            await stream.receive_some(65_536)
            return
        await speaking_http2(lambda *_: _now(slot()), heard)(stream)

    async with listening(serve) as url, open_http2_transport(url) as transport:
        assert b"7" in await transport.post(b"{}")
    assert heard == [0, 1]


async def _now(answer: Answer) -> Answer:
    await trio.lowlevel.checkpoint()
    return answer


@pytest.mark.parametrize(
    "said",
    [b"", b"220 mail.example.test ESMTP\r\n", b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", bytes(100)],
)
async def test_a_peer_that_does_not_speak_http2_is_one_typed_error_without_the_url(
    said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some(65_536)
        if said:
            await stream.send_all(said)

    async with listening(serve) as url, open_http2_transport(url) as transport:
        with pytest.raises(ChainUnavailable) as raised:
            await RpcClient(transport, 2.0).block_height("finalized")
        shown = f"{raised.value!r} {raised.value.__cause__!r} {transport!r} {transport._connection!r} {caplog.text}"
    assert SECRET not in shown


async def test_a_refusal_for_the_rate_names_its_wait() -> None:
    async with (
        listening(speaking_http2(lambda *_: _now((429, b"{}", 7)))) as url,
        open_http2_transport(url) as transport,
    ):
        with pytest.raises(RateLimited) as refused:
            await transport.post(b"{}")
    assert refused.value.wait_s == 7


async def test_each_request_carries_the_key_of_when_it_leaves_on_the_same_connection() -> None:
    heard, targets, key = list[int](), list[bytes](), "one"

    async def respond(method: bytes, target: bytes, body: bytes) -> Answer:
        await trio.lowlevel.checkpoint()
        targets.append(target)
        return slot()

    async with listening(speaking_http2(respond, heard)) as url:
        marked = url.replace(SECRET, "?key={key}")
        async with open_http2_transport(marked, key=lambda: key) as transport:
            await transport.post(b"{}")
            key = "two"
            await transport.post(b"{}")
    assert (targets, heard) == ([b"/?key=one", b"/?key=two"], [2])


@pytest.mark.parametrize("chosen", ["h2", "http/1.1"])
async def test_over_tls_the_endpoint_chooses(chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = list[int]()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(_certificate(tmp_path))
    tls.set_alpn_protocols([chosen])
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "pem"))
    _, body, _ = slot()

    async def serve(stream: trio.SocketStream) -> None:
        if chosen == "h2":
            await speaking_http2(lambda *_: _now(slot()), heard)(stream)
            return
        packed = gzip.compress(body)
        while await stream.receive_some(65_536):
            head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n"
            await stream.send_all(head.encode() + packed)

    async with listening(serve, tls=tls) as url, open_http2_transport(url) as transport:
        for _ in range(3):
            assert await transport.post(b"{}") == body
    assert heard == ([3] if chosen == "h2" else [])


def _certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


def test_what_it_shows_of_itself_has_no_key() -> None:
    async def shown() -> str:
        async with open_http2_transport(f"https://rpc.example.test/{SECRET}") as transport:
            return f"{transport!r} {Http2Transport.__name__}"

    assert trio.run(shown) == "<Http2Transport rpc.example.test:443> Http2Transport"


FRAMES = st.builds(
    lambda kind, flags, number, payload: (
        len(payload).to_bytes(3, "big") + bytes([kind, flags]) + number.to_bytes(4, "big") + payload
    ),
    st.integers(0, 10),
    st.integers(0, 255),
    st.sampled_from((0, 1, 2, 3, 2**31)),
    st.binary(max_size=40),
)
SETTINGS_FRAME = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


@given(
    said=st.binary(max_size=200) | st.lists(FRAMES, max_size=8).map(lambda frames: SETTINGS_FRAME + b"".join(frames))
)
def test_whatever_bytes_a_peer_sends_a_question_ends_in_an_answer_or_a_typed_error(said: bytes) -> None:
    async def ask() -> None:
        ours, theirs = trio.testing.memory_stream_pair()
        connection = Connection(ours, "a:1", 1_000)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.run)
            await theirs.send_all(said)
            await theirs.send_eof()
            with suppress(ChainUnavailable, LostError):
                await connection.ask([(b":method", b"POST"), (b":path", b"/")], b"{}")
            connection.close()

    trio.run(ask)
