"""What an operator must hear of the live ramp: its next step is refused, and that it may be taken after all."""

from __future__ import annotations

from collections.abc import Sequence

from bot.execution.alerts import Alert
from bot.trading.runbooks import DRILLS


def step_refused(due_bps: int, lacking: Sequence[str]) -> Alert:
    """A step is due, to this share of the ceilings in basis points, and drills are missing: a sentence of `lacking` each."""
    text = (
        f"The step to {due_bps // 100} % of the ceilings is refused: {'; '.join(lacking)}. Nothing is paused; the bot trades on"
        " with its old share, and the next start after the drills takes the step. This is said once a week."
    )
    return Alert("ramp_step", text, DRILLS)


def step_may_be_taken(due_bps: int) -> Alert:
    """The drills were passed meanwhile."""
    text = f"The drills are passed: the next start, or change of settings, takes the step to {due_bps // 100} % of the ceilings."
    return Alert("ramp_step", text, DRILLS, is_news=True)
