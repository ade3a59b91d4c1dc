"""A halt beside the database: kept where it survives while that is away, and found there by a later start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import structlog

from bot.trading.trading_state import Halt

log = structlog.get_logger()


class HaltKeeper(Protocol):
    """Where a halt is kept beside the database."""

    def keep(self, halt: Halt | None) -> None:
        """Write the halt, or take it away where there is none; raises OSError."""

    def kept(self) -> Halt | None:
        """The halt that is kept, None where there is none; raises StartupError where that cannot be read."""


@dataclass(slots=True)
class HaltOnDisk:
    """`found` is the halt that lay there at the start, `is_kept` whether the disk took the latest one.

    A disk that does not take a halt never keeps it from holding.
    """

    keeper: HaltKeeper
    found: Halt | None = None
    is_kept: bool = True

    def look(self) -> None:
        """Read what an earlier process left there."""
        self.found = self.keeper.kept()

    def keep(self, halt: Halt) -> None:
        try:
            self.keeper.keep(halt)
        except OSError as error:
            if self.is_kept:
                log.critical("halt_not_kept_beside_the_database", reason=str(error))
            self.is_kept = False
        else:
            self.is_kept = True

    def remove(self) -> None:
        """The halt is over. The database knows that of one that cannot be removed."""
        self.found = None
        try:
            self.keeper.keep(None)
        except OSError as error:
            log.error("ended_halt_not_removed", reason=str(error))
