"""The dashboard's door: HTTP/1.1 on loopback, and streams of events for those who look.

What is asked and answered is decided in `site`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

import trio

from bot.http_door import Bounds, HttpDoor, Line, Reply, Request, Talk

MAX_CONNECTIONS = 48
MAX_STREAMS = 16
BODY_BYTES_MAX = 8_192
BOUNDS = Bounds(connections=MAX_CONNECTIONS, head_bytes=16_384, body_bytes=BODY_BYTES_MAX)


@dataclass(frozen=True, slots=True)
class Pushed(Reply):
    """A reply whose body is what `events` give, until they end or the browser leaves."""

    events: AsyncIterator[bytes] = field(kw_only=True)


class Door(HttpDoor):
    """Serves connections; `answer` says what is sent back."""

    def __init__(self, answer: Callable[[Request], Awaitable[Reply]]) -> None:
        super().__init__(BOUNDS, self._reply, failed="dashboard_failed")
        self._reply_of = answer
        self._streams = trio.CapacityLimiter(MAX_STREAMS)

    async def _reply(self, request: Request) -> Reply | Talk:
        if request.body is None:
            return Reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, closes=True)
        reply = await self._reply_of(request)
        return partial(self._push, reply) if isinstance(reply, Pushed) else reply

    async def _push(self, reply: Pushed, line: Line) -> None:
        async with aclosing(reply.events):  # type: ignore[type-var]
            try:
                self._streams.acquire_on_behalf_of_nowait(line)
            except trio.WouldBlock:
                await line.send(Reply(HTTPStatus.SERVICE_UNAVAILABLE, closes=True))
                return
            try:
                await line.stream(reply, reply.events)
            finally:
                self._streams.release_on_behalf_of(line)
