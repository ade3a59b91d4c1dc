"""The breaker of one endpoint over every order of answers, failures and waits."""

from __future__ import annotations

from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from bot.chain.breaker import REST_S, Breaker, BreakerRule

Event = tuple[Literal["answer", "failure", "limit", "cut off"], int]

RULE = BreakerRule()
ROUNDING_S = 1e-6
LONGEST_WAIT_S = 500.0
EVENTS = st.lists(
    st.tuples(st.sampled_from(("answer", "failure", "limit", "cut off")), st.integers(0, 5_000)), max_size=40
)


@given(events=EVENTS)
def test_it_admits_again_in_bounded_time_and_one_answer_to_a_trial_closes_it(events: list[Event]) -> None:
    breaker, now_s = Breaker(RULE), 0.0
    for what, pause_ms in events:
        now_s += pause_ms / 1000
        if not breaker.admits(now_s):
            assert breaker.state(now_s) == "open"
            continue
        is_trial = breaker.begin(now_s)
        assert is_trial == (breaker.state(now_s) != "closed")
        assert not (is_trial and breaker.admits(now_s))
        if what == "answer":
            breaker.succeeded(is_trial=is_trial)
            assert breaker.state(now_s) == "closed"
        elif what == "failure":
            breaker.failed(now_s, is_trial=is_trial)
        elif what == "limit":
            breaker.asked_to_wait(now_s, pause_ms / 10)
            assert breaker.must_wait(now_s)
        breaker.end(is_trial=is_trial)
        assert breaker.left_s(now_s) <= LONGEST_WAIT_S + ROUNDING_S
    assert breaker.admits(now_s + LONGEST_WAIT_S + ROUNDING_S)


def test_each_failed_trial_doubles_the_time_up_to_its_limit() -> None:
    breaker, now_s = Breaker(RULE), 0.0
    breaker.failed(now_s, is_trial=False, at_once=True)
    waits = []
    for _ in range(6):
        waits.append(breaker.left_s(now_s))
        now_s += waits[-1]
        is_trial = breaker.begin(now_s)
        breaker.failed(now_s, is_trial=is_trial)
        breaker.end(is_trial=is_trial)
    assert waits == [RULE.reset_s, 2.0, 4.0, RULE.reset_max_s, RULE.reset_max_s, RULE.reset_max_s]


def test_an_answer_to_a_question_from_before_the_opening_does_not_close_it() -> None:
    breaker = Breaker(RULE)
    early = breaker.begin(0.0)
    breaker.failed(0.0, is_trial=False, at_once=True)
    breaker.succeeded(is_trial=early)
    assert breaker.state(0.5) == "open"


def test_what_the_peer_asked_for_is_not_cut_and_a_failed_trial_of_an_exit_makes_it_no_shorter() -> None:
    breaker = Breaker(RULE)
    breaker.asked_to_wait(0.0, 10 * REST_S)
    assert breaker.must_rest(REST_S - 1)
    assert not breaker.must_rest(REST_S)
    is_trial = breaker.begin(REST_S)
    breaker.failed(REST_S, is_trial=is_trial)
    breaker.end(is_trial=is_trial)
    assert breaker.must_wait(10 * REST_S - 1)
    assert breaker.admits(10 * REST_S)
