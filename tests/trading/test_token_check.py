"""Powers over a token's holders: each is a reason of its own, and a token without any gives none."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.token_check import MintFacts, hazards

facts = st.builds(
    MintFacts,
    **{
        field.name: st.booleans()
        for field in fields(MintFacts)
        if field.name not in {"transfer_fee_bps", "unknown_extensions"}
    },
    transfer_fee_bps=st.integers(0, 10_000),
    unknown_extensions=st.lists(st.integers(20, 65_535), max_size=3, unique=True).map(tuple),
)


@given(facts)
def test_every_power_is_one_reason_and_nothing_else_is(mint: MintFacts) -> None:
    powers = sum(bool(getattr(mint, field.name)) for field in fields(MintFacts))
    found = hazards(mint)
    assert len(found) == powers
    assert len(set(found)) == powers
    assert all(reason and not reason.endswith(".") and "\n" not in reason for reason in found)


def test_a_token_that_nobody_has_power_over_is_safe() -> None:
    assert hazards(MintFacts()) == ()


def test_numbers_are_in_the_reasons() -> None:
    assert "12.5 %" in hazards(MintFacts(transfer_fee_bps=1_250))[0]
    assert "(4, 25)" in hazards(MintFacts(unknown_extensions=(4, 25)))[0]
