"""One endpoint over HTTP/1.1, by connections of our own that are kept open."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import h11
import httpx
import trio

from bot.chain.http1_connection import Answer, Connection, LostError
from bot.chain.key_file import Key
from bot.chain.transport import MAX_ANSWER_BYTES, HttpTransport
from bot.errors import ChainUnavailable

IDLE_S = 5.0  # a connection that was not used for longer may have been forgotten on the way, and nobody would say so
CLOSE_WITHIN_S = 1.0
TRIES = 2  # a question whose kept connection turns out to have ended is asked once more, on a new one

Host = tuple[str, int, bool]  # name, port and whether it is spoken to over TLS


class Http1Transport(HttpTransport):
    """As `HttpTransport` for questions by `post`; the newest idle connection takes the next one."""

    def __init__(self, url: str, max_in_flight: int, *, key: Key | None = None) -> None:
        super().__init__(url, max_in_flight, key=key)
        self._idle: list[tuple[Host, Connection]] = []
        self._tls: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        return f"<Http1Transport {self.name}>"

    async def post(self, body: bytes) -> bytes:
        await self._take_place()
        try:
            for _ in range(TRIES):
                try:
                    return await self._content(await self._asked(body))
                except LostError:
                    await self._close_idle()
                except (h11.RemoteProtocolError, trio.BrokenResourceError, httpx.HTTPError) as error:
                    # The library's text may quote the URL; its class says enough.
                    raise ChainUnavailable(f"{self.name}: {type(error).__name__}") from None
        finally:
            self._limiter.release()
        raise ChainUnavailable(f"{self.name}: the connection ended before the answer, twice")

    async def _take_place(self) -> None:
        """One of so many requests in flight; a free one costs no turn of the loop, for which bytes that leave would wait."""
        with suppress(trio.WouldBlock):
            self._limiter.acquire_nowait()
            return
        await self._limiter.acquire()

    async def _asked(self, body: bytes) -> Answer:
        """The answer on a connection that is kept, or on a new one. One whose answer is not read to its end is closed."""
        url, told = self._address()
        is_tls = url.scheme == "https"
        host = (url.host, url.port or (443 if is_tls else 80), is_tls)
        connection = await self._kept(host) or await self._opened_to(host)
        is_whole = False
        try:
            answer = await connection.ask(url.raw_path, [*told, (b"Content-Length", b"%d" % len(body))], body)
            is_whole = True
        finally:
            if not is_whole:
                with trio.move_on_after(CLOSE_WITHIN_S, shield=True):
                    await connection.close()
        self._idle.append((host, connection))
        return answer

    async def _kept(self, host: Host) -> Connection | None:
        """The newest idle connection that is still good for this host; those that are not are closed."""
        while self._idle:
            kept_host, connection = self._idle.pop()
            if kept_host == host and connection.is_fit(IDLE_S):
                return connection
            await connection.close()
        return None

    async def _opened_to(self, host: Host) -> Connection:
        name, port, is_tls = host
        try:
            plain = await trio.open_tcp_stream(name, port)
            stream = await self._secured(plain, name) if is_tls else plain
        except (OSError, trio.BrokenResourceError):
            raise ChainUnavailable(f"{self.name}: ConnectError") from None
        return Connection(stream, plain.socket, self.name, MAX_ANSWER_BYTES)

    async def _secured(self, plain: trio.SocketStream, name: str) -> trio.abc.Stream:
        if self._tls is None:
            self._tls = httpx.create_ssl_context(trust_env=False)
            self._tls.set_alpn_protocols(["http/1.1"])
        secure = trio.SSLStream(plain, self._tls, server_hostname=name, https_compatible=True)
        try:
            await secure.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(plain)
            raise
        return secure

    async def _content(self, answer: Answer) -> bytes:
        """What was answered; a refusal, and what came compressed, are read as those of any other answer."""
        is_plain = all(name != b"content-encoding" for name, _ in answer.headers)
        if answer.status == httpx.codes.OK and is_plain:
            return answer.body
        response = httpx.Response(answer.status, headers=answer.headers, stream=httpx.ByteStream(answer.body))
        return await self._taken(response)

    async def _close_idle(self) -> None:
        while self._idle:
            _, connection = self._idle.pop()
            await connection.close()

    async def aclose(self) -> None:
        await self._close_idle()
        await super().aclose()


@asynccontextmanager
async def open_http1_transport(
    url: str, *, max_in_flight: int = 16, key: Key | None = None
) -> AsyncIterator[Http1Transport]:
    """An endpoint's transport for the time of the block; raises StartupError for a URL that is none."""
    transport = Http1Transport(url, max_in_flight, key=key)
    try:
        yield transport
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(CLOSE_WITHIN_S):
            await transport.aclose()
