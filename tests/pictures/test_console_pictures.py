"""A console's pictures are files: their place is told to the chat, the latest are kept, and a closed chat is no error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from bot.console_pictures import KEPT, PictureShelf, shelf_of
from bot.errors import BotError
from bot.pictures.plain import PNG_MAGIC, Picture
from bot.ports import Recipe
from tests.pictures.picture_samples import profit_picture


class PromptPictures:
    """Implements `bot.ports.Pictures`: what it is told to say is delivered by the test."""

    def __init__(self) -> None:
        self.deliver: list[Callable[[bytes | str], Awaitable[None]]] = []
        self.is_busy = False

    def show(self, recipe: Recipe, deliver: Callable[[bytes | str], Awaitable[None]]) -> bool:
        self.deliver.append(deliver)
        return not self.is_busy


async def recipe() -> Picture:
    await trio.lowlevel.checkpoint()
    return profit_picture()


async def test_a_picture_is_kept_and_its_place_told(tmp_path: Path) -> None:
    pictures, told = PromptPictures(), []
    shelf = shelf_of(pictures, tmp_path)
    assert shelf is not None
    assert shelf_of(None, tmp_path) is None
    for number in range(KEPT + 3):
        shelf.show(recipe, told.append)
        await pictures.deliver[-1](PNG_MAGIC + bytes([number]))
    assert told[-1] == f"The picture of it: {tmp_path / 'pictures' / f'{KEPT + 3}.png'}"
    kept = sorted(int(path.stem) for path in (tmp_path / "pictures").iterdir())
    assert kept == list(range(4, KEPT + 4))
    assert (tmp_path / "pictures" / "4.png").read_bytes() == PNG_MAGIC + bytes([3])


async def test_what_is_not_drawn_or_not_saved_is_told_and_a_closed_chat_is_no_error(tmp_path: Path) -> None:
    pictures, told = PromptPictures(), []
    (tmp_path / "file").write_text("no folder")
    shelf = PictureShelf(pictures, tmp_path / "file" / "pictures")
    shelf.show(recipe, told.append)
    await pictures.deliver[0]("drawing took too long")
    await pictures.deliver[0](PNG_MAGIC)
    pictures.is_busy = True
    shelf.show(recipe, told.append)
    assert told == [
        "No picture of it this time: drawing took too long.",
        "No picture of it this time: it cannot be saved, Not a directory.",
        "No picture of it this time: too many pictures are asked for now.",
    ]

    def closed(_: str) -> None:
        raise BotError("the console does not read its messages")

    shelf.show(recipe, closed)
    await pictures.deliver[-1]("drawing took too long")
