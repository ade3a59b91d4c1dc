"""Monitoring asks on loopback: what is well, what is not, and nothing for whoever comes by another name or never ends."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest
import structlog
import trio
from trio.testing import MockClock, memory_stream_pair

from bot.errors import StartupError
from bot.web.exposition import Family, Sample, exposition
from bot.web.probe_door import (
    ANSWER_WITHIN_S,
    HEAD_BYTES_MAX,
    MAX_CONNECTIONS,
    REQUEST_WITHIN_S,
    ProbeDoor,
    Probes,
    open_probe_door,
)


class Told:
    """What the bot would say of itself."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.hangs = False
        self.fails = False

    def probes(self) -> Probes:
        return Probes(self._wrong, self._wrong, self._metrics)

    async def _wrong(self) -> Sequence[str]:
        await trio.lowlevel.checkpoint()
        return self.wrong

    async def _metrics(self) -> str:
        if self.hangs:
            await trio.sleep_forever()
        if self.fails:
            raise ValueError("a number that is none")
        await trio.lowlevel.checkpoint()
        return exposition([Family("trading_bot_level", "gauge", "the level", (Sample(1),))])


@asynccontextmanager
async def at_the_door(told: Told) -> AsyncIterator[tuple[trio.abc.Stream, ProbeDoor]]:
    """A connection in memory."""
    door = ProbeDoor(told.probes())
    async with trio.open_nursery() as nursery:
        ours, theirs = memory_stream_pair()
        nursery.start_soon(door.serve, theirs)
        yield ours, door
        nursery.cancel_scope.cancel()


async def ask(stream: trio.abc.Stream, request: str) -> str:
    """What comes for these bytes until the whole of an answer is there, or the connection ends."""
    await stream.send_all(request.replace("\n", "\r\n").encode("latin-1"))
    answer = b""
    while chunk := await stream.receive_some(65_536):
        answer += chunk
        head, end, body = answer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if end and length is not None and (request.startswith("HEAD") or len(body) == int(length[1])):
            break
    return answer.decode()


def get(path: str, host: str = "127.0.0.1:9464") -> str:
    return f"GET {path} HTTP/1.1\nHost: {host}\n\n"


async def test_probes_are_green_and_red_with_the_reason_on_one_connection(autojump_clock: MockClock) -> None:
    told = Told()
    async with at_the_door(told) as (stream, _):
        for path in ("/livez", "/readyz", "/readyz?verbose"):
            answer = await ask(stream, get(path))
            assert answer.startswith("HTTP/1.1 200 ") and answer.endswith("\r\n\r\nok\n")
        told.wrong = ["database: no answer", "a position was not judged for 70 s"]
        answer = await ask(stream, get("/readyz", "localhost:9464"))
        assert answer.startswith("HTTP/1.1 503 ")
        assert answer.endswith("\r\n\r\ndatabase: no answer\na position was not judged for 70 s\n")
        answer = await ask(stream, get("/metrics", "[::1]:9464"))
        assert "content-type: text/plain; version=0.0.4; charset=utf-8\r\n" in answer
        assert answer.endswith("# TYPE trading_bot_level gauge\ntrading_bot_level 1\n")
        assert (await ask(stream, get("/status"))).startswith("HTTP/1.1 404 ")
        head = await ask(stream, get("/livez").replace("GET", "HEAD"))
        assert head.startswith("HTTP/1.1 503 ") and head.endswith("\r\n\r\n")


@pytest.mark.parametrize(
    "request_text",
    [
        get("/metrics", "bot.attacker.example"),
        get("/metrics", "127.0.0.1.attacker.example:80"),
        "GET /metrics HTTP/1.0\n\n",
        get("/metrics").replace("GET", "POST"),
        get("/metrics").replace("GET", "DELETE"),
        "nonsense\n\n",
        f"GET /{'a' * HEAD_BYTES_MAX * 2} HTTP/1.1\nHost: localhost\n\n",
    ],
)
async def test_whoever_comes_by_another_name_or_asks_for_more_reads_nothing(
    autojump_clock: MockClock, request_text: str
) -> None:
    async with at_the_door(Told()) as (stream, door):
        answer = await ask(stream, request_text)
        assert answer.startswith("HTTP/1.1 4")
        assert "trading_bot" not in answer
        assert await stream.receive_some(1) == b""
        assert door.refused == 1


async def test_a_request_that_never_ends_is_left_and_a_number_that_never_comes_is_answered(
    autojump_clock: MockClock,
) -> None:
    told = Told()
    told.hangs = True
    async with at_the_door(told) as (stream, _):
        with trio.fail_after(ANSWER_WITHIN_S + 1):
            assert (await ask(stream, get("/metrics"))).startswith("HTTP/1.1 503 ")
            assert (await ask(stream, get("/livez"))).startswith("HTTP/1.1 200 ")
        await stream.send_all(b"GET /metrics HTTP/1.1\r\n")
        with trio.fail_after(REQUEST_WITHIN_S + 1):
            assert await stream.receive_some(1) == b""


async def test_one_connection_too_many_is_closed_and_a_defect_ends_one_alone(autojump_clock: MockClock) -> None:
    told = Told()
    async with at_the_door(told) as (stream, door), trio.open_nursery() as nursery:
        await (
            trio.testing.wait_all_tasks_blocked()
        )  # or one of the others could come first, and this one be the one too many
        others = [memory_stream_pair() for _ in range(MAX_CONNECTIONS)]
        for _, theirs in others:
            nursery.start_soon(door.serve, theirs)
        await trio.testing.wait_all_tasks_blocked()
        assert door.refused == 1
        told.fails = True
        with structlog.testing.capture_logs() as logged:
            await stream.send_all(get("/metrics").replace("\n", "\r\n").encode())
            assert await stream.receive_some(1) == b""
            await trio.testing.wait_all_tasks_blocked()
        assert [line["event"] for line in logged] == ["probe_failed"]
        nursery.cancel_scope.cancel()


async def test_over_a_socket_with_a_client_that_others_wrote_and_a_port_that_is_taken() -> None:
    with trio.fail_after(20):
        async with open_probe_door(Told().probes(), 0) as port, httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{port}/metrics")
            assert (answer.status_code, answer.text.splitlines()[-1]) == (200, "trading_bot_level 1")
            assert answer.headers["cache-control"] == "no-store"
            with socket.socket() as stranger, pytest.raises(ConnectionRefusedError):  # loopback alone
                stranger.connect(("127.0.0.2", port))
            with pytest.raises(StartupError, match=r"web.port: .* choose another port"):
                async with open_probe_door(Told().probes(), port):
                    raise AssertionError("the port was free")
