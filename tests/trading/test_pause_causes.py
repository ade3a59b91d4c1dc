"""Entries are open for a user exactly when no cause covers him."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.trading.intent import Context
from bot.trading.trading_state import GLOBAL, Binds, Cause, TradingState

MANUAL = Context.MANUAL_COMMAND

scopes = st.sampled_from([GLOBAL, "user:42", "user:43"])
names = st.sampled_from(["rpc", "database", "operator", "daily_loss"])
causes = st.builds(Cause, names, scopes, st.integers(0, 10**13), st.just("guard"), st.text(max_size=5))


def state_of(many: list[Cause]) -> TradingState:
    state = TradingState()
    for cause in many:
        state = state.with_cause(cause)
    return state


def test_a_fresh_state_pauses_nobody() -> None:
    assert TradingState().covering("42", MANUAL) == ()


def test_a_global_cause_covers_everyone_and_a_users_own_only_him() -> None:
    state = state_of([Cause("rpc", GLOBAL, 1, "guard", "down"), Cause("daily_loss", "user:42", 2, "guard", "lost")])
    assert state.covering("42", MANUAL) == ("rpc", "daily_loss")
    assert state.covering("43", MANUAL) == ("rpc",)
    assert state.covering("4", MANUAL) == ("rpc",)


def test_a_cause_of_one_program_covers_everybody_who_would_buy_there() -> None:
    state = state_of([Cause("panic", "program:pumpfun", 1, "operator", "it is being drained")])
    assert state.covering("42", MANUAL, "pumpfun") == ("panic of pumpfun",)
    assert state.covering("42", MANUAL, "pumpswap") == ()
    assert state.covering("42", MANUAL) == ()


def test_a_cause_may_bind_what_buys_by_itself_and_leave_commands_alone() -> None:
    state = state_of([Cause("telegram", GLOBAL, 1, "telegram watch", "away", Binds.AUTOMATED)])
    assert state.covering("42", MANUAL) == ()
    for context in set(Context) - {MANUAL}:
        assert state.covering("42", context) == ("telegram",)


def test_a_cause_that_is_there_keeps_its_first_time_and_text() -> None:
    first = Cause("rpc", GLOBAL, 1, "guard", "endpoint a is away")
    state = TradingState().with_cause(first).with_cause(Cause("rpc", GLOBAL, 9, "guard", "endpoint b too"))
    assert list(state.causes.values()) == [first]


def test_a_cause_of_one_scope_does_not_end_another_ones() -> None:
    state = state_of(
        [Cause("operator", GLOBAL, 1, "anna", "looking"), Cause("operator", "user:42", 1, "anna", "asked")]
    )
    assert state.without("operator").covering("42", MANUAL) == ("operator",)
    assert state.without("operator", "user:42").covering("42", MANUAL) == ("operator",)


@given(st.lists(causes, max_size=8), st.sampled_from(["42", "43", "44"]))
def test_a_user_is_open_exactly_when_no_cause_covers_him(many: list[Cause], user_id: str) -> None:
    covering = state_of(many).covering(user_id, MANUAL)
    assert set(covering) == {cause.name for cause in many if cause.scope in {GLOBAL, f"user:{user_id}"}}


@given(st.lists(causes, max_size=8))
def test_trading_resumes_only_when_every_cause_is_gone(many: list[Cause]) -> None:
    state = state_of(many)
    for name, scope in list(state.causes):
        assert state.causes
        state = state.without(name, scope)
    assert state == TradingState()


@given(st.lists(causes, max_size=8), causes)
def test_no_change_is_made_in_place(many: list[Cause], cause: Cause) -> None:
    state = state_of(many)
    before = dict(state.causes)
    state.with_cause(cause)
    state.without(cause.name, cause.scope)
    assert state.causes == before
