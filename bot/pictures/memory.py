"""The in-memory twin of the drawing process: the drawing itself where the PNG would be, for virtual time and for tests."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import trio

from bot.errors import PictureUnavailable
from bot.pictures.drawing import packed, svg_of, unpacked
from bot.pictures.plain import PNG_MAGIC, Picture


@dataclass(slots=True)
class MemoryDrawings:
    """What stands around such processes: the pictures that were drawn, and what is to go wrong with the next ones.

    A trouble is `ends` or `hangs`. `alive` is how many processes there are.
    """

    shown: list[Picture] = field(default_factory=list)
    troubles: deque[str] = field(default_factory=deque)
    alive: int = 0

    def begin(self) -> MemoryDrawing:
        """A new process."""
        self.alive += 1
        return MemoryDrawing(self)


@dataclass(slots=True)
class MemoryDrawing:
    """Implements `bot.ports.DrawingProcess`."""

    world: MemoryDrawings
    is_alive: bool = True

    async def draw(self, picture: Picture) -> bytes:
        await trio.lowlevel.checkpoint()
        trouble = self.world.troubles.popleft() if self.world.troubles else ""
        if trouble == "hangs":
            await trio.sleep_forever()
        if trouble or not self.is_alive:
            raise PictureUnavailable("the drawing process ended: it was told to")
        told = unpacked(packed(picture))
        self.world.shown.append(told)
        return PNG_MAGIC + svg_of(told).encode()

    def kill(self) -> None:
        self.world.alive -= self.is_alive
        self.is_alive = False
