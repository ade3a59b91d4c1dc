"""Pictures for a console, which shows none: they are kept as files, and the chat is told where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
import trio

from bot.errors import BotError
from bot.execution.chat_pictures import BUSY, no_picture
from bot.ports import Pictures, Recipe

log = structlog.get_logger()

FOLDER = "pictures"
KEPT = 20  # files; the oldest make room


@dataclass(slots=True)
class PictureShelf:
    """Keeps the latest pictures that consoles asked for in `directory`, which whoever may read the bot's data can read."""

    pictures: Pictures
    directory: Path

    def show(self, recipe: Recipe, push: Callable[[str], None]) -> None:
        """Have a picture made and kept, and its place told to an open chat; returns long before that."""
        if not self.pictures.show(recipe, partial(self._deliver, push)):
            _tell(push, no_picture(BUSY))

    async def _deliver(self, push: Callable[[str], None], outcome: bytes | str) -> None:
        if isinstance(outcome, str):
            _tell(push, no_picture(outcome))
            return
        try:
            kept = await trio.to_thread.run_sync(self._keep, outcome)
        except OSError as error:
            log.warning("picture_not_kept", reason=str(error))
            _tell(push, no_picture(f"it cannot be saved, {error.strerror}"))
        else:
            _tell(push, f"The picture of it: {kept}")

    def _keep(self, content: bytes) -> Path:
        self.directory.mkdir(mode=0o700, exist_ok=True)
        numbers = sorted(int(path.stem) for path in self.directory.glob("*.png") if path.stem.isdecimal())
        path = self.directory / f"{numbers[-1] + 1 if numbers else 1}.png"
        path.write_bytes(content)
        for number in numbers[: max(0, len(numbers) + 1 - KEPT)]:
            (self.directory / f"{number}.png").unlink(missing_ok=True)
        return path


def _tell(push: Callable[[str], None], text: str) -> None:
    """A chat may have been closed meanwhile."""
    try:
        push(text)
    except BotError as error:
        log.info("picture_not_told", reason=str(error))


def shelf_of(pictures: Pictures | None, directory: Path) -> PictureShelf | None:
    """The shelf of a data directory; None where nobody draws."""
    return None if pictures is None else PictureShelf(pictures, directory / FOLDER)
