"""The door that monitoring asks: `/livez`, `/readyz` and `/metrics` by HTTP/1.1 on loopback, and nothing else.

It changes nothing and tells nothing of one user. Whoever asks by another name than a loopback one is refused, so that no
page in somebody's browser reads it by a name that it has pointed at this machine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from http import HTTPStatus

import trio

from bot.http_door import Bounds, Header, HttpDoor, Reply, Request, opened
from bot.web.exposition import CONTENT_TYPE

NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
MAX_CONNECTIONS = 20  # those who watch keep one or two open
HEAD_BYTES_MAX = 8_192
REQUEST_WITHIN_S = 5.0
ANSWER_WITHIN_S = 5.0
# Prometheus asks every minute by default, on a connection that it keeps.
BOUNDS = Bounds(MAX_CONNECTIONS, HEAD_BYTES_MAX, HEAD_BYTES_MAX, REQUEST_WITHIN_S)
PLAIN = "text/plain; charset=utf-8"
UNKEPT: tuple[Header, ...] = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))
WELL = "ok\n"

Verdict = Callable[[], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Probes:
    """What can be asked. `alive` and `ready` give what is wrong, a line each, nothing while all is well; `metrics` is a text."""

    alive: Verdict
    ready: Verdict
    metrics: Callable[[], Awaitable[str]]

    async def answer(self, path: str) -> Reply:
        """The answer to a path; any other than the three is not found."""
        match path:
            case "/livez":
                return _verdict(await self.alive())
            case "/readyz":
                return _verdict(await self.ready())
            case "/metrics":
                return _plain(HTTPStatus.OK, await self.metrics(), CONTENT_TYPE)
        return _plain(HTTPStatus.NOT_FOUND, "there is /livez, /readyz and /metrics\n")


class ProbeDoor(HttpDoor):
    """Answers the probes, by names of loopback alone."""

    def __init__(self, probes: Probes) -> None:
        super().__init__(BOUNDS, self._reply, failed="probe_failed")
        self._probes = probes

    async def _reply(self, request: Request) -> Reply:
        if request.body is None:
            return _plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "no body is read\n", closes=True)
        if request.method not in {"GET", "HEAD"}:
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED, "only GET is answered\n", closes=True)
        if not _is_loopback(request.headers.get("host", "").lower()):
            return _plain(HTTPStatus.FORBIDDEN, "ask by 127.0.0.1 or localhost\n", closes=True)
        with trio.move_on_after(ANSWER_WITHIN_S):
            return await self._probes.answer(request.path)
        return _plain(HTTPStatus.SERVICE_UNAVAILABLE, f"no answer within {ANSWER_WITHIN_S:.0f} s\n")


def open_probe_door(probes: Probes, port: int) -> AbstractAsyncContextManager[int]:
    """Serve on this port of loopback, 0 for a free one, for the time of the block; the port.

    Raises StartupError where another program has the port.
    """
    return opened(ProbeDoor(probes), port, key="web.port", cure="choose another port, there and in whatever asks it")


def _plain(status: HTTPStatus, text: str, content_type: str = PLAIN, *, closes: bool = False) -> Reply:
    return Reply(status, (("content-type", content_type), *UNKEPT), text.encode(), closes)


def _verdict(wrong: Sequence[str]) -> Reply:
    if not wrong:
        return _plain(HTTPStatus.OK, WELL)
    return _plain(HTTPStatus.SERVICE_UNAVAILABLE, "".join(f"{line}\n" for line in wrong))


def _is_loopback(host: str) -> bool:
    return (host if host.endswith("]") else host.rpartition(":")[0] or host) in NAMES
