"""Pictures beside answers: who draws them, and how somebody asks for one without waiting for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from bot.pictures.plain import Picture

# Reads what a picture shows; runs after its command was answered. Raises Unavailable, and LookupError for nothing to show.
Recipe = Callable[[], Awaitable[Picture]]


class DrawingProcess(Protocol):
    """A process that draws, one picture at a time. It has its own memory, and nothing of ours but the picture."""

    async def draw(self, picture: Picture) -> bytes:
        """The PNG. Raises PictureUnavailable; after that, or when this is cancelled, the process is of no more use."""

    def kill(self) -> None:
        """End it at once; nothing of it is left when this returns."""


class Pictures(Protocol):
    """Who draws pictures."""

    def show(self, recipe: Recipe, deliver: Callable[[bytes | str], Awaitable[None]]) -> bool:
        """Have a picture made, and its PNG handed to `deliver`, or in a few words why there is none.

        Returns at once; False when too many are asked for already, and then nothing is delivered.
        """
