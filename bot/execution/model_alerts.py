"""What operators hear of the model of entries."""

from __future__ import annotations

from collections.abc import Sequence

from bot.analysis.drift import Moved
from bot.execution.alerts import Alert, Turn
from bot.trading.runbooks import MODEL

NAMED = 4  # columns that have moved most


def model_refused(why: str) -> Alert:
    """The chosen model may not be used."""
    return Alert(
        "model", f"The model of entries is not used: {why}. The rules judge in its place; exits need no model.", MODEL
    )


def model_drifted(moved: Sequence[Moved]) -> Alert:
    """What the model is asked about is no longer what it was trained on."""
    named = ", ".join(f"{one.column} {one.index:.2f}" for one in moved[:NAMED])
    text = f"Launches no longer look like those that the model was trained on ({named}): its numbers are worth less. It goes on."
    return Alert("model drift", text, MODEL, Turn.BEGINS)


def model_like_before() -> Alert:
    """They look alike again."""
    return Alert("model drift", "Launches look again like those that the model was trained on.", MODEL, Turn.ENDS)
