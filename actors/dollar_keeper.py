"""Asks what a SOL costs in dollars, again and again. A source that is away is no crash: the price is not known then."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
import trio

from actors.runtime import Context
from bot.errors import Unavailable
from bot.execution.dollar_book import DollarBook
from bot.ports import SolPrice

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class UsdRules:
    """How often the source is asked, and how long a price stands for."""

    every_s: float = 15.0
    max_age_ms: int = 120_000


@dataclass(frozen=True, slots=True)
class DollarKeeper:
    """Keeps `book` as fresh as `source` allows."""

    source: SolPrice
    book: DollarBook
    every_s: float

    async def run(self, ctx: Context) -> None:
        """The actor."""
        ctx.ready()
        while True:
            try:
                self.book.note(await self.source.micro_usd())
            except Unavailable as error:
                if self.book.trouble is None:
                    log.info("dollars_unavailable", reason=str(error))
                self.book.trouble = str(error)
            await trio.sleep(self.every_s)
