"""One HTTP/2 connection with many requests on it at once: the library h2 for the protocol, trio for the bytes.

It is ours because a pool of endpoints gives up requests all the time: one that is given up is reset, so that the peer stops,
its window is given back, and no half of a frame of it is ever sent. httpx 0.28 on httpcore 1.0 does none of the three.
Import this module only where an endpoint is to be asked so: h2 takes a while to load.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import trio

from bot.errors import ChainUnavailable

RECEIVE_BYTES = 65_536
WINDOW_BYTES = 16 * 1024 * 1024  # what the peer may send ahead of us, on the connection and on each request
MAX_HEADER_BYTES = 65_536
SILENT_S = 1.0  # a request that was given up after so long without a byte from the peer takes the connection with it

Headers = Sequence[tuple[bytes, bytes]]


class LostError(Exception):
    """The connection ended before the answer, or took no request any more; asking again on another one is harmless."""


@dataclass(slots=True, eq=False)
class _Exchange:
    """One request: what of its body is still to be sent, and what has come of its answer."""

    left: bytes
    sent_at_s: float
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    ended: trio.Event = field(default_factory=trio.Event)
    error: ChainUnavailable | LostError | None = None

    def fail(self, error: ChainUnavailable | LostError) -> None:
        if not self.ended.is_set():
            self.error = error
            self.ended.set()


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; its body is as it came, perhaps compressed."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Connection:
    """Requests over `stream`; `run` does all reading and writing. `name` is safe to print.

    An answer of more than `most_bytes` is an error.
    """

    def __init__(self, stream: trio.abc.Stream, name: str, most_bytes: int) -> None:
        self._stream = stream
        self._name = name
        self._most_bytes = most_bytes
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=None))
        self._h2.local_settings = h2.settings.Settings(
            client=True,
            initial_values={
                h2.settings.SettingCodes.ENABLE_PUSH: 0,
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: WINDOW_BYTES,
                h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADER_BYTES,
            },
        )
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(WINDOW_BYTES)
        self._exchanges: dict[int, _Exchange] = {}
        self._written = trio.Event()
        self._heard_at_s = trio.current_time()
        self._scope = trio.CancelScope()
        self._why_closed = "the connection was closed"
        self.is_open = True

    def __repr__(self) -> str:
        return f"<Connection {self._name} {'open' if self.is_open else 'closed'} requests={len(self._exchanges)}>"

    async def run(self) -> None:
        """Read and write until the peer hangs up, breaks the protocol, or `close`; who still waits is told."""
        trouble = ""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    await self._read()
                    nursery.cancel_scope.cancel()
        except* (OSError, trio.BrokenResourceError, trio.ClosedResourceError, h2.exceptions.H2Error) as group:
            trouble = type(group.exceptions[0]).__name__
        finally:
            self.is_open = False
            for exchange in self._exchanges.values():
                exchange.fail(LostError(trouble or self._why_closed))
            await trio.aclose_forcefully(self._stream)

    def close(self) -> None:
        """End it at once."""
        self.is_open = False
        self._scope.cancel()

    async def ask(self, headers: Headers, body: bytes) -> Answer:
        """The answer to one request; the caller sets the deadline. Raises ChainUnavailable, or LostError."""
        exchange = _Exchange(body, trio.current_time())
        try:
            number = self._h2.get_next_available_stream_id()
            self._h2.send_headers(number, headers)
        except h2.exceptions.H2Error as error:
            self.is_open = False  # it is closing, or can carry no more: the next request opens another one
            raise LostError(type(error).__name__) from None
        self._exchanges[number] = exchange
        try:
            self._push(number, exchange)
            await exchange.ended.wait()
        except h2.exceptions.H2Error as error:
            exchange.fail(LostError(type(error).__name__))
        finally:
            del self._exchanges[number]
            if not exchange.ended.is_set():
                self._give_up(number, exchange)
            if not self.is_open and not self._exchanges:
                self.close()
        if exchange.error is not None:
            raise exchange.error
        return Answer(exchange.status, exchange.headers, bytes(exchange.body))

    def _give_up(self, number: int, exchange: _Exchange) -> None:
        """Let the peer stop; who has said nothing at all since the request left is perhaps not there any more."""
        self._reset(number)
        silent_s = trio.current_time() - max(exchange.sent_at_s, self._heard_at_s)
        if silent_s >= SILENT_S:
            self._why_closed = f"no answer and not a byte for {silent_s:.1f} s, so its connection was given up"
            self.close()

    def _reset(self, number: int) -> None:
        try:
            self._h2.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
        except h2.exceptions.ProtocolError:
            return  # the peer has ended it already
        self._written.set()

    def _push(self, number: int, exchange: _Exchange) -> None:
        """Hand as much of the body to the protocol as the peer's window lets through."""
        while exchange.left:
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            if room <= 0:
                break
            part, exchange.left = exchange.left[:room], exchange.left[room:]
            self._h2.send_data(number, part, end_stream=not exchange.left)
        self._written.set()

    async def _write(self) -> None:
        """The one place that sends, so that nobody who gives up cuts a frame in two."""
        while True:
            if data := self._h2.data_to_send():
                await self._stream.send_all(data)
            else:
                self._written = trio.Event()
                await self._written.wait()

    async def _read(self) -> None:
        while data := await self._stream.receive_some(RECEIVE_BYTES):
            self._heard_at_s = trio.current_time()
            for event in self._h2.receive_data(bytes(data)):
                self._take(event)
            self._written.set()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.DataReceived):
            self._take_data(event)
        elif isinstance(event, h2.events.ResponseReceived):
            if (exchange := self._exchanges.get(event.stream_id)) is not None:
                exchange.status = _status(event.headers)
                exchange.headers = [(name, value) for name, value in event.headers if not name.startswith(b":")]
        elif isinstance(event, h2.events.StreamEnded):
            if (exchange := self._exchanges.get(event.stream_id)) is not None:
                self._finish(event.stream_id, exchange)
        elif isinstance(event, h2.events.StreamReset):
            self._was_reset(event)
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            for number, exchange in self._exchanges.items():
                if exchange.left and not exchange.ended.is_set():
                    self._push(number, exchange)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self._is_closing()

    def _take_data(self, event: h2.events.DataReceived) -> None:
        """What comes for a request that was given up only gives its window back."""
        if event.flow_controlled_length:
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        exchange = self._exchanges.get(event.stream_id)
        if exchange is None:
            return
        exchange.body += event.data
        if len(exchange.body) > self._most_bytes:
            exchange.fail(ChainUnavailable(f"{self._name}: an answer of more than {self._most_bytes} bytes"))
            self._reset(event.stream_id)

    def _finish(self, number: int, exchange: _Exchange) -> None:
        if exchange.left:
            self._reset(number)  # it answered before it had heard everything
        exchange.ended.set()

    def _was_reset(self, event: h2.events.StreamReset) -> None:
        exchange = self._exchanges.get(event.stream_id)
        if exchange is None:
            return
        if event.error_code == h2.errors.ErrorCodes.REFUSED_STREAM:
            exchange.fail(LostError("the request was refused"))
        else:
            exchange.fail(ChainUnavailable(f"{self._name}: the request was reset with code {event.error_code}"))

    def _is_closing(self) -> None:
        """The peer takes no new requests. What it has taken it might still answer, but h2 reads nothing behind this."""
        self.is_open = False
        for exchange in self._exchanges.values():
            exchange.fail(LostError("the peer closes the connection"))


def _status(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """0 for what is no status."""
    told = dict(headers).get(b":status", b"")
    return int(told) if told.isdigit() and len(told) == len("200") else 0
