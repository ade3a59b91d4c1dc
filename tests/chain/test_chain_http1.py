"""Connections of our own over HTTP/1.1 on real sockets: which of them take the next question, and what ends them."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio

from bot.chain.http1_transport import open_http1_transport
from bot.errors import ChainUnavailable

TEST_DEADLINE_S = 60
QUESTION = b'{"id":1}'
SEVEN = b'{"result":7}'
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(SEVEN), SEVEN)

Serve = Callable[[trio.SocketStream, int], Awaitable[None]]


@asynccontextmanager
async def served(serve: Serve) -> AsyncIterator[tuple[str, list[int]]]:
    """A server on loopback whose connections are numbered from 1: its URL, and the numbers of those that came."""
    came: list[int] = []

    async def handle(stream: trio.SocketStream) -> None:
        came.append(len(came) + 1)
        try:
            async with stream:
                await serve(stream, came[-1])
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    with trio.fail_after(TEST_DEADLINE_S):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, handle, 0)
            yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/", came
            nursery.cancel_scope.cancel()


async def asked(stream: trio.SocketStream) -> bool:
    """Read one question; False when the other side has hung up instead."""
    heard = b""
    while not heard.endswith(b"}"):
        data = await stream.receive_some(65_536)
        if not data:
            return False
        heard += data
    return True


async def answering(stream: trio.SocketStream, _: int) -> None:
    while await asked(stream):
        await stream.send_all(WHOLE)


async def test_questions_one_after_the_other_share_a_connection_and_those_at_once_do_not() -> None:
    both = trio.Event()

    async def serve(stream: trio.SocketStream, number: int) -> None:
        while await asked(stream):
            if number == 2:
                both.set()
            await both.wait()
            await stream.send_all(WHOLE)

    async with served(serve) as (url, came), open_http1_transport(url) as transport:
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(transport.post, QUESTION)
        for _ in range(3):
            assert await transport.post(QUESTION) == SEVEN
    assert came == [1, 2]


async def test_a_kept_connection_that_ended_meanwhile_is_left_for_a_new_one() -> None:
    gone = trio.Event()

    async def serve(stream: trio.SocketStream, number: int) -> None:
        assert await asked(stream)
        await stream.send_all(WHOLE)
        if number == 1:
            await stream.aclose()
            gone.set()
        else:
            await answering(stream, number)

    async with served(serve) as (url, came), open_http1_transport(url) as transport:
        assert await transport.post(QUESTION) == SEVEN
        await gone.wait()
        assert await transport.post(QUESTION) == SEVEN
    assert came == [1, 2]


async def test_a_question_that_a_kept_connection_took_and_did_not_answer_is_asked_again_once() -> None:
    async def serve(stream: trio.SocketStream, number: int) -> None:
        assert await asked(stream)
        if number == 1:
            await stream.send_all(WHOLE)
            assert await asked(stream)

    async with served(serve) as (url, came), open_http1_transport(url) as transport:
        assert await transport.post(QUESTION) == SEVEN
        with pytest.raises(ChainUnavailable, match="RemoteProtocolError"):
            await transport.post(QUESTION)
    assert came == [1, 2]


async def test_a_question_that_was_given_up_takes_its_connection_with_it() -> None:
    hung, ended = trio.Event(), trio.Event()

    async def serve(stream: trio.SocketStream, number: int) -> None:
        if number > 1:
            await answering(stream, number)
            return
        assert await asked(stream)
        await stream.send_all(WHOLE[:-3])
        hung.set()
        assert not await stream.receive_some(1)
        ended.set()

    async with served(serve) as (url, came), open_http1_transport(url) as transport:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.post, QUESTION)
            await hung.wait()
            nursery.cancel_scope.cancel()
        await ended.wait()
        assert await transport.post(QUESTION) == SEVEN
    assert came == [1, 2]


async def test_what_a_peer_says_out_of_turn_is_no_answer_to_the_next_question() -> None:
    async def serve(stream: trio.SocketStream, number: int) -> None:
        assert await asked(stream)
        await stream.send_all(WHOLE if number > 1 else WHOLE + WHOLE.replace(SEVEN, b'{"result":8}'))
        await answering(stream, number)

    async with served(serve) as (url, came), open_http1_transport(url) as transport:
        for _ in range(2):
            assert await transport.post(QUESTION) == SEVEN
    assert came == [1, 2]


PACKED = gzip.compress(SEVEN)


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n%s\r\n8\r\n%s\r\n0\r\n\r\n"
            % (SEVEN[:4], SEVEN[4:]),
            1,
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%s" % (len(PACKED), PACKED), 1),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + WHOLE, 1),
        (WHOLE.replace(b"OK\r\n", b"OK\r\nconnection: close\r\n"), 2),
    ],
    ids=["in chunks", "compressed", "after hints", "the last one"],
)
async def test_an_answer_in_any_form_is_read_to_its_end(answer: bytes, connections: int) -> None:
    async def serve(stream: trio.SocketStream, _: int) -> None:
        while await asked(stream):
            await stream.send_all(answer)

    async with served(serve) as (url, came), open_http1_transport(url) as transport:
        for _ in range(2):
            assert await transport.post(QUESTION) == SEVEN
    assert len(came) == connections


async def test_what_it_shows_of_itself_has_no_key() -> None:
    async with open_http1_transport("http://127.0.0.1:1/s3cr3t") as transport:
        assert repr(transport) == "<Http1Transport 127.0.0.1:1>"
