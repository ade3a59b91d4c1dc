"""Listens at the sockets and ports of a running bot, and notes when what passed: the clock of a benchmark, no part of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import Any

import trio

from tests.bench.measure import wall_s

_SIGNATURE = re.compile(rb'"signature":\s*"([1-9A-HJ-NP-Za-km-z]{64,88})"')
_SEND = b'"sendTransaction"'


@dataclass(slots=True)
class SocketTap:
    """What the bot's sockets brought and took while it was on, in seconds of `wall_s`.

    `brought` has the moments of each socket's reads, `named` the first read of each socket with a signature in it, `sends`
    the moments after a `sendTransaction`, or a batch of them, was written, with how many were in it.
    """

    brought: dict[int, list[float]] = field(default_factory=dict)
    named: dict[str, dict[int, float]] = field(default_factory=dict)
    sends: list[tuple[float, int]] = field(default_factory=list)

    @contextmanager
    def on(self) -> Iterator[None]:
        """Listen at every socket of this process for the time of the block."""
        receive, send = trio.SocketStream.receive_some, trio.SocketStream.send_all

        async def receive_some(stream: trio.SocketStream, max_bytes: int | None = None) -> bytes:
            data = await receive(stream, max_bytes)
            self._note_read(id(stream), bytes(data))
            return bytes(data)

        async def send_all(stream: trio.SocketStream, data: bytes | bytearray | memoryview) -> None:
            await send(stream, data)
            if count := bytes(data).count(_SEND):
                self.sends.append((wall_s(), count))

        trio.SocketStream.receive_some, trio.SocketStream.send_all = receive_some, send_all  # type: ignore[method-assign]
        try:
            yield
        finally:
            trio.SocketStream.receive_some, trio.SocketStream.send_all = receive, send  # type: ignore[method-assign]

    def _note_read(self, socket: int, data: bytes) -> None:
        now_s = wall_s()
        self.brought.setdefault(socket, []).append(now_s)
        for found in _SIGNATURE.findall(data):
            self.named.setdefault(found.decode(), {}).setdefault(socket, now_s)

    def last_byte_s(self, signature: str, decoded_s: float) -> float:
        """When the last byte of the frame that named a signature first was read; it was decoded at `decoded_s`.

        A frame may take several reads. Of two sockets that brought it the earlier one counts.
        """
        return min(
            max(moment for moment in self.brought[socket] if first_s <= moment <= decoded_s)
            for socket, first_s in self.named[signature].items()
            if first_s <= decoded_s
        )

    def clear(self) -> None:
        """Forget everything."""
        self.brought.clear()
        self.named.clear()
        self.sends.clear()


class PortTap:
    """A port whose async methods note when they began and ended, under their names."""

    def __init__(self, inner: Any, note: Callable[[str, float, float], None]) -> None:
        self._inner = inner
        self._note = note

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if not iscoroutinefunction(method):
            return method

        async def call(*arguments: Any, **named: Any) -> Any:
            began_s = wall_s()
            try:
                return await method(*arguments, **named)
            finally:
                self._note(name, began_s, wall_s())

        return call
