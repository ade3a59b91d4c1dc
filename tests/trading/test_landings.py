"""Whether a landing is final, taken back or neither: evidence alone decides, and one endpoint is not enough."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.fill import LandedTransaction
from bot.trading.ledger import Account, legs_of_strange, reversing
from bot.trading.recovery import REMEMBERED_SLOTS, Landing, Sighting, SignatureStatus, landing_of

SLOT = 1_000


def seen(endpoint: str = "a", *, slot: int = SLOT, finalized: bool = False, error: str | None = None) -> Sighting:
    return Sighting(endpoint, SLOT + 40, SLOT + 8, SignatureStatus(slot, error, settled=True, finalized=finalized))


def denied(endpoint: str = "a", *, at_slot: int = SLOT + 40, finalized_slot: int = SLOT + 8) -> Sighting:
    return Sighting(endpoint, at_slot, finalized_slot, None)


def test_finalized_where_the_books_have_it_is_final_whatever_another_endpoint_says() -> None:
    assert landing_of(SLOT, [seen(finalized=True)], endpoints=2) is Landing.FINAL
    assert landing_of(SLOT, [seen(finalized=True), denied("b"), denied("c")], endpoints=3) is Landing.FINAL


def test_one_that_has_it_there_outweighs_all_who_deny_it() -> None:
    assert landing_of(SLOT, [seen(), denied("b"), denied("c")], endpoints=3) is Landing.OPEN


def test_two_that_deny_it_prove_that_it_is_gone() -> None:
    assert landing_of(SLOT, [denied("a"), denied("b")], endpoints=2) is Landing.GONE
    assert landing_of(SLOT, [denied("a")], endpoints=2) is Landing.OPEN
    assert landing_of(SLOT, [], endpoints=2) is Landing.OPEN


def test_another_slot_is_another_landing_even_where_it_is_finalized() -> None:
    elsewhere = [seen("a", slot=SLOT + 5, finalized=True), seen("b", slot=SLOT + 5, error="failed")]
    assert landing_of(SLOT, elsewhere, endpoints=2) is Landing.GONE


def test_who_has_not_finalized_that_slot_says_nothing() -> None:
    young = denied("b", finalized_slot=SLOT - 1)
    assert landing_of(SLOT, [denied("a"), young], endpoints=2) is Landing.OPEN
    assert landing_of(SLOT, [denied("a"), denied("b", finalized_slot=SLOT)], endpoints=2) is Landing.GONE


def test_the_only_endpoint_must_say_so_twice_far_enough_apart() -> None:
    first = denied("a", at_slot=SLOT + 40)
    assert landing_of(SLOT, [first, denied("a", at_slot=SLOT + 71)], endpoints=1) is Landing.OPEN
    assert landing_of(SLOT, [first, denied("a", at_slot=SLOT + 72)], endpoints=1) is Landing.GONE
    assert landing_of(SLOT, [first, denied("a", at_slot=SLOT + 72)], endpoints=2) is Landing.OPEN


def test_what_is_too_old_to_be_remembered_is_not_proven_gone() -> None:
    late = SLOT + REMEMBERED_SLOTS + 1
    silent = [denied(name, at_slot=late + 40, finalized_slot=late) for name in "ab"]
    assert landing_of(SLOT, silent, endpoints=2) is Landing.FORGOTTEN
    assert landing_of(SLOT + 1, silent, endpoints=2) is Landing.GONE


SIGHTINGS = st.builds(
    Sighting,
    st.sampled_from("abc"),
    st.integers(SLOT, SLOT + 200),
    st.integers(SLOT - 5, SLOT + 100),
    st.none()
    | st.builds(
        SignatureStatus, st.integers(SLOT - 2, SLOT + 9), st.none() | st.just("e"), st.just(True), st.booleans()
    ),
)


@given(st.lists(SIGHTINGS, max_size=6), st.integers(1, 3))
def test_nothing_is_gone_while_somebody_has_it_or_nobody_has_finalized_its_slot(
    sightings: list[Sighting], endpoints: int
) -> None:
    verdict = landing_of(SLOT, sightings, endpoints=endpoints)
    there = [one for one in sightings if one.status is not None and one.status.slot == SLOT]
    if verdict is Landing.GONE:
        assert not there
        assert len([one for one in sightings if one.finalized_slot >= SLOT]) >= 2
    if verdict is Landing.FINAL:
        assert any(one.status is not None and one.status.finalized for one in there)


@given(st.integers(-(10**12), 10**12), st.integers(0, 10**7), st.integers(-(10**7), 10**7))
def test_a_strange_transaction_is_explained_to_the_lamport_and_can_be_undone(delta: int, fee: int, rent: int) -> None:
    landed = LandedTransaction(
        signature="s",
        slot=SLOT,
        block_time_s=0,
        error=None,
        program_error=None,
        network_fee_lamports=fee,
        wallet_delta_lamports=delta,
        token_delta_raw=0,
        rent_delta_lamports=rent,
        trade=None,
    )
    legs = legs_of_strange(landed)
    assert sum(leg.lamports for leg in legs) == 0
    assert sum(leg.lamports for leg in legs if leg.account is Account.WALLET) == delta
    assert sum(leg.lamports for leg in (*legs, *reversing(legs)) if leg.account is Account.OUTSIDE) == 0
