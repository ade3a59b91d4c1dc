"""The control socket: faults and status, one JSON object per line in each direction, over a unix socket.

Requests: `{"do": "status"}`, `{"do": "clear", "endpoint": …}`, `{"do": "fork", "slots": …, "lost_percent": …}`,
`{"do": "fault", "name": …, "for_s": …, "delay_ms": …, "endpoint": …}`; an endpoint is `all` where it is left out.
Answers: `{"ok": true, …}` or `{"ok": false, "error": one line}`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec
import trio

from bot.localnet.endpoints import ALL, Faults
from bot.localnet.errors import LocalnetError
from bot.localnet.faults import DEFAULT_LOST_PERCENT, FaultError
from bot.localnet.forks import Fork

SOCKET_NAME = "localnet.sock"
MAX_PATH_BYTES = 100
MAX_LINE_BYTES = 65_536


class ControlError(LocalnetError):
    """The control socket cannot be opened; the text is one line."""


class FaultRequest(msgspec.Struct, tag_field="do", tag="fault", forbid_unknown_fields=True):
    """Switch a fault on."""

    name: str
    for_s: float
    delay_ms: int = 0
    endpoint: str = ALL


class ClearRequest(msgspec.Struct, tag_field="do", tag="clear", forbid_unknown_fields=True):
    """Switch every fault off."""

    endpoint: str = ALL


class StatusRequest(msgspec.Struct, tag_field="do", tag="status", forbid_unknown_fields=True):
    """Ask how the chain is."""


class ForkRequest(msgspec.Struct, tag_field="do", tag="fork", forbid_unknown_fields=True):
    """Take back the newest slots."""

    slots: int
    lost_percent: int = DEFAULT_LOST_PERCENT


Request = FaultRequest | ClearRequest | ForkRequest | StatusRequest


class MakeFork(Protocol):
    """Takes back so many slots; raises FaultError."""

    def __call__(self, slots: int, *, lost_percent: int) -> Fork: ...


def socket_path(directory: Path) -> Path:
    """Where the control socket of a data directory lies; raises ControlError when the path is too long for a socket."""
    path = directory / SOCKET_NAME
    if len(str(path).encode()) >= MAX_PATH_BYTES:
        raise ControlError(f"{path} is too long for a unix socket; choose a data directory with a shorter path")
    return path


class ControlDoor:
    """Answers control requests. `status` gives the object that `status` shows."""

    def __init__(self, faults: Faults, fork: MakeFork, status: Callable[[], dict[str, Any]]) -> None:
        self._faults = faults
        self._fork = fork
        self._status = status
        self._decode = msgspec.json.Decoder(Request).decode

    async def open(self, path: Path) -> trio.SocketListener:
        """Listen on `path`; the caller holds the data directory, so a socket that lies there is left over."""
        await trio.Path(path).unlink(missing_ok=True)
        listening = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        await listening.bind(str(path))
        await trio.Path(path).chmod(0o600)
        listening.listen(16)
        return trio.SocketListener(listening)

    async def serve(self, stream: trio.SocketStream) -> None:
        """Answer the requests of one client."""
        received = b""
        async with stream:
            try:
                while b"\n" not in received:
                    chunk = await stream.receive_some(4096)
                    if not chunk or len(received) > MAX_LINE_BYTES:
                        return
                    received += chunk
                line, _, received = received.partition(b"\n")
                await stream.send_all(msgspec.json.encode(self.answer(line)) + b"\n")
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    def answer(self, line: bytes) -> dict[str, Any]:
        """The answer to one request line."""
        try:
            request = self._decode(line)
            if isinstance(request, FaultRequest):
                self._faults.set(
                    request.name, for_s=request.for_s, delay_ms=request.delay_ms, endpoint=request.endpoint
                )
                return {"ok": True, "faults": self._faults.active()}
            if isinstance(request, ForkRequest):
                fork = self._fork(request.slots, lost_percent=request.lost_percent)
                return {"ok": True, "fork": fork.told(lambda _: False)}
            if isinstance(request, ClearRequest):
                return {"ok": True, "cleared": self._faults.clear(request.endpoint)}
            return {"ok": True, "status": self._status()}
        except (msgspec.DecodeError, FaultError) as error:
            return {"ok": False, "error": str(error)}
