"""The process that draws pictures, as the bot's child: `python -m bot.pictures.process`, asked over two pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import trio

import bot
from bot.errors import PictureUnavailable
from bot.pictures.drawing import ANSWER_MAX, DRAWN, LENGTH_BYTES, packed
from bot.pictures.plain import Picture

MODULE = "bot.pictures.process"
SAID_MAX = 2_000  # bytes of what it said before it ended


class DrawingChild:
    """Implements `bot.ports.DrawingProcess`. The child inherits neither files nor variables: a token may be among these."""

    def __init__(self) -> None:
        """Start it; raises PictureUnavailable where the machine has no process to spare."""
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"PYTHONPATH": str(Path(bot.__file__).parent.parent)},
                cwd="/",
                start_new_session=True,  # a Ctrl-C is for the bot
            )
        except OSError as error:
            raise PictureUnavailable(f"the drawing process does not start: {error.strerror}") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests = trio.lowlevel.FdStream(os.dup(self._process.stdin.fileno()))
        self._answers = trio.lowlevel.FdStream(os.dup(self._process.stdout.fileno()))

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    async def draw(self, picture: Picture) -> bytes:
        request = packed(picture)
        try:
            await self._requests.send_all(len(request).to_bytes(LENGTH_BYTES, "big") + request)
            head = await self._received(1 + LENGTH_BYTES)
            length = int.from_bytes(head[1:], "big")
            if length > ANSWER_MAX:
                raise PictureUnavailable(f"the drawing process answers with {length} bytes")
            content = await self._received(length)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise PictureUnavailable(self._ended()) from None
        if head[:1] != DRAWN:
            raise PictureUnavailable(f"the picture was refused: {content.decode(errors='replace')}")
        return content

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._requests, self._answers):
            stream.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    async def _received(self, length: int) -> bytes:
        """So many bytes of the answer; raises PictureUnavailable where it ends before."""
        content = b""
        while len(content) < length:
            part = await self._answers.receive_some(length - len(content))
            if not part:
                raise PictureUnavailable(self._ended())
            content += part
        return content

    def _ended(self) -> str:
        """What it said before it ended: a pipe holds more than its last words, and nobody reads it before."""
        assert self._process.stderr is not None
        if self._process.stderr.closed:
            return "the drawing process was ended"
        os.set_blocking(self._process.stderr.fileno(), False)
        said = self._process.stderr.read(64_000) or b""
        lines = said[-SAID_MAX:].decode(errors="replace").strip().splitlines() or ["it said nothing"]
        return f"the drawing process ended: {lines[-1]}"
