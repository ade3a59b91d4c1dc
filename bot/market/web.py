"""How aggregators are asked over HTTP: each answer bounded in time and bytes, errors without addresses or keys in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

import httpx
import trio

from bot.clock import Clock
from bot.errors import HearsayUnavailable
from bot.execution.retry_after import retry_after_s

ANSWER_WITHIN_S = 5.0
ANSWER_BYTES_MAX = 2_000_000
DEFAULT_WAIT_S = 10.0  # of a refusal for our rate that names no time

Headers = Callable[[], Mapping[str, str]]


class Fetch(Protocol):
    """One interface that is only read."""

    async def get(self, path: str) -> bytes:
        """The body behind a path with its query; raises HearsayUnavailable."""


class FormFetch(Protocol):
    """One interface that takes forms."""

    async def post(self, path: str, form: Mapping[str, str]) -> bytes:
        """The answer to a form that is sent to a path; raises HearsayUnavailable."""


class Pace:
    """Turns that are at least `every_s` apart."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next_s = 0.0

    async def turn(self) -> None:
        """Wait for the next one."""
        at_s = max(trio.current_time(), self._next_s)
        self._next_s = at_s + self._every_s
        await trio.sleep_until(at_s)


class WebFetch:
    """`base` is the address that paths stand behind, `name` who that is for people; `headers` are those of that moment."""

    def __init__(self, client: httpx.AsyncClient, base: str, name: str, clock: Clock, headers: Headers = dict) -> None:
        self._client, self._base, self._name = client, base.rstrip("/"), name
        self._clock, self._headers = clock, headers

    async def get(self, path: str) -> bytes:
        return await self._ask("GET", path, None)

    async def post(self, path: str, form: Mapping[str, str]) -> bytes:
        return await self._ask("POST", path, form)

    async def _ask(self, method: str, path: str, form: Mapping[str, str] | None) -> bytes:
        # Packed answers are not asked for: a small one may be more than the memory when it is unpacked.
        headers = {**self._headers(), "accept-encoding": "identity", "accept": "application/json"}
        with trio.move_on_after(ANSWER_WITHIN_S):
            try:
                async with self._client.stream(method, self._base + path, headers=headers, data=form) as answer:
                    if answer.status_code != httpx.codes.OK:
                        raise self._refusal(answer)
                    return await self._body(answer)
            except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
                # The library's text may quote the address; its class says enough.
                raise HearsayUnavailable(f"{self._name}: {type(error).__name__}") from None
        raise HearsayUnavailable(f"{self._name}: no answer within {ANSWER_WITHIN_S:.0f} s")

    def _refusal(self, answer: httpx.Response) -> HearsayUnavailable:
        status = answer.status_code
        wait_s = retry_after_s(
            answer.headers.get("retry-after", ""), answer.headers.get("date", ""), self._clock.now_ms()
        )
        if status == httpx.codes.TOO_MANY_REQUESTS and wait_s is None:
            wait_s = DEFAULT_WAIT_S
        is_absent = status == httpx.codes.NOT_FOUND
        return HearsayUnavailable(f"{self._name}: HTTP status {status}", wait_s=wait_s, is_absent=is_absent)

    async def _body(self, answer: httpx.Response) -> bytes:
        """The whole of it. One that is too long is cut off by cancelling: left by an error, httpx's generators stay unclosed."""
        body = bytearray()
        with trio.CancelScope() as enough:
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    enough.cancel()
        if len(body) > ANSWER_BYTES_MAX:
            raise HearsayUnavailable(f"{self._name}: an answer of more than {ANSWER_BYTES_MAX} bytes")
        return bytes(body)


@asynccontextmanager
async def open_web_client() -> AsyncIterator[httpx.AsyncClient]:
    """The connections for all of them; nothing follows a redirect, and no proxy of the environment is used."""
    async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False, follow_redirects=False) as client:
        yield client
