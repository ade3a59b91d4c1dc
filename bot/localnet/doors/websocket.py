"""Subscriptions over WebSocket: a shell round `bot.localnet.rpc.pubsub` and `bot.localnet.portal`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, wrap_server_stream

from bot.localnet.doors.connections import Connections
from bot.localnet.faults import RPC_DOWN, STREAM_DROP, FaultTable
from bot.localnet.rpc.dispatch import error_answer
from bot.localnet.rpc.params import PARSE_ERROR

Message = dict[str, Any]
Deliver = Callable[[Message], None]

OUTGOING_MESSAGES = 4096
HANDSHAKE_S = 10
CLOSE_S = 1


class Session(Protocol):
    """One client's side of a service that tells things."""

    def handle(self, request: Any) -> Any:
        """The answer to one request."""

    def after_reply(self) -> None:
        """To be called after an answer was sent."""

    def close(self) -> None:
        """The client has gone."""

    def drop(self) -> None:
        """The service ends it."""


# Opens a session: the path that the client asked for, what takes its messages, and what to call when it is dropped.
Open = Callable[[str, Deliver, Callable[[], None]], Session]


class WebSocketDoor:
    """Serves sessions. A client that falls behind by more than the outgoing queue is dropped."""

    def __init__(self, faults: FaultTable, open_session: Open) -> None:
        self._connections = Connections(faults, RPC_DOWN, STREAM_DROP)
        self._open = open_session

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection until either side ends it."""
        await self._connections.run(stream, self._session)

    async def _session(self, stream: trio.SocketStream) -> None:
        try:
            async with trio.open_nursery() as nursery:
                connection: WebSocketConnection | None = None
                with trio.move_on_after(HANDSHAKE_S):
                    request = await wrap_server_stream(nursery, stream)
                    connection = await request.accept()
                if connection is not None:
                    await self._converse(connection, request.path)
                nursery.cancel_scope.cancel()
        except* (ConnectionClosed, HandshakeError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def _converse(self, connection: WebSocketConnection, path: str) -> None:
        outgoing, queue = trio.open_memory_channel[Message](OUTGOING_MESSAGES)
        async with trio.open_nursery() as nursery:

            def deliver(message: Message) -> None:
                try:
                    outgoing.send_nowait(message)
                except trio.WouldBlock:
                    session.drop()

            session = self._open(path, deliver, nursery.cancel_scope.cancel)
            try:
                nursery.start_soon(_send_all, connection, queue)
                while True:
                    try:
                        text = await connection.get_message()
                    except ConnectionClosed:
                        break
                    await self._connections.delay()
                    deliver(_answer(session, text))
                    session.after_reply()
            finally:
                session.close()
            nursery.cancel_scope.cancel()
        with trio.move_on_after(CLOSE_S):
            await connection.aclose()


async def _send_all(connection: WebSocketConnection, queue: trio.MemoryReceiveChannel[Message]) -> None:
    async for message in queue:
        try:
            await connection.send_message(msgspec.json.encode(message).decode())
        except ConnectionClosed:
            return


def _answer(session: Session, text: str | bytes) -> Message:
    try:
        request = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return error_answer(None, PARSE_ERROR, "Parse error")
    answer: Message = session.handle(request)
    return answer
