"""The operator's door: newline JSON over a unix socket in the data directory.

The client side uses the standard library alone, so that a verb that only asks answers quickly. The server side runs in
the bot. Only the owner of the bot's process and root may connect; which of them asked is added to each request as `by`.
"""

from __future__ import annotations

import json
import os
import pwd
import select
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import BotError

if TYPE_CHECKING:
    import trio

Answer = dict[str, Any]
Ask = Callable[[Answer], Awaitable[Answer]]
Open = Callable[[Answer, Callable[[str], None]], Awaitable[Callable[[str], Awaitable[str]]]]

LOOK_FOR_SOCKET_S = 1.0
OPERATOR = "operator"  # what the name of whoever asks begins with
MAX_LINE = 65_536  # bytes of one request or answer line
ANSWER_TIMEOUT_S = 10.0


class NotRunning(BotError):
    """No bot listens on the control socket."""


class Refused(BotError):
    """The bot answered that it will not, or cannot, do this."""


# ------------------------------------------------------------------------------------------------------------ client


def _connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(ANSWER_TIMEOUT_S)
    try:
        connection.connect(str(path))
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        connection.close()
        raise NotRunning(f"no bot is running on {path.parent}; start it with `bot run`, or give --data-dir") from None
    except PermissionError:
        connection.close()
        raise Refused(f"{path} belongs to another user; run this as the user of the bot") from None
    return connection


def _lines(connection: socket.socket) -> Iterator[Answer]:
    with connection.makefile("rb") as stream:
        for line in stream:
            yield json.loads(line)


def ask(path: Path, request: Answer, within_s: float = ANSWER_TIMEOUT_S) -> Answer:
    """One question, one answer. Raises NotRunning or Refused."""
    with _connect(path) as connection:
        connection.settimeout(within_s)
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = next(_lines(connection), None)
        except TimeoutError:
            raise Refused(f"the bot did not answer within {within_s:.0f} s; look at its log") from None
        except (BrokenPipeError, ConnectionResetError):
            answer = None
    if answer is None:
        raise NotRunning("the bot closed the connection; it is stopping")
    if "error" in answer:
        raise Refused(str(answer["error"]))
    return answer


def chat(path: Path, speaker: str | None) -> int:
    """Talk to the bot as `speaker`: interactive on a terminal; on a pipe one command per line in, replies out."""
    interactive = sys.stdin.isatty()
    with _connect(path) as connection:
        answers = _lines(connection)
        try:
            connection.sendall(json.dumps({"verb": "chat", "as": speaker}).encode() + b"\n")
            hello = next(answers, None)
        except (BrokenPipeError, ConnectionResetError):
            hello = None
        if hello is None or "error" in hello:
            raise Refused("the bot is stopping" if hello is None else str(hello["error"]))
        connection.settimeout(None)
        if interactive:
            print(hello["hello"])
            _talk(connection)
            return 0
        for line in sys.stdin:
            if line.strip():
                _say(connection, line.strip())
                _print_until_reply(answers)
    return 0


def _say(connection: socket.socket, text: str) -> None:
    line = json.dumps({"text": text}).encode() + b"\n"
    if len(line) > MAX_LINE:
        raise Refused(f"that line is longer than {MAX_LINE} bytes; nothing was sent")
    try:
        connection.sendall(line)
    except (BrokenPipeError, ConnectionResetError):
        raise NotRunning("the bot closed the connection; it is stopping") from None


def _print_until_reply(answers: Iterator[Answer]) -> None:
    for answer in answers:
        print(answer.get("reply") or answer.get("push"), flush=True)
        if "reply" in answer:
            return
    raise NotRunning("the bot closed the connection; it is stopping")


def _talk(connection: socket.socket) -> None:
    """Terminal mode: replies and messages appear as they come."""
    buffered = b""
    print("> ", end="", flush=True)
    while True:
        ready, _, _ = select.select([sys.stdin, connection], [], [])
        if connection in ready:
            data = connection.recv(MAX_LINE)
            if not data:
                print("\nthe bot has stopped")
                return
            *lines, buffered = (buffered + data).split(b"\n")
            for line in lines:
                answer = json.loads(line)
                print(f"\r{answer.get('reply') or answer.get('push')}\n> ", end="", flush=True)
        if sys.stdin in ready:
            text = sys.stdin.readline()
            if not text or text.strip() in {"exit", "quit"}:
                return
            if text.strip():
                _say(connection, text.strip())
            else:
                print("> ", end="", flush=True)


# ------------------------------------------------------------------------------------------------------------ server


class ControlServer:
    """Serves the socket. `answer` handles every verb but `chat`; `open_chat` opens a conversation and gives its replier."""

    def __init__(self, path: Path, answer: Ask, open_chat: Open) -> None:
        self._path, self._answer, self._open_chat = path, answer, open_chat

    async def serve(self, ready: Callable[[], None]) -> None:
        """Listen until cancelled; calls `ready` once the socket is there. The data directory's lock makes it ours."""
        import trio

        self._path.unlink(missing_ok=True)
        listener = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        await listener.bind(str(self._path))
        self._path.chmod(0o600)
        listener.listen(64)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.serve_listeners, self._connection, [trio.SocketListener(listener)])
                ready()
                while self._path.is_socket():  # noqa: ASYNC110 - a file has no event
                    await trio.sleep(LOOK_FOR_SOCKET_S)
                raise BotError(f"{self._path} was removed; it is made anew")
        finally:
            self._path.unlink(missing_ok=True)

    async def _connection(self, stream: trio.SocketStream) -> None:
        import trio

        uid = _uid_of(stream)
        if uid not in {0, os.getuid()}:
            return
        lines = _line_reader(stream)
        try:
            first = await anext(lines, None)
            if first is None:
                return
            if first.get("verb") == "chat":
                await self._conversation(stream, first, lines)
            else:
                await _send(stream, await self._answer({**first, "by": f"{OPERATOR} {_name_of(uid)}"}))
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # whoever asked has left
        except* ValueError as group:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await _send(stream, {"error": f"not a request: {group.exceptions[0]}"})
        finally:
            await lines.aclose()

    async def _conversation(self, stream: trio.SocketStream, first: Answer, lines: Any) -> None:
        import trio

        outgoing, pushes = trio.open_memory_channel[Answer](256)

        def push(text: str) -> None:
            try:
                outgoing.send_nowait({"push": text})
            except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise BotError("the console does not read its messages") from error

        try:
            reply = await self._open_chat(first, push)
        except BotError as error:
            await _send(stream, {"error": str(error)})
            return
        async with trio.open_nursery() as nursery, outgoing, pushes:
            nursery.start_soon(_forward, pushes, stream)
            await outgoing.send({"hello": "You are talking to the bot; /help lists what it knows, exit leaves."})
            async for line in lines:
                await outgoing.send({"reply": await reply(str(line.get("text", "")))})
            nursery.cancel_scope.cancel()


async def _forward(pushes: Any, stream: trio.SocketStream) -> None:
    async for answer in pushes:
        await _send(stream, answer)


async def _send(stream: trio.SocketStream, answer: Answer) -> None:
    await stream.send_all(json.dumps(answer).encode() + b"\n")


async def _line_reader(stream: trio.SocketStream) -> Any:
    buffered = b""
    while True:
        data = await stream.receive_some(MAX_LINE)
        if not data:
            return
        *lines, buffered = (buffered + data).split(b"\n")
        if len(buffered) > MAX_LINE:
            raise ValueError(f"a line is longer than {MAX_LINE} bytes")
        for line in lines:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("a request is a JSON object")  # noqa: TRY004 - one error type for every bad line
            yield request


def _uid_of(stream: trio.SocketStream) -> int:
    """SO_PEERCRED: pid, uid, gid of whoever connected (unix(7))."""
    packed = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", packed)
    return int(uid)


def _name_of(uid: int) -> str:
    """The unix user; one that the machine has no name for goes by his number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
