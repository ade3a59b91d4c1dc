"""One gRPC call on a connection of its own: HTTP/2 by the library h2, bytes by trio. Nothing here knows what a message is.

The protocol is grpc.io's "gRPC over HTTP2": each message has a prefix of five bytes, and trailers tell how the call ended.
Import this module only where a source needs it: h2 is not among what the bot cannot do without.
"""

from __future__ import annotations

import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import trio

from bot.errors import ChainUnavailable, StartupError

CONNECT_TIMEOUT_S = 5.0
RECEIVE_BYTES = 65_536
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
WINDOW_BYTES = 16 * 1024 * 1024  # what the server may send ahead of us
CLOSE_TIMEOUT_S = 1.0
_PREFIX = struct.Struct(">BI")

Headers = Sequence[tuple[str, str]]


class CallEnded(ChainUnavailable):
    """The server ended the call. `code` is a status of gRPC: 0 is fine, 16 unauthenticated; 14 where the stream was cut."""

    def __init__(self, name: str, code: int, told: str) -> None:
        super().__init__(f"{name}: the call ended with status {code}{f': {told}' if told else ''}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Target:
    """Where a service is; `name` is `host:port` and safe to print."""

    host: str
    port: int
    is_tls: bool

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


def target_of(url: str) -> Target:
    """The target of an http or https URL; raises StartupError for another text, without repeating it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise StartupError("streams.grpc_url cannot be read; check its host and port") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise StartupError("streams.grpc_url must begin with http:// or https:// and name a host")
    is_tls = parts.scheme == "https"
    return Target(parts.hostname, port or (443 if is_tls else 80), is_tls)


class Call:
    """A call in both directions, used by one task, which reads it all the time.

    Reading and sending both do what the connection owes the server.
    """

    def __init__(self, stream: trio.abc.Stream, connection: h2.connection.H2Connection, number: int, name: str) -> None:
        self._stream = stream
        self._connection = connection
        self._number = number
        self._name = name
        self._buffer = bytearray()
        self._messages: deque[bytes] = deque()
        self._trailers: dict[str, str] = {}
        self._ended = False

    async def send(self, message: bytes) -> None:
        """Send one message, as fast as the server makes room for it; what it tells meanwhile is received later.

        Raises ChainUnavailable.
        """
        left = memoryview(_PREFIX.pack(0, len(message)) + message)
        while left:
            if self._ended:
                raise self._end()
            open_bytes = self._connection.local_flow_control_window(self._number)
            room = min(open_bytes, self._connection.max_outbound_frame_size)
            if room <= 0:
                await self.flush()
                await self._hear()
                continue
            self._connection.send_data(self._number, bytes(left[:room]))
            left = left[room:]
        await self.flush()

    async def receive(self) -> bytes:
        """The next message. Raises CallEnded behind the last one, ChainUnavailable when the connection is lost.

        Others run between two messages that came together: a block may bring a hundred.
        """
        await trio.lowlevel.checkpoint()
        while not self._messages:
            if self._ended:
                raise self._end()
            await self._hear()
        return self._messages.popleft()

    async def _hear(self) -> None:
        """Take what has come, at least something."""
        data = await self._stream.receive_some(RECEIVE_BYTES)
        if not data:
            raise ChainUnavailable(f"{self._name}: the connection was closed")
        for event in self._connection.receive_data(data):
            self._take(event)
        await self.flush()

    async def flush(self) -> None:
        """Send what the connection has to send."""
        if data := self._connection.data_to_send():
            await self._stream.send_all(data)

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.DataReceived):
            if event.flow_controlled_length:
                self._connection.acknowledge_received_data(event.flow_controlled_length, self._number)
            self._buffer += event.data
            self._split()
        elif isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
            self._trailers.update({_text(name): _text(value) for name, value in event.headers})
        elif isinstance(event, h2.events.StreamEnded):
            self._ended = True
        elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
            self._trailers.setdefault("grpc-status", "14")
            self._ended = True

    def _split(self) -> None:
        """Take whole messages out of what has come so far; raises ChainUnavailable for one that nobody could read."""
        while len(self._buffer) >= _PREFIX.size:
            packed, length = _PREFIX.unpack_from(self._buffer)
            if packed or length > MAX_MESSAGE_BYTES:
                raise ChainUnavailable(
                    f"{self._name}: a message of {length} bytes, {'' if packed else 'not '}compressed"
                )
            end = _PREFIX.size + length
            if len(self._buffer) < end:
                return
            self._messages.append(bytes(self._buffer[_PREFIX.size : end]))
            del self._buffer[:end]

    def _end(self) -> CallEnded:
        status = self._trailers.get(":status", "200")
        code = self._trailers.get("grpc-status", "")
        told = " ".join(unquote(self._trailers.get("grpc-message", "")).split())[:200]
        if status != "200":
            told = told or f"HTTP status {status}"
        return CallEnded(self._name, int(code) if code.isdecimal() else 14, told)


@asynccontextmanager
async def open_call(target: Target, path: str, metadata: Headers = ()) -> AsyncIterator[Call]:
    """A call of the method at `path`, connected within five seconds. Raises ChainUnavailable, also out of the block."""
    trouble: str | None = None
    try:
        with trio.move_on_after(CONNECT_TIMEOUT_S) as connecting:
            stream = await _connected(target)
        if connecting.cancelled_caught:
            raise ChainUnavailable(f"{target.name}: no connection within {CONNECT_TIMEOUT_S:g} s")
        try:
            call = _begin(stream, target, path, metadata)
            await call.flush()
            yield call
        finally:
            with trio.move_on_after(CLOSE_TIMEOUT_S, shield=True):
                await trio.aclose_forcefully(stream)
    except (OSError, trio.BrokenResourceError, h2.exceptions.H2Error) as error:
        trouble = type(error).__name__
    if trouble is not None:
        raise ChainUnavailable(f"{target.name}: the connection failed: {trouble}")


async def _connected(target: Target) -> trio.abc.Stream:
    plain = await trio.open_tcp_stream(target.host, target.port)
    if not target.is_tls:
        return plain
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    secure = trio.SSLStream(plain, context, server_hostname=target.host, https_compatible=True)
    try:
        await secure.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(plain)
        raise
    return secure


def _begin(stream: trio.abc.Stream, target: Target, path: str, metadata: Headers) -> Call:
    config = h2.config.H2Configuration(client_side=True, header_encoding=None)
    connection = h2.connection.H2Connection(config)
    connection.initiate_connection()
    connection.increment_flow_control_window(WINDOW_BYTES)
    number = connection.get_next_available_stream_id()
    headers = [
        (":method", "POST"),
        (":scheme", "https" if target.is_tls else "http"),
        (":path", path),
        (":authority", target.name),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("grpc-accept-encoding", "identity"),
        *metadata,
    ]
    connection.send_headers(number, headers)
    connection.increment_flow_control_window(WINDOW_BYTES, number)
    return Call(stream, connection, number, target.name)


def _text(header: str | bytes) -> str:
    return header if isinstance(header, str) else header.decode("utf-8", "replace")
