"""What both TCP doors share: listeners on adjacent ports, and connections that an outage can drop."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from bot.localnet.errors import LocalnetError
from bot.localnet.faults import RPC_SLOW, FaultKind, FaultTable

HOST = "127.0.0.1"
PORT_TRIES = 50

Serve = Callable[[trio.SocketStream], Awaitable[None]]


class PortTaken(LocalnetError):
    """A configured port is in use; the text is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Listening sockets: HTTP on `port`, WebSocket on `port + 1`, where every Solana client looks for it."""

    http: list[trio.SocketListener]
    websocket: list[trio.SocketListener]
    port: int

    async def close(self) -> None:
        """Stop listening on both ports."""
        for listener in (*self.http, *self.websocket):
            await listener.aclose()


async def open_listeners(port: int) -> Listeners:
    """Listen on `port` and the next one; 0 chooses a free pair. Raises PortTaken for a configured port."""
    for _ in range(1 if port else PORT_TRIES):
        try:
            http = await trio.open_tcp_listeners(port, host=HOST)
        except (OSError, OverflowError) as error:
            raise PortTaken(f"port {port} on {HOST} cannot be used: {error}") from error
        chosen = http[0].socket.getsockname()[1]
        try:
            websocket = await trio.open_tcp_listeners(chosen + 1, host=HOST)
        except (OSError, OverflowError) as error:
            for listener in http:
                await listener.aclose()
            if port:
                raise PortTaken(f"port {port + 1} on {HOST}, for the WebSocket, cannot be used: {error}") from error
            continue
        return Listeners(http, websocket, chosen)
    raise PortTaken(f"no two adjacent free ports on {HOST} after {PORT_TRIES} tries")


async def open_all_listeners(port: int, endpoints: int) -> list[Listeners]:
    """A pair of ports for each endpoint, each two higher than the one before; port 0 chooses a free run of them.

    The same first port gives the same run again. Raises PortTaken as `open_listeners` does.
    """
    for _ in range(1 if port else PORT_TRIES):
        opened = [await open_listeners(port)]
        taken: PortTaken | None = None
        try:
            for number in range(1, endpoints):
                opened.append(await open_listeners(opened[0].port + 2 * number))
        except PortTaken as error:
            taken = error
        if taken is None:
            return opened
        for pair in opened:
            await pair.close()
        if port:
            raise taken
    raise PortTaken(f"no {2 * endpoints} adjacent free ports on {HOST} after {PORT_TRIES} tries")


class Connections:
    """Runs each connection of a door in a scope of its own, so that one bad client harms no other.

    While one of the faults `shut_by` is on, open connections are dropped and new ones closed at once.
    """

    def __init__(self, faults: FaultTable, *shut_by: FaultKind) -> None:
        self._faults = faults
        self._shut_by = shut_by
        self._scopes: set[trio.CancelScope] = set()
        faults.observe(self._drop_when_shut)

    def _drop_when_shut(self) -> None:
        if self._faults.any(*self._shut_by):
            for scope in self._scopes:
                scope.cancel()

    async def delay(self) -> None:
        """Wait as long as `rpc-slow` says."""
        slow = self._faults.get(RPC_SLOW)
        if slow is not None:
            await trio.sleep(slow.delay_ms / 1000)

    async def run(self, stream: trio.SocketStream, serve: Serve) -> None:
        """Serve one connection until it ends; closes it at once while the door is shut."""
        async with stream:
            if self._faults.any(*self._shut_by):
                return
            with trio.CancelScope() as scope:
                self._scopes.add(scope)
                try:
                    await serve(stream)
                except Exception as error:  # one client's trouble becomes a line in the log and ends that client only
                    print(f"localnet: a connection ended with {error!r}", file=sys.stderr, flush=True)
                finally:
                    self._scopes.discard(scope)
