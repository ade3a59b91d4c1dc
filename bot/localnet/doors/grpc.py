"""gRPC over HTTP/2: a shell round `bot.localnet.geyser`, by the library h2. Import it only where that is installed."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import trio

from bot.localnet.doors.connections import Connections
from bot.localnet.faults import RPC_DOWN, STREAM_DROP
from bot.localnet.geyser import SUBSCRIBE, Geyser, GeyserSession, Refusal

RECEIVE_BYTES = 65_536
MAX_REQUEST_BYTES = 4 * 1024 * 1024
OUTGOING_MESSAGES = 4096
PING_S = 10.0
OK, UNIMPLEMENTED = 0, 12
_PREFIX = struct.Struct(">BI")


@dataclass(slots=True, eq=False)
class _Stream:
    """One call of a connection. `outgoing` waits for the client's window; None in it ends the call."""

    number: int
    session: GeyserSession
    send: trio.MemorySendChannel[bytes]
    received: bytearray = field(default_factory=bytearray)


class GrpcDoor:
    """Serves `Subscribe`. A client that falls behind by more than the outgoing queue is dropped."""

    def __init__(self, geyser: Geyser) -> None:
        self._geyser = geyser
        self._connections = Connections(geyser.faults, RPC_DOWN, STREAM_DROP)

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection until either side ends it."""
        await self._connections.run(stream, self._converse)

    async def _converse(self, stream: trio.SocketStream) -> None:
        try:
            await _Connection(self._geyser, stream).run()
        except* (h2.exceptions.ProtocolError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass


class _Connection:
    """One client's HTTP/2 connection and its calls."""

    def __init__(self, geyser: Geyser, stream: trio.SocketStream) -> None:
        self._geyser = geyser
        self._stream = stream
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
        self._streams: dict[int, _Stream] = {}
        self._sending = trio.Lock()
        self._window = trio.Event()

    async def run(self) -> None:
        self._h2.initiate_connection()
        await self._flush()
        try:
            async with trio.open_nursery() as nursery:
                while data := await self._stream.receive_some(RECEIVE_BYTES):
                    for event in self._h2.receive_data(data):
                        await self._take(event, nursery)
                    await self._flush()
                nursery.cancel_scope.cancel()
        finally:
            for one in self._streams.values():
                one.session.close()

    async def _take(self, event: h2.events.Event, nursery: trio.Nursery) -> None:
        if isinstance(event, h2.events.RequestReceived):
            await self._begin(event, nursery)
        elif isinstance(event, h2.events.DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if (one := self._streams.get(event.stream_id)) is not None:
                await self._requests(one, event.data)
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            self._window.set()
            self._window = trio.Event()
        elif isinstance(event, h2.events.StreamReset):
            self._forget(event.stream_id)

    async def _begin(self, event: h2.events.RequestReceived, nursery: trio.Nursery) -> None:
        headers = [(":status", "200"), ("content-type", "application/grpc")]
        self._h2.send_headers(event.stream_id, headers)
        if _path(event) != SUBSCRIBE.encode():
            await self._end(event.stream_id, UNIMPLEMENTED, "unknown method")
            return
        send, queue = trio.open_memory_channel[bytes](OUTGOING_MESSAGES)

        def deliver(message: bytes) -> None:
            try:
                send.send_nowait(message)
            except trio.WouldBlock:
                session.drop()
            except trio.ClosedResourceError:
                session.close()

        session = self._geyser.open(deliver, send.close)
        self._streams[event.stream_id] = _Stream(event.stream_id, session, send)
        nursery.start_soon(self._pump, event.stream_id, queue)
        nursery.start_soon(_ping, session)

    async def _requests(self, one: _Stream, data: bytes) -> None:
        """Take whole requests out of what has come so far."""
        one.received += data
        while len(one.received) >= _PREFIX.size:
            _, length = _PREFIX.unpack_from(one.received)
            end = _PREFIX.size + length
            if length > MAX_REQUEST_BYTES:
                await self._end(one.number, 8, "the request is too large")
                return
            if len(one.received) < end:
                return
            message, one.received = bytes(one.received[_PREFIX.size : end]), one.received[end:]
            try:
                one.session.handle(message)
            except Refusal as refusal:
                await self._end(one.number, refusal.code, str(refusal))
                return

    async def _pump(self, number: int, queue: trio.MemoryReceiveChannel[bytes]) -> None:
        """Send updates as far as the client's window allows; the end of the queue ends the call."""
        async for message in queue:
            framed = _PREFIX.pack(0, len(message)) + message
            while framed:
                room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
                if room <= 0:
                    await self._window.wait()
                    continue
                self._h2.send_data(number, framed[:room])
                framed = framed[room:]
            await self._flush()
        await self._end(number, OK, "")

    async def _end(self, number: int, code: int, told: str) -> None:
        if number in self._streams or code == UNIMPLEMENTED:
            self._h2.send_headers(number, [("grpc-status", str(code)), ("grpc-message", told)], end_stream=True)
            self._forget(number)
        await self._flush()

    def _forget(self, number: int) -> None:
        one = self._streams.pop(number, None)
        if one is not None:
            one.session.close()
            one.send.close()

    async def _flush(self) -> None:
        async with self._sending:
            if data := self._h2.data_to_send():
                await self._stream.send_all(data)


async def _ping(session: GeyserSession) -> None:
    while True:
        await trio.sleep(PING_S)
        session.ping()


def _path(event: h2.events.RequestReceived) -> bytes | None:
    return next((bytes(value) for name, value in event.headers if name == b":path"), None)
