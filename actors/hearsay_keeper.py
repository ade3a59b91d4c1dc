"""Asks aggregators what they say of tokens that somebody looks at. One that is away is no crash: it says nothing then."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
import trio

from actors.runtime import Context
from bot.errors import HearsayUnavailable
from bot.execution.hearsay_book import HearsayBook, Line

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HearsayKeeper:
    """Carries what is wanted in `book` to each teller, and back what it says."""

    book: HearsayBook

    async def run(self, ctx: Context) -> None:
        """The actor."""
        ctx.ready()
        async with trio.open_nursery() as nursery:
            for line in self.book.lines:
                nursery.start_soon(self._ask, line)

    async def _ask(self, line: Line) -> None:
        while True:
            async with self.book.asking(line) as mints:
                try:
                    self.book.note(line, mints, await line.teller.ask(mints))
                except HearsayUnavailable as error:
                    if line.trouble is None:
                        log.info("hearsay_unavailable", reason=str(error))
                    self.book.failed(line, str(error), error.wait_s)
