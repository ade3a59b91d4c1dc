"""What both stores say of a snipe run that is written with its intent."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from bot.ports import SnipeRun
from bot.storage.rules import RUN_STATUS_OF, run_of, storable
from bot.trading.intent import Intent
from bot.trading.risk_gate import Refused
from bot.trading.signal import Component

SEEN = "seen"  # the code of a refusal


def seen_before() -> Refused:
    """The refusal of a snipe whose user has looked at the token before, in the same epoch."""
    return Refused(SEEN, "this token was looked at before")


def run_with(intent: Intent, run: SnipeRun) -> SnipeRun:
    """A snipe run as it is written with its intent. Raises ValueError for the run of another request."""
    if run.id != run_of(intent.request):
        raise ValueError(f"run {run.id} is not that of intent {intent.id}")
    return as_kept(replace(run, status=RUN_STATUS_OF[intent.state]))


def as_kept(run: SnipeRun) -> SnipeRun:
    """A run as every store keeps it: texts that PostgreSQL can hold, and no evidence for a look that ended at once."""
    is_over = run.status == "SKIPPED"
    parts = (
        replace(part, name=storable(part.name), evidence="" if is_over else storable(part.evidence))
        for part in run.components
    )
    return replace(run, reason=storable(run.reason), version=storable(run.version), components=tuple(parts))


def encode_components(components: Iterable[Component]) -> str:
    """Name, measure and evidence of each, as ASCII JSON."""
    return json.dumps([(part.name, part.bps, part.evidence) for part in components])


def decode_components(text: str) -> tuple[Component, ...]:
    """What `encode_components` wrote."""
    return tuple(Component(name, bps, evidence) for name, bps, evidence in json.loads(text))
