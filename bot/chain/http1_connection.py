"""One HTTP/1.1 connection with one request at a time on it: the library h11 for the protocol, trio for the bytes.

It is ours because an order waits for it: a request leaves in one piece and at once, where httpx 0.28 on httpcore 1.0 takes
twice the CPU, two writes and a dozen turns of the scheduler for the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import h11
import trio

from bot.errors import ChainUnavailable

RECEIVE_BYTES = 65_536

Headers = Sequence[tuple[bytes, bytes]]


class LostError(Exception):
    """A connection that had served before ended without a byte of the answer; asking again on another one is harmless."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; its body is as it came, perhaps compressed."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Connection:
    """Requests over `stream`, one after the other. `name` is safe to print.

    An answer of more than `most_bytes` is an error. After an error, or a request that was given up, it is of no use.
    """

    def __init__(self, stream: trio.abc.Stream, socket: trio.socket.SocketType, name: str, most_bytes: int) -> None:
        self._stream = stream
        self._socket = socket
        self._name = name
        self._most_bytes = most_bytes
        self._http = h11.Connection(h11.CLIENT)
        self._has_served = False
        self._has_answered = False  # with a byte at least, to the latest request
        self._idle_since_s = trio.current_time()

    def __repr__(self) -> str:
        return f"<Connection {self._name}>"

    def is_fit(self, idle_s: float) -> bool:
        """Whether it can take a request: not idle for longer, and the peer neither hung up nor spoke out of turn."""
        is_ready = self._http.our_state is h11.IDLE and self._http.trailing_data == (b"", False)
        return is_ready and trio.current_time() - self._idle_since_s <= idle_s and not self._socket.is_readable()

    async def ask(self, target: bytes, headers: Headers, body: bytes) -> Answer:
        """The answer to one POST; the caller sets the deadline.

        Raises ChainUnavailable for one that is too long, LostError, and h11's and trio's errors for a peer that breaks off.
        """
        parts = (
            self._http.send(h11.Request(method=b"POST", target=target, headers=list(headers))),
            self._http.send(h11.Data(data=body)),
            self._http.send(h11.EndOfMessage()),
        )
        self._has_answered = False
        try:
            await self._stream.send_all(b"".join(part for part in parts if part))
            answer = await self._read()
        except (trio.BrokenResourceError, h11.RemoteProtocolError) as error:
            if self._has_served and not self._has_answered:
                raise LostError(type(error).__name__) from None
            raise
        self._has_served = True
        self._idle_since_s = trio.current_time()
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return answer

    async def _read(self) -> Answer:
        status, headers, body = 0, list[tuple[bytes, bytes]](), bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = bytes(await self._stream.receive_some(RECEIVE_BYTES))
                self._has_answered |= bool(data)
                self._http.receive_data(data)
            elif isinstance(event, h11.Response):
                status, headers = event.status_code, list(event.headers)
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self._most_bytes:
                    raise ChainUnavailable(f"{self._name}: an answer of more than {self._most_bytes} bytes")
            elif isinstance(event, h11.EndOfMessage):
                return Answer(status, headers, bytes(body))

    async def close(self) -> None:
        """End it at once."""
        await trio.aclose_forcefully(self._stream)
