"""Powers over a token's holders: each is a reason of its own, and a token without any gives none."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.token_check import RULES, MintFacts, cautions, hazards
from tests.trading.token_safety_page import page

PAGE = Path(__file__).parents[2] / "docs" / "token_safety.md"

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
    found = hazards(mint) + cautions(mint)
    assert len(found) == powers
    assert len(set(found)) == powers
    assert all(reason and not reason.endswith(".") and "\n" not in reason for reason in found)


def test_a_token_that_nobody_has_power_over_is_safe() -> None:
    assert hazards(MintFacts()) == ()
    assert cautions(MintFacts()) == ()


def test_every_fact_has_one_rule_and_the_page_tells_them_all() -> None:
    assert sorted(rule.field for rule in RULES) == sorted(field.name for field in fields(MintFacts))
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.trading.token_safety_page > docs/token_safety.md"


def test_what_misleads_the_eye_is_warned_of_and_refuses_nothing() -> None:
    odd = MintFacts(is_scaled=True, bears_interest=True, hides_transfers=True)
    assert hazards(odd) == ()
    assert len(cautions(odd)) == 3


def test_numbers_are_in_the_reasons() -> None:
    assert "12.5 %" in hazards(MintFacts(transfer_fee_bps=1_250))[0]
    assert "(4, 25)" in hazards(MintFacts(unknown_extensions=(4, 25)))[0]
