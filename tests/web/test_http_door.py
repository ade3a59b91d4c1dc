"""The loop behind every door of HTTP: bounds of heads, bodies and time, one request after another, and who is hung up on."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from bot.http_door import IDLE_S, Bounds, HttpDoor, Line, Reply, Request, Talk

BOUNDS = Bounds(connections=2, head_bytes=512, body_bytes=1_000, request_within_s=5.0)
HEAD = b"Host: localhost\r\n"
GET = b"GET /one?two HTTP/1.1\r\n" + HEAD + b"\r\n"


async def told(request: Request) -> Reply | Talk:
    """Says what it was asked."""
    await trio.lowlevel.checkpoint()
    body = "none" if request.body is None else f"{len(request.body)}"
    return Reply(HTTPStatus.OK, body=f"<{request.method} {request.path} {body}>".encode())


def post(length: int, more: bytes = b"") -> bytes:
    return b"POST /in HTTP/1.1\r\n" + HEAD + more + b"Content-Length: %d\r\n\r\n" % length


async def conversation(
    *sent: bytes, answer: Callable[[Request], Awaitable[Reply | Talk]] = told
) -> tuple[bytes, float]:
    """All that comes back over one connection, whose client never closes it, and after how many seconds it was hung up on."""
    ours, theirs = memory_stream_pair()
    heard = bytearray()
    started_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(HttpDoor(BOUNDS, answer, failed="failed").serve, theirs)
        with suppress(trio.BrokenResourceError):
            for part in sent:
                await ours.send_all(part)
                await trio.testing.wait_all_tasks_blocked()
        async for part in ours:
            heard += part
    return bytes(heard), trio.current_time() - started_s


def statuses(heard: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", heard)]


async def test_requests_that_were_sent_at_once_are_answered_in_turn(autojump_clock: MockClock) -> None:
    heard, left_after_s = await conversation(GET + post(3) + b"abc" + GET)
    assert re.findall(rb"<[^>]+>", heard) == [b"<GET /one 0>", b"<POST /in 3>", b"<GET /one 0>"]
    assert left_after_s == IDLE_S


async def test_half_a_request_behind_a_whole_one_has_the_time_of_a_request_and_not_that_of_rest(
    autojump_clock: MockClock,
) -> None:
    heard, left_after_s = await conversation(GET + GET[:10])
    assert statuses(heard) == [200]
    assert left_after_s == BOUNDS.request_within_s


async def test_who_sends_a_byte_now_and_then_has_no_more_time_than_others(autojump_clock: MockClock) -> None:
    async def drip(stream: trio.abc.SendStream) -> None:
        for byte in GET:
            try:
                await stream.send_all(bytes([byte]))
            except trio.BrokenResourceError:
                return
            await trio.sleep(1)

    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(drip, ours)
        await HttpDoor(BOUNDS, told, failed="failed").serve(theirs)
        assert trio.current_time() == BOUNDS.request_within_s
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("pieces", [1, 7])
async def test_a_head_beyond_the_bound_is_refused_in_one_piece_and_in_many(
    autojump_clock: MockClock, pieces: int
) -> None:
    sent = b"GET /" + b"a" * 3 * BOUNDS.head_bytes + b" HTTP/1.1\r\n" + HEAD + b"\r\n"
    length = -(-len(sent) // pieces)
    heard, left_after_s = await conversation(*(sent[place : place + length] for place in range(0, len(sent), length)))
    assert statuses(heard) == [400]
    assert b"connection: close" in heard
    assert left_after_s == 0


async def test_a_body_beyond_the_bound_is_not_read_and_ends_the_connection(autojump_clock: MockClock) -> None:
    heard, left_after_s = await conversation(post(50_000) + b"x" * (BOUNDS.body_bytes + 1))
    assert b"<POST /in none>" in heard
    assert left_after_s == 0


async def test_who_asks_whether_to_go_on_is_told_to(autojump_clock: MockClock) -> None:
    heard, _ = await conversation(post(3, b"Expect: 100-continue\r\n"), b"abc")
    assert statuses(heard) == [100, 200]


async def test_to_head_the_length_is_told_and_no_body(autojump_clock: MockClock) -> None:
    heard, _ = await conversation(b"HEAD" + GET[3:], GET)
    assert statuses(heard) == [200, 200]
    assert heard.count(b"content-length: 1") == 2
    assert b"<HEAD" not in heard and b"<GET" in heard


async def test_who_takes_no_answer_is_left(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    theirs.send_stream.send_all_hook = trio.sleep_forever
    await ours.send_all(GET)
    await HttpDoor(BOUNDS, told, failed="failed").serve(theirs)
    assert trio.current_time() == BOUNDS.request_within_s


async def test_a_stream_of_parts_ends_with_them_or_when_nobody_looks_any_more(autojump_clock: MockClock) -> None:
    async def parts(count: int) -> AsyncIterator[bytes]:
        for number in range(count):
            yield b"part %d;" % number
            await trio.sleep(1)

    def streams(count: int) -> Callable[[Request], Awaitable[Reply | Talk]]:
        async def talk(line: Line) -> None:
            await line.stream(Reply(HTTPStatus.OK), parts(count))

        async def answer(_: Request) -> Reply | Talk:
            await trio.lowlevel.checkpoint()
            return talk

        return answer

    heard, left_after_s = await conversation(GET, answer=streams(3))
    assert [heard.count(b"part %d;" % number) for number in range(4)] == [1, 1, 1, 0]
    assert left_after_s == 3
    started_s = trio.current_time()
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(HttpDoor(BOUNDS, streams(1_000), failed="failed").serve, theirs)
        await ours.send_all(GET)
        await trio.sleep(7.5)
        await ours.aclose()
    assert trio.current_time() - started_s < 9
