"""HTTP/2 on the port of the local node's JSON-RPC: many requests of one client at once, by the library h2."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import trio

RECEIVE_BYTES = 65_536

# Status, body, and the seconds of a Retry-After where there is one, for a method, a target and a body.
Respond = Callable[[bytes, bytes, bytes], Awaitable[tuple[int, bytes, int | None]]]


@dataclass(slots=True, eq=False)
class _Stream:
    """One request, and what of its answer the client's window does not let through yet."""

    method: bytes
    target: bytes
    body: bytearray = field(default_factory=bytearray)
    left: bytes = b""
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


class Http2Session:
    """One client's connection. `body_max` is the length beyond which a request's body is cut."""

    def __init__(self, stream: trio.SocketStream, respond: Respond, body_max: int) -> None:
        self._stream = stream
        self._respond = respond
        self._body_max = body_max
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
        self._streams: dict[int, _Stream] = {}
        self._written = trio.Event()

    async def run(self, first: bytes) -> None:
        """Serve until either side ends it; `first` is what was read already."""
        self._h2.initiate_connection()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                data = first
                while data:
                    for event in self._h2.receive_data(data):
                        self._take(event, nursery)
                    self._written.set()
                    data = bytes(await self._stream.receive_some(RECEIVE_BYTES))
                nursery.cancel_scope.cancel()
        except* (h2.exceptions.H2Error, trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    def _take(self, event: h2.events.Event, nursery: trio.Nursery) -> None:
        if isinstance(event, h2.events.RequestReceived):
            told = dict(event.headers)
            self._streams[event.stream_id] = _Stream(bytes(told[b":method"]), bytes(told[b":path"]))
        elif isinstance(event, h2.events.DataReceived):
            if event.flow_controlled_length:
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            stream = self._streams.get(event.stream_id)
            if stream is not None and len(stream.body) <= self._body_max:
                stream.body += event.data
        elif isinstance(event, h2.events.StreamEnded):
            nursery.start_soon(self._answer, event.stream_id, self._streams[event.stream_id])
        elif isinstance(event, h2.events.StreamReset):
            if (gone := self._streams.pop(event.stream_id, None)) is not None:
                gone.scope.cancel()
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            for number in list(self._streams):
                self._push(number)

    async def _answer(self, number: int, stream: _Stream) -> None:
        with stream.scope:
            status, body, retry_after_s = await self._respond(stream.method, stream.target, bytes(stream.body))
            if number not in self._streams:
                return  # given up in the very moment of its answer
            headers = [
                (b":status", b"%d" % status),
                (b"content-type", b"application/json; charset=utf-8"),
                (b"content-length", b"%d" % len(body)),
                (b"access-control-allow-origin", b"*"),
            ]
            if retry_after_s is not None:
                headers.append((b"retry-after", b"%d" % retry_after_s))
            stream.left = body
            self._h2.send_headers(number, headers)
            self._push(number)

    def _push(self, number: int) -> None:
        """Hand as much of the answer to the protocol as the client's window lets through."""
        stream = self._streams[number]
        while stream.left:
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            if room <= 0:
                return
            part, stream.left = stream.left[:room], stream.left[room:]
            self._h2.send_data(number, part, end_stream=not stream.left)
            if not stream.left:
                del self._streams[number]
        self._written.set()

    async def _write(self) -> None:
        while True:
            if data := self._h2.data_to_send():
                await self._stream.send_all(data)
            else:
                self._written = trio.Event()
                await self._written.wait()
