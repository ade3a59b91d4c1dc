"""What both stores say of a snipe run that is written with its intent."""

from __future__ import annotations

from dataclasses import replace

from bot.ports import SnipeRun
from bot.storage.rules import RUN_STATUS_OF, run_of, storable
from bot.trading.intent import Intent
from bot.trading.risk_gate import Refused

SEEN = "seen"  # the code of a refusal


def seen_before() -> Refused:
    """The refusal of a snipe whose user has looked at the token before, in the same epoch."""
    return Refused(SEEN, "this token was looked at before")


def run_with(intent: Intent, run: SnipeRun) -> SnipeRun:
    """A snipe run as it is written with its intent. Raises ValueError for the run of another request."""
    if run.id != run_of(intent.request):
        raise ValueError(f"run {run.id} is not that of intent {intent.id}")
    return replace(run, status=RUN_STATUS_OF[intent.state], reason=storable(run.reason))
