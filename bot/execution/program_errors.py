"""The outcomes of orders by program, so that a program that suddenly refuses everything is noticed. In memory alone."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from bot.clock import Clock
from bot.trading.drift import LATEST, Outcome, burst
from bot.trading.failures import ANCHOR_FROM

log = structlog.get_logger()

MINTS_MAX = 20_000


def _nobody(program: str, why: str) -> None:
    log.warning("program_errors", program=program, reason=why)


@dataclass(slots=True)
class ProgramErrors:
    """`on_burst` is called with a program and the reason when its errors come in a burst; counting then begins anew."""

    clock: Clock
    on_burst: Callable[[str, str], None] = _nobody
    _outcomes: dict[str, deque[Outcome]] = field(default_factory=dict)
    _programs: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def traded(self, mint: str, program: str) -> None:
        """An order of this mint is made for this program; what lands later is counted there."""
        self._programs[mint] = program
        self._programs.move_to_end(mint)
        while len(self._programs) > MINTS_MAX:
            self._programs.popitem(last=False)

    def ended(self, mint: str, code: int | None, failed_program: str | None = None) -> None:
        """An order's transaction succeeded (None) or failed with a program's own code, simulated or on the chain.

        `failed_program` says whose code it is, where the log says that: what another program answers which the trade calls
        on its way, a token program for instance, is up to the coin. Where nobody says it, small codes are taken for such.
        """
        program = self._programs.get(mint)
        if program is None:
            return
        now_ms = self.clock.now_ms()
        if code is not None and not _is_of(program, code, failed_program):
            return
        outcomes = self._outcomes.setdefault(program, deque(maxlen=LATEST))
        outcomes.append(Outcome(now_ms, mint, code))
        if (why := burst(outcomes, now_ms)) is not None:
            outcomes.clear()
            self.on_burst(program, why)


def _is_of(program: str, code: int, failed_program: str | None) -> bool:
    return code >= ANCHOR_FROM if failed_program is None else failed_program == program
