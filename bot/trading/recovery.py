"""What to do with a sent transaction, decided from evidence alone; the same rules after a crash as in a quiet hour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# Decisions, money path 3: with one endpoint its "I do not know it" counts twice only when asked this far apart.
ABSENCE_SPACING_SLOTS = 32


@dataclass(frozen=True, slots=True)
class Absence:
    """One endpoint searched its history for the signature and did not know it.

    `finalized_height` is that endpoint's own finalized block height, read before it was asked.
    """

    endpoint: str
    slot: int
    finalized_height: int


@dataclass(frozen=True, slots=True)
class SignatureStatus:
    """What an endpoint knows of a signature. `settled` is true from commitment `confirmed` on."""

    slot: int
    error: str | None
    settled: bool
    finalized: bool


class Step(StrEnum):
    WAIT = "wait"  # seen, not yet confirmed
    SETTLE = "settle"  # landed and succeeded
    FAIL = "fail"  # landed with an error
    SEND_AGAIN = "send_again"  # may still land: the same bytes once more
    ASK_HISTORY = "ask_history"  # too old to land, not yet proven absent: its state is unknown
    EXPIRE = "expire"  # proven never to have landed


def next_step(
    last_valid_block_height: int,
    status: SignatureStatus | None,
    finalized_height: int | None,
    absences: tuple[Absence, ...],
    *,
    endpoints: int,
) -> Step:
    """The next step for one attempt. `finalized_height` None means that no endpoint told: nothing may be concluded.

    `endpoints` is how many are configured: with two or more, two different ones must have searched in vain.
    """
    if status is not None:
        if not status.settled:
            return Step.WAIT
        return Step.SETTLE if status.error is None else Step.FAIL
    if finalized_height is None or finalized_height <= last_valid_block_height:
        return Step.SEND_AGAIN
    return Step.EXPIRE if _proven_absent(last_valid_block_height, absences, endpoints) else Step.ASK_HISTORY


def _proven_absent(last_valid_block_height: int, absences: tuple[Absence, ...], endpoints: int) -> bool:
    """Two endpoints, or the only one twice far enough apart, each past the last valid height when it was asked."""
    good = [seen for seen in absences if seen.finalized_height > last_valid_block_height]
    if len({seen.endpoint for seen in good}) >= 2:
        return True
    slots = [seen.slot for seen in good]
    return endpoints == 1 and len(slots) >= 2 and max(slots) - min(slots) >= ABSENCE_SPACING_SLOTS
