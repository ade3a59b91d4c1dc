"""Which state may follow which, and which requests can become an intent at all."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.intent import IN_FLIGHT, LEGAL, TERMINAL, IntentState, Side, sources_of
from tests.trading.trading_samples import request


def test_the_table_names_every_state_and_no_other() -> None:
    assert set(LEGAL) == set(IntentState)
    assert set(IntentState) == IN_FLIGHT | TERMINAL
    assert not IN_FLIGHT & TERMINAL


def test_a_rollback_alone_leads_out_of_an_end() -> None:
    assert all(LEGAL[state] <= {IntentState.SENT} for state in TERMINAL), "only a rollback leads out of an end"
    assert not LEGAL[IntentState.CANCELLED], "nothing of it ever left"


@given(st.data())
def test_no_walk_comes_back_to_planned_and_only_a_rollback_leaves_an_end(data: st.DataObject) -> None:
    state, walked = IntentState.PLANNED, [IntentState.PLANNED]
    while LEGAL[state] and len(walked) < 30:
        state = data.draw(st.sampled_from(sorted(LEGAL[state])))
        walked.append(state)
    assert all(after is IntentState.SENT for before, after in pairwise(walked) if before in TERMINAL)
    assert walked.count(IntentState.PLANNED) == 1


@pytest.mark.parametrize("start", sorted(IN_FLIGHT))
def test_every_intent_in_flight_can_end(start: IntentState) -> None:
    reached, waiting = set[IntentState](), [start]
    while waiting:
        state = waiting.pop()
        if state not in reached:
            reached.add(state)
            waiting += LEGAL[state]
    assert reached & TERMINAL


def test_nothing_is_sent_filled_or_expired_before_it_is_signed() -> None:
    assert LEGAL[IntentState.PLANNED] == {IntentState.SIGNED, IntentState.FAILED, IntentState.CANCELLED}


def test_only_what_was_never_signed_can_be_cancelled() -> None:
    assert sources_of(IntentState.CANCELLED) == {IntentState.PLANNED}


def test_unknown_is_a_question_that_any_answer_may_end() -> None:
    assert sources_of(IntentState.UNKNOWN) == {IntentState.SIGNED, IntentState.SENT}
    assert {IntentState.FILLED, IntentState.FAILED, IntentState.EXPIRED} <= LEGAL[IntentState.UNKNOWN]


@pytest.mark.parametrize("target", list(IntentState))
def test_sources_are_the_table_read_backwards(target: IntentState) -> None:
    assert sources_of(target) == {source for source in IntentState if target in LEGAL[source]}


@pytest.mark.parametrize(
    ("side", "changed"),
    [
        (Side.BUY, {"spend_lamports": 0}),
        (Side.BUY, {"spend_lamports": -1}),
        (Side.BUY, {"token_raw": 1}),
        (Side.BUY, {"share_bps": 1}),
        (Side.BUY, {"slippage_bps": -1}),
        (Side.BUY, {"slippage_bps": 10_001}),
        (Side.SELL, {"spend_lamports": 1}),
        (Side.SELL, {"share_bps": 0}),
        (Side.SELL, {"share_bps": -1}),
        (Side.SELL, {"share_bps": 10_001}),
        (Side.SELL, {"token_raw": 5}),
        (Side.SELL, {"token_raw": -5}),
        (Side.SELL, {"token_raw": -5, "share_bps": 0}),
        (Side.SELL, {"token_raw": 5, "share_bps": -1}),
    ],
)
def test_a_request_that_does_not_say_one_amount_cannot_be_made(side: Side, changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"buy|sale|slippage"):
        request(side, **changed)


def test_a_sale_names_tokens_or_a_share() -> None:
    assert request(Side.SELL, token_raw=5, share_bps=0).token_raw == 5
    assert request(Side.SELL, share_bps=1).share_bps == 1
