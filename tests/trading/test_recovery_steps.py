"""What is done with a sent transaction: the whole table, and that nothing is concluded without proof."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.recovery import ABSENCE_SPACING_SLOTS, Absence, SignatureStatus, Step, next_step

LAST_VALID = 1_000
SEEN = SignatureStatus(slot=900, error=None, settled=False, finalized=False)
LANDED = SignatureStatus(slot=900, error=None, settled=True, finalized=False)
FINAL = SignatureStatus(slot=900, error=None, settled=True, finalized=True)
SEEN_ERROR = SignatureStatus(slot=900, error="Custom(6002)", settled=False, finalized=False)
ERROR = SignatureStatus(slot=900, error="Custom(6002)", settled=True, finalized=False)


def absent(endpoint: str = "a", slot: int = 2_000, height: int = LAST_VALID + 1) -> Absence:
    return Absence(endpoint, slot, height)


NO_PROOF: dict[str, tuple[Absence, ...]] = {
    "nobody was asked": (),
    "one endpoint once": (absent(),),
    "one endpoint twice at once": (absent(), absent()),
    "one endpoint twice too soon": (absent(), absent(slot=2_000 + ABSENCE_SPACING_SLOTS - 1)),
    "two endpoints, one too early": (absent("a"), absent("b", height=LAST_VALID)),
    "two endpoints, both too early": (absent("a", height=1), absent("b", height=LAST_VALID)),
    "one endpoint twice, the first too early": (
        absent(height=LAST_VALID),
        absent(slot=2_000 + ABSENCE_SPACING_SLOTS),
    ),
}
PROOF: dict[str, tuple[Absence, ...]] = {
    "two endpoints": (absent("a"), absent("b")),
    "one endpoint twice, far enough apart": (absent(), absent(slot=2_000 + ABSENCE_SPACING_SLOTS)),
    "one endpoint twice, told in reverse": (absent(slot=2_000 + ABSENCE_SPACING_SLOTS), absent()),
    "two endpoints and an early one": (absent("a"), absent("b"), absent("c", height=1)),
}
HEIGHTS = {"untold": None, "below": LAST_VALID - 1, "at": LAST_VALID, "past": LAST_VALID + 1}


@pytest.mark.parametrize(
    ("status", "step"),
    [
        (SEEN, Step.WAIT),
        (SEEN_ERROR, Step.WAIT),
        (LANDED, Step.SETTLE),
        (FINAL, Step.SETTLE),
        (ERROR, Step.FAIL),
    ],
)
def test_a_known_signature_is_decided_by_its_status_alone(status: SignatureStatus, step: Step) -> None:
    for height, absences in product(HEIGHTS.values(), [*NO_PROOF.values(), *PROOF.values()]):
        assert next_step(LAST_VALID, status, height, absences, endpoints=1) is step


@pytest.mark.parametrize("height", ["untold", "below", "at"])
@pytest.mark.parametrize("absences", [*NO_PROOF.values(), *PROOF.values()], ids=[*NO_PROOF, *PROOF])
def test_what_may_still_land_is_sent_again(height: str, absences: tuple[Absence, ...]) -> None:
    assert next_step(LAST_VALID, None, HEIGHTS[height], absences, endpoints=1) is Step.SEND_AGAIN


@pytest.mark.parametrize("absences", NO_PROOF.values(), ids=NO_PROOF)
def test_too_old_without_proof_stays_a_question(absences: tuple[Absence, ...]) -> None:
    assert next_step(LAST_VALID, None, LAST_VALID + 1, absences, endpoints=1) is Step.ASK_HISTORY


@pytest.mark.parametrize("absences", PROOF.values(), ids=PROOF)
def test_too_old_and_proven_absent_is_expired(absences: tuple[Absence, ...]) -> None:
    assert next_step(LAST_VALID, None, LAST_VALID + 1, absences, endpoints=1) is Step.EXPIRE


def test_with_two_endpoints_one_alone_proves_nothing_however_often_it_is_asked() -> None:
    absences = PROOF["one endpoint twice, far enough apart"]
    assert next_step(LAST_VALID, None, LAST_VALID + 1, absences, endpoints=2) is Step.ASK_HISTORY
    assert next_step(LAST_VALID, None, LAST_VALID + 1, PROOF["two endpoints"], endpoints=2) is Step.EXPIRE


some_absences = st.lists(
    st.builds(Absence, st.sampled_from("abc"), st.integers(0, 4_000), st.integers(LAST_VALID - 2, LAST_VALID + 2)),
    max_size=6,
).map(tuple)
some_status = st.none() | st.builds(
    SignatureStatus, st.integers(0, 4_000), st.none() | st.just("Custom(6002)"), st.booleans(), st.booleans()
)
some_height = st.none() | st.integers(LAST_VALID - 2, LAST_VALID + 2)


@given(status=some_status, height=some_height, absences=some_absences)
def test_nothing_expires_without_proof(
    status: SignatureStatus | None, height: int | None, absences: tuple[Absence, ...]
) -> None:
    if next_step(LAST_VALID, status, height, absences, endpoints=1) is not Step.EXPIRE:
        return
    assert status is None
    assert height is not None
    assert height > LAST_VALID
    good = [seen for seen in absences if seen.finalized_height > LAST_VALID]
    endpoints = {seen.endpoint for seen in good}
    apart = max(seen.slot for seen in good) - min(seen.slot for seen in good)
    assert len(endpoints) >= 2 or (len(good) >= 2 and apart >= ABSENCE_SPACING_SLOTS)


@given(absences=some_absences)
def test_an_endpoint_that_tells_nothing_ends_nothing(absences: tuple[Absence, ...]) -> None:
    assert next_step(LAST_VALID, None, None, absences, endpoints=1) is Step.SEND_AGAIN


@given(status=some_status, height=some_height, absences=some_absences, more=some_absences)
def test_more_evidence_of_absence_never_reopens_what_is_proven(
    status: SignatureStatus | None, height: int | None, absences: tuple[Absence, ...], more: tuple[Absence, ...]
) -> None:
    before = next_step(LAST_VALID, status, height, absences, endpoints=1)
    after = next_step(LAST_VALID, status, height, absences + more, endpoints=1)
    assert after is before or (before, after) == (Step.ASK_HISTORY, Step.EXPIRE)


@given(status=some_status, height=some_height, absences=some_absences)
def test_only_a_settled_status_settles_or_fails(
    status: SignatureStatus | None, height: int | None, absences: tuple[Absence, ...]
) -> None:
    if next_step(LAST_VALID, status, height, absences, endpoints=1) in {Step.SETTLE, Step.FAIL}:
        assert status is not None
        assert status.settled
