"""Asks services beside the chain what they say of tokens that somebody looks at. One that is away is no crash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
import trio

from actors.runtime import Context
from bot.errors import HearsayUnavailable
from bot.execution.hearsay_book import HearsayBook, Line

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HearsayKeeper:
    """Carries what is wanted in `books` to each teller, and back what it says."""

    books: tuple[HearsayBook[Any], ...]

    async def run(self, ctx: Context) -> None:
        """The actor."""
        ctx.ready()
        async with trio.open_nursery() as nursery:
            for book in self.books:
                for line in book.lines:
                    nursery.start_soon(self._ask, book, line)

    async def _ask(self, book: HearsayBook[Any], line: Line[Any]) -> None:
        while True:
            async with book.asking(line) as mints:
                try:
                    book.note(line, mints, await line.teller.ask(mints))
                except HearsayUnavailable as error:
                    if line.trouble is None:
                        log.info("hearsay_unavailable", reason=str(error))
                    book.failed(line, str(error), error.wait_s)
