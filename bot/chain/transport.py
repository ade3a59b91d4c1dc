"""How a JSON-RPC request reaches an endpoint: the protocol, and httpx behind it.

Endpoint URLs carry credentials in path, query or user part, or have the mark of a key that is read from a file. Nothing
here puts a URL into an error or a log: an endpoint is known by host and port.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import httpx
import trio

from bot.chain.key_file import Key, filled
from bot.clock import system_clock
from bot.errors import ChainUnavailable, StartupError
from bot.execution.retry_after import retry_after_s

Answer = TypeVar("Answer")

# A pool slot may stay lost when a connect is cancelled (httpx 0.28.1); spare ones keep the limiter from waiting on it.
SPARE_CONNECTIONS = 4
MAX_ANSWER_BYTES = 32 * 1024 * 1024
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


DEFAULT_WAIT_S = 1.0

# Deadlines are the caller's. Waiting for a slot is different: with the limiter outside it means that slots are lost.
_TIMEOUTS = {"timeout": httpx.Timeout(None, pool=1.0).as_dict()}


class RateLimited(ChainUnavailable):
    """The endpoint refuses for the rate of our requests; `wait_s` is how long it wants to be left alone."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class StatusRefused(ChainUnavailable):
    """The endpoint answered with an HTTP `status` other than 200."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class TooMuchAtOnce(StatusRefused):
    """The endpoint does not take a request as it is, HTTP status 400 or 413: a batch may be too large for it."""


class KeyRefused(StatusRefused):
    """The endpoint does not take the key of its URL or header: HTTP status 401."""


class Transport(Protocol):
    """One endpoint. `name` is safe to print."""

    @property
    def name(self) -> str: ...

    async def post(self, body: bytes) -> bytes:
        """The answer's bytes. Raises ChainUnavailable, RateLimited for one; the caller sets the deadline."""


def redacted(url: str) -> str:
    """`host:port` of an endpoint's URL; raises StartupError for a text that is no http(s) or ws(s) URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise StartupError("an RPC endpoint's URL cannot be read; check its host and port in the settings") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise StartupError("an RPC endpoint's URL must begin with http://, https://, ws:// or wss:// and name a host")
    return f"{parts.hostname}:{port or _PORTS[parts.scheme]}"


def one_line(foreign: str) -> str:
    """A peer's words, short enough and without line breaks for an error or a log."""
    return " ".join(foreign.split())[:200]


class _Body(httpx.AsyncByteStream):
    """A request's bytes in one chunk, without an async generator: httpx leaves its own unclosed when a peer hangs up."""

    def __init__(self, body: bytes) -> None:
        self._rest: list[bytes] = [body]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._rest:
            raise StopAsyncIteration
        return self._rest.pop()


class HttpTransport:
    """One pool of httpx's connections to one endpoint, behind a limiter no larger than that pool.

    The pool is httpx's own transport and not its client: what the client does for each request, redirects, cookies, hooks
    and merged headers, is a quarter of what a request costs, and no endpoint needs it.

    Without the limiter httpx 0.28.1 on trio loses pool slots for ever when queued requests are cancelled, which a deadline
    on every call does all the time.

    `key` is the key for the URL's mark, or for the header `key_header`; each request carries the one of when it leaves.
    """

    def __init__(self, url: str, max_in_flight: int, *, key: Key | None = None, key_header: bytes = b"") -> None:
        self._name = redacted(url)
        self._template = url
        self._key, self._key_header = key, key_header
        self._used_key: str | None = None
        self._built: tuple[httpx.URL, list[tuple[bytes, bytes]]] | None = None
        self._address()
        self._limiter = trio.CapacityLimiter(max_in_flight)
        self._pool = self._new_pool()

    def _address(self) -> tuple[httpx.URL, list[tuple[bytes, bytes]]]:
        """The URL and what each request says of itself, its length apart, with the key of now."""
        key = None if self._key is None else self._key()
        if self._built is None or key != self._used_key:
            url = httpx.URL(self._template if self._key_header else filled(self._template, self._key))
            headers = _headers(url)
            if key is not None and self._key_header:
                headers.append((self._key_header, key.encode("ascii")))
            self._used_key, self._built = key, (url, headers)
        return self._built

    def _new_pool(self) -> httpx.AsyncHTTPTransport:
        connections = int(self._limiter.total_tokens) + SPARE_CONNECTIONS
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        return httpx.AsyncHTTPTransport(limits=limits, trust_env=False)

    def __repr__(self) -> str:
        return f"<HttpTransport {self._name}>"

    @property
    def name(self) -> str:
        return self._name

    async def post(self, body: bytes) -> bytes:
        return await self._through(lambda pool: self._exchange(pool, body))

    async def _through(self, exchange: Callable[[httpx.AsyncHTTPTransport], Awaitable[Answer]]) -> Answer:
        """One exchange within the limiter; foreign errors become ChainUnavailable, and a stuck pool is renewed."""
        async with self._limiter:
            pool = self._pool
            try:
                return await exchange(pool)
            except httpx.PoolTimeout:
                pass
            except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
                # The library's text may quote the URL; its class says enough.
                raise ChainUnavailable(f"{self._name}: {type(error).__name__}") from None
            await self._replace(pool)
            raise ChainUnavailable(f"{self._name}: the connection pool was stuck and has been renewed")

    async def _exchange(self, pool: httpx.AsyncHTTPTransport, body: bytes) -> bytes:
        url, told = self._address()
        headers = [*told, (b"Content-Length", b"%d" % len(body))]
        request = httpx.Request("POST", url, headers=headers, stream=_Body(body), extensions=_TIMEOUTS)
        async with aclosing(await pool.handle_async_request(request)) as response:
            return await self._taken(response)

    async def _taken(self, response: httpx.Response) -> bytes:
        if response.status_code != httpx.codes.OK:
            raise refusal(self._name, response)
        return await self._body(response)

    async def _body(self, response: httpx.Response) -> bytes:
        answer = bytearray()
        async for chunk in response.aiter_bytes():
            answer += chunk
            if len(answer) > MAX_ANSWER_BYTES:
                raise ChainUnavailable(f"{self._name}: an answer of more than {MAX_ANSWER_BYTES} bytes")
        return bytes(answer)

    async def _replace(self, stuck: httpx.AsyncHTTPTransport) -> None:
        """Requests that the old pool still carries end with an error of their own."""
        if self._pool is stuck:
            self._pool = self._new_pool()
            await stuck.aclose()

    async def aclose(self) -> None:
        await self._pool.aclose()


def _headers(url: httpx.URL) -> list[tuple[bytes, bytes]]:
    """What is the same in each request to this endpoint; credentials of the URL's user part included."""
    headers = [
        (b"Host", url.netloc),
        (b"Accept", b"application/json"),
        (b"Accept-Encoding", b"gzip, deflate"),
        (b"Content-Type", b"application/json"),
        (b"User-Agent", b"trading-bot"),
    ]
    if url.userinfo:
        token = base64.b64encode(f"{url.username}:{url.password}".encode())
        headers.append((b"Authorization", b"Basic " + token))
    return headers


def refusal(name: str, response: httpx.Response) -> ChainUnavailable:
    """What a status other than 200 means; a Retry-After counts in both of its forms."""
    status, headers = response.status_code, response.headers
    wait_s = retry_after_s(headers.get("retry-after", ""), headers.get("date", ""), system_clock().now_ms())
    after = "" if wait_s is None else f", retry after {wait_s:g} s"
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimited(f"{name}: 429, too many requests{after}", DEFAULT_WAIT_S if wait_s is None else wait_s)
    if status == httpx.codes.SERVICE_UNAVAILABLE and wait_s is not None:
        return RateLimited(f"{name}: HTTP status 503{after}", wait_s)
    if status in {httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE}:
        return TooMuchAtOnce(f"{name}: HTTP status {status}", status)
    if status == httpx.codes.UNAUTHORIZED:
        return KeyRefused(f"{name}: HTTP status 401, its key is not accepted", status)
    return StatusRefused(f"{name}: HTTP status {status}", status)


@asynccontextmanager
async def open_http_transport(
    url: str, *, max_in_flight: int = 16, key: Key | None = None, key_header: bytes = b""
) -> AsyncIterator[HttpTransport]:
    """An endpoint's transport for the time of the block; raises StartupError for a URL that is none."""
    for library in ("httpx", "httpcore"):
        logging.getLogger(library).setLevel(logging.WARNING)  # at INFO they log URLs
    transport = HttpTransport(url, max_in_flight, key=key, key_header=key_header)
    try:
        yield transport
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(1):
            await transport.aclose()
