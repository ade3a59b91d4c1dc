"""What the end of a supervisor's patience means for trading: the names of supervision.toml, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Report
from bot.clock import Clock
from bot.execution.alerts import Alert, quarantined, used_up
from bot.execution.trouble_alerts import crashed
from bot.trading.trading_state import Halt

log = structlog.get_logger()

DEGRADED = "degraded"
CRITICAL = "critical"
EXIT = "exit"

# The names that `on_exhausted` may have, and what each means once that supervisor has used up its restarts.
OUTCOMES = {
    DEGRADED: "level 2: it comes back after its backoff, and operators are told",
    CRITICAL: "level 3: the halt is latched and every position is sold",
    EXIT: "level 3: the halt is latched and the process ends, so that the next one comes up halted",
}


# Ends of an actor that nobody ordered and nobody had thought of.
UNFORESEEN = frozenset({"failed", "init_failed", "failed_while_stopping", "hung", "unkillable", "fatal"})


@dataclass(slots=True)
class FailurePolicy:
    """Acts on the reports of the tree, and logs each.

    `critical` latches the halt. `exit` latches it too and asks for the end of the process, so that the next boot comes up
    halted. Every other name is a subtree that comes back by itself, of which operators are told, as they are of every
    crash.
    """

    latch: Callable[[Halt], bool]
    alert: Callable[[Alert], None]
    clock: Clock
    ends: trio.Event = field(default_factory=trio.Event)
    path: str = ""

    def report(self, report: Report) -> None:
        """Carry out what one report of supervision means; most mean nothing beyond their line in the log."""
        log_report(report)
        if report.kind == "quarantined":
            self.alert(quarantined(report.path, str(report.reason)))
        elif report.kind == "exhausted" and report.on_exhausted in {CRITICAL, EXIT}:
            why = f"{report.path} used up its restarts"
            self.latch(Halt("supervision", self.clock.now_ms(), report.path, why))
            if report.on_exhausted == EXIT and not self.path:
                self.path = report.path
                self.ends.set()
        elif report.kind == "exhausted":
            self.alert(used_up(report.path, str(report.reason)))
        elif report.kind in UNFORESEEN:
            errors = ", ".join(sorted({type(leaf).__name__ for leaf in report.leaves}))
            self.alert(crashed(report.path, report.kind, errors, report.budget_left))


def log_report(report: Report) -> None:
    """A report of supervision as a structured event."""
    log.warning(
        "supervision",
        path=report.path,
        kind=report.kind,
        incarnation=report.incarnation,
        reason=str(report.reason),
        leaves=[repr(leaf) for leaf in report.leaves],
        on_exhausted=report.on_exhausted,
        budget_left=report.budget_left,
        stack=report.stack,
    )
