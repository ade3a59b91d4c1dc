"""One endpoint over HTTP/2: one connection for all requests to it. Import it only where the settings ask for it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import structlog
import trio

from bot.chain.http1_transport import Http1Transport
from bot.chain.http2_connection import Answer, Connection, LostError
from bot.chain.key_file import Key
from bot.chain.transport import MAX_ANSWER_BYTES
from bot.errors import ChainUnavailable

TRIES = 2  # a question whose connection ends is asked once more on another one: all of them may be asked twice

log = structlog.get_logger()


class Http2Transport(Http1Transport):
    """As `Http1Transport`, over one HTTP/2 connection that `nursery` carries.

    Over TLS the peer chooses; one that does not choose HTTP/2 is asked over HTTP/1.1 from then on. An address with http://
    is spoken to in HTTP/2 at once, as the local chain understands.
    """

    def __init__(self, url: str, max_in_flight: int, nursery: trio.Nursery, key: Key | None) -> None:
        super().__init__(url, max_in_flight, key=key)
        self._nursery = nursery
        self._connection: Connection | None = None
        self._connecting = trio.Lock()
        self._is_declined = False

    def __repr__(self) -> str:
        return f"<Http2Transport {self.name}>"

    async def post(self, body: bytes) -> bytes:
        answer = None if self._is_declined else await self._posted(body)
        return await super().post(body) if answer is None else answer

    async def _posted(self, body: bytes) -> bytes | None:
        """The answer over HTTP/2; None where the peer does not choose that."""
        trouble = ""
        async with self._limiter:
            for _ in range(TRIES):
                try:
                    connection = await self._connected()
                    if connection is None:
                        return None
                    return await self._read(await connection.ask(self._told(body), body))
                except LostError as lost:
                    trouble = str(lost)
                except (OSError, trio.BrokenResourceError, httpx.HTTPError) as error:
                    # The library's text may quote the URL; its class says enough.
                    raise ChainUnavailable(f"{self.name}: {type(error).__name__}") from None
        raise ChainUnavailable(f"{self.name}: {trouble}")

    def _told(self, body: bytes) -> list[tuple[bytes, bytes]]:
        """The request's headers, with the key of now."""
        url, told = self._address()
        return [
            (b":method", b"POST"),
            (b":scheme", url.raw_scheme),
            (b":authority", url.netloc),
            (b":path", url.raw_path),
            *((name.lower(), value) for name, value in told if name != b"Host"),
            (b"content-length", b"%d" % len(body)),
        ]

    async def _read(self, answer: Answer) -> bytes:
        response = httpx.Response(answer.status, headers=answer.headers, stream=httpx.ByteStream(answer.body))
        return await self._taken(response)

    async def _connected(self) -> Connection | None:
        """The open connection, or a new one; None where the peer does not choose HTTP/2."""
        async with self._connecting:
            if self._connection is not None and self._connection.is_open:
                return self._connection
            stream = await self._open_stream()
            if stream is None:
                self._is_declined = True
                log.info("http2_not_offered", endpoint=self.name)
                return None
            self._connection = Connection(stream, self.name, MAX_ANSWER_BYTES)
            self._nursery.start_soon(self._connection.run)
            return self._connection

    async def _open_stream(self) -> trio.abc.Stream | None:
        url, _ = self._address()
        is_tls = url.scheme == "https"
        plain = await trio.open_tcp_stream(url.host, url.port or (443 if is_tls else 80))
        if not is_tls:
            return plain
        context = httpx.create_ssl_context(trust_env=False)
        context.set_alpn_protocols(["h2", "http/1.1"])
        secure = trio.SSLStream(plain, context, server_hostname=url.host, https_compatible=True)
        try:
            await secure.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(plain)
            raise
        if secure.selected_alpn_protocol() == "h2":
            return secure
        await trio.aclose_forcefully(secure)
        return None


@asynccontextmanager
async def open_http2_transport(
    url: str, *, max_in_flight: int = 16, key: Key | None = None
) -> AsyncIterator[Http2Transport]:
    """An endpoint's transport for the time of the block; raises StartupError for a URL that is none."""
    logging.getLogger("hpack").setLevel(logging.WARNING)  # at DEBUG it logs paths and headers, keys in them
    raised: Exception | None = None
    async with trio.open_nursery() as nursery:
        transport = Http2Transport(url, max_in_flight, nursery, key)
        try:
            yield transport
        except Exception as error:  # raised again below, where the nursery does not put it into a group
            raised = error
        nursery.cancel_scope.cancel()
        await transport.aclose()
    if raised is not None:
        raise raised
