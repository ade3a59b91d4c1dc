"""How a question reaches an HTTP interface that is no JSON-RPC: paths, queries and a key in a header, over httpx.

The key is in no URL, no error, no log and no repr. Errors are those of `transport`, whose connections and limiter it shares.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Protocol

import httpx
import trio

from bot.chain.key_file import Key
from bot.chain.transport import HttpTransport, refusal

MAX_IN_FLIGHT = 4
# Answers whose body says what was wrong with the question, and not with the service.
_SPOKEN = frozenset({httpx.codes.OK, httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND, httpx.codes.UNPROCESSABLE_ENTITY})


class Api(Protocol):
    """One HTTP interface. `name` is safe to print."""

    @property
    def name(self) -> str: ...

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of a question; the caller sets the deadline.

        Raises ChainUnavailable for a status that says nothing about the question, RateLimited for one.
        """


class HttpApi(HttpTransport):
    """`base` is the URL that paths stand behind; `key` goes with every question as the header `x-api-key`."""

    def __init__(self, base: str, key: Key | None) -> None:
        super().__init__(base.rstrip("/"), MAX_IN_FLIGHT, key=key, key_header=b"x-api-key")
        self._base = base.rstrip("/")

    def __repr__(self) -> str:
        return f"<HttpApi {self.name}>"

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        return await self._through(lambda pool: self._ask(pool, method, path, body))

    async def _ask(self, pool: httpx.AsyncHTTPTransport, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        url = httpx.URL(self._base + path)
        _, headers = self._address()
        timeout = httpx.Timeout(None, pool=1.0).as_dict()
        content = body if method == "POST" else None
        request = httpx.Request(method, url, headers=headers, content=content, extensions={"timeout": timeout})
        async with aclosing(await pool.handle_async_request(request)) as response:
            if response.status_code not in _SPOKEN:
                raise refusal(self.name, response)
            return response.status_code, await self._body(response)


@asynccontextmanager
async def open_http_api(base: str, key: Key | None) -> AsyncIterator[HttpApi]:
    """An interface for the time of the block; raises StartupError for a URL that is none."""
    api = HttpApi(base, key)
    try:
        yield api
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(1):
            await api.aclose()
