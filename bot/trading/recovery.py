"""What to do with a sent transaction, decided from evidence alone; the same rules after a crash as in a quiet hour."""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one endpoint's history says of a landed signature; None for nothing.

    `finalized_slot` is that endpoint's own newest finalized slot, read before it was asked.
    """

    endpoint: str
    slot: int
    finalized_slot: int
    status: SignatureStatus | None


class Landing(StrEnum):
    """What became of a landing."""

    OPEN = "open"  # not finalized, or not enough is known
    FINAL = "final"  # finalized where the books have it
    GONE = "gone"  # proven to have been taken back: the signature is not known any more, or landed in another slot
    FORGOTTEN = "forgotten"  # so old that no endpoint remembers it either way


# Endpoints without an archive forget; what is older than about a day is not proven absent by their silence.
REMEMBERED_SLOTS = 200_000


def landing_of(landed_slot: int, sightings: Sequence[Sighting], *, endpoints: int) -> Landing:
    """What became of a landing in a slot, from looks at every endpoint's history, the older ones of them included.

    The proof is that of an absence: two endpoints, or the only one twice far enough apart, which have finalized that
    slot and do not have it there. One that has it there outweighs them: the books wait. `endpoints` is how many are
    configured.
    """
    there = [one for one in sightings if one.status is not None and one.status.slot == landed_slot]
    if any(one.status is not None and one.status.finalized for one in there):
        return Landing.FINAL
    against = [one for one in sightings if one not in there and one.finalized_slot >= landed_slot]
    if there or not _agreed([(one.endpoint, one.slot) for one in against], endpoints):
        return Landing.OPEN
    oldest = min(one.finalized_slot for one in against) - REMEMBERED_SLOTS
    if landed_slot < oldest and all(one.status is None for one in against):
        return Landing.FORGOTTEN
    return Landing.GONE


class Step(StrEnum):
    WAIT = "wait"  # seen, not yet confirmed
    SETTLE = "settle"  # landed and succeeded
    FAIL = "fail"  # landed with an error
    SEND_AGAIN = "send_again"  # may still land: the same bytes once more
    ASK_HISTORY = "ask_history"  # too old to land, not yet proven absent: its state is unknown
    EXPIRE = "expire"  # proven never to have landed


def has_succeeded(status: SignatureStatus | None) -> bool:
    """Whether a transaction landed without an error, in a block that the cluster has voted for."""
    return status is not None and status.settled and status.error is None


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
    if has_succeeded(status):
        return Step.SETTLE
    if status is not None:
        return Step.FAIL if status.settled else Step.WAIT
    if finalized_height is None or finalized_height <= last_valid_block_height:
        return Step.SEND_AGAIN
    return Step.EXPIRE if _proven_absent(last_valid_block_height, absences, endpoints) else Step.ASK_HISTORY


def _proven_absent(last_valid_block_height: int, absences: tuple[Absence, ...], endpoints: int) -> bool:
    """Two endpoints, or the only one twice far enough apart, each past the last valid height when it was asked."""
    good = [seen for seen in absences if seen.finalized_height > last_valid_block_height]
    return _agreed([(seen.endpoint, seen.slot) for seen in good], endpoints)


def _agreed(looks: Sequence[tuple[str, int]], endpoints: int) -> bool:
    """Whether looks, each by endpoint and slot, are those of two endpoints, or of the only one far enough apart."""
    if len({endpoint for endpoint, _ in looks}) >= 2:
        return True
    slots = [slot for _, slot in looks]
    return endpoints == 1 and len(slots) >= 2 and max(slots) - min(slots) >= ABSENCE_SPACING_SLOTS
