"""Standing orders: when a price is there, and what each end of a turn makes of the order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.curve import Curve, Fees
from bot.trading.intent import Mode
from bot.trading.own_impact import as_met
from bot.trading.standing import (
    ENDING,
    FAILURES_MAX,
    NOT_MADE,
    PRICED_RAW,
    RETRY_MAX_MS,
    RETRY_MS,
    WAIT_MS,
    StandingKind,
    StandingOrder,
    StandingState,
    after_set_back,
    came_to_nothing,
    cancelled,
    fired,
    is_reached,
    lapsed,
    refused,
    traded,
)
from bot.trading.units import LAMPORTS_PER_SOL
from bot.trading.venue import quote_buy, quote_sell
from tests.trading.trading_samples import FRESH, curves

NOW_MS = 1_790_000_000_000
BUY = StandingOrder(
    id="one",
    code="one",
    user_id="u",
    wallet_id="w",
    mode=Mode.PAPER,
    kind=StandingKind.LIMIT_BUY,
    mint="MintOne",
    price_lamports=30_000_000,
    created_at_ms=NOW_MS,
    due_at_ms=NOW_MS,
    spend_lamports=LAMPORTS_PER_SOL,
)
DCA = replace(BUY, kind=StandingKind.DCA, price_lamports=0, turns=3, interval_ms=3_600_000)
BREAKOUT = replace(BUY, kind=StandingKind.BREAKOUT_BUY)
SALE = replace(BUY, kind=StandingKind.LIMIT_SELL, spend_lamports=0, token_raw=10**12)


@given(curve=curves(), price_lamports=st.integers(1, 10**12), spend_lamports=st.integers(10**6, 10**11))
def test_a_limit_buy_is_reached_exactly_where_it_pays_at_most_its_price(
    curve: Curve, price_lamports: int, spend_lamports: int
) -> None:
    order = replace(BUY, price_lamports=price_lamports, spend_lamports=spend_lamports)
    quote = quote_buy(curve, spend_lamports, Fees())
    pays_at_most = spend_lamports * PRICED_RAW <= price_lamports * quote.token_raw
    assert is_reached(order, 0, curve, Fees()) == pays_at_most


@given(curve=curves(), price_lamports=st.integers(1, 10**12), spend_lamports=st.integers(10**6, 10**11))
def test_a_breakout_is_reached_exactly_where_it_costs_its_price_or_more(
    curve: Curve, price_lamports: int, spend_lamports: int
) -> None:
    order = replace(BREAKOUT, price_lamports=price_lamports, spend_lamports=spend_lamports)
    quote = quote_buy(curve, spend_lamports, Fees())
    assert is_reached(order, 0, curve, Fees()) == (spend_lamports * PRICED_RAW >= price_lamports * quote.token_raw)
    assert order.least_token_raw == 0, "it is bought at the price of its moment"


@given(
    curve=curves(),
    mode=st.sampled_from(Mode),
    price_lamports=st.integers(1, 10**12),
    token_raw=st.integers(1, 10**14),
)
def test_a_limit_sale_is_reached_exactly_where_it_brings_its_price(
    curve: Curve, mode: Mode, price_lamports: int, token_raw: int
) -> None:
    order = replace(SALE, mode=mode, price_lamports=price_lamports)
    reached = is_reached(order, token_raw, curve, Fees())
    try:
        received = quote_sell(as_met(curve, mode, token_raw), token_raw, Fees()).received_lamports
    except ValueError:
        assert not reached
    else:
        assert reached == (received * PRICED_RAW >= price_lamports * token_raw)


def test_what_nobody_trades_is_not_reached() -> None:
    assert not is_reached(replace(BUY, price_lamports=10**15), 0, replace(FRESH, complete=True), Fees())
    assert not is_reached(replace(BREAKOUT, price_lamports=1), 0, replace(FRESH, complete=True), Fees())


def test_each_turn_has_a_key_of_its_own_and_the_same_one_until_its_outcome_is_known() -> None:
    begun = fired(BUY)
    assert begun.key == BUY.key
    assert begun.is_firing
    for after in (refused(begun, "paused", "a pause", NOW_MS), came_to_nothing(begun, "it failed", NOW_MS)):
        assert after.key != BUY.key
        assert not after.is_firing
        assert after.version == begun.version + 1


def test_a_filled_order_is_done() -> None:
    done = traded(fired(replace(BUY, failures=3)), NOW_MS)
    assert (done.state, done.closed_at_ms, done.turn) == (StandingState.DONE, NOW_MS, 1)


def test_a_repeated_buy_trades_as_often_as_wanted_an_interval_apart() -> None:
    order, moments = DCA, []
    while order.state is StandingState.OPEN:
        moments.append(order.due_at_ms)
        order = traded(fired(order), order.due_at_ms + 2_000)
    assert moments == [NOW_MS, NOW_MS + DCA.interval_ms, NOW_MS + 2 * DCA.interval_ms]
    assert (order.state, order.filled, order.turn) == (StandingState.DONE, 3, 3)


@given(missed=st.integers(1, 500), late_ms=st.integers(0, DCA.interval_ms - 1))
def test_of_missed_turns_one_is_made_up_and_the_next_is_an_interval_later(missed: int, late_ms: int) -> None:
    now_ms = NOW_MS + missed * DCA.interval_ms + late_ms
    after = traded(fired(DCA), now_ms)
    assert (after.filled, after.due_at_ms) == (1, now_ms + DCA.interval_ms)


def test_what_was_waited_for_is_told_again_when_it_comes_after_a_turn_that_traded() -> None:
    waits = refused(fired(DCA), "paused", "a pause", NOW_MS)
    after = traded(fired(waits), NOW_MS)
    assert (after.state, after.why_code, after.failures) == (StandingState.OPEN, "", 0)


@pytest.mark.parametrize("order", [BUY, fired(replace(DCA, due_at_ms=10**15))])
def test_a_clock_that_was_set_back_moves_no_limit_and_nothing_that_is_being_sent(order: StandingOrder) -> None:
    assert after_set_back(order, NOW_MS - 10**9) is None


def test_a_clock_that_was_set_back_makes_no_turn_wait_longer_than_an_interval() -> None:
    waiting = traded(fired(DCA), NOW_MS)
    assert after_set_back(waiting, NOW_MS) is None
    earlier_ms = NOW_MS - 86_400_000
    nearer = after_set_back(waiting, earlier_ms)
    assert nearer is not None
    assert nearer.due_at_ms == earlier_ms + DCA.interval_ms
    assert after_set_back(nearer, earlier_ms) is None
    short = replace(DCA, interval_ms=60_000)
    assert after_set_back(came_to_nothing(fired(replace(short, failures=8)), "it failed", NOW_MS), NOW_MS) is None


def test_failures_wait_twice_as_long_each_time_and_end_at_last() -> None:
    order, waits = BUY, []
    while order.state is StandingState.OPEN:
        order = came_to_nothing(fired(order), "it landed with an error", NOW_MS)
        waits.append(order.due_at_ms - NOW_MS)
    assert waits[:3] == [RETRY_MS, 2 * RETRY_MS, 4 * RETRY_MS]
    assert max(waits) == RETRY_MAX_MS
    assert (order.state, order.failures, order.why) == (
        StandingState.GIVEN_UP,
        FAILURES_MAX,
        "it landed with an error",
    )


@pytest.mark.parametrize("code", sorted(ENDING))
def test_a_refusal_that_does_not_pass_is_the_end(code: str) -> None:
    ended = refused(fired(BUY), code, "the reason", NOW_MS)
    assert ended.state is StandingState.GIVEN_UP
    assert ended.why == (ENDING[code] or "the reason")


def test_a_refusal_that_passes_is_waited_for_longer_when_it_comes_again_and_counts_as_no_failure() -> None:
    once = refused(fired(BUY), "funds", "too little", NOW_MS)
    again = refused(fired(once), "funds", "too little", NOW_MS)
    moved = refused(fired(again), "price_moved", "it has risen", NOW_MS)
    assert [one.due_at_ms - NOW_MS for one in (once, again, moved)] == [RETRY_MS, WAIT_MS, RETRY_MS]
    assert {one.failures for one in (once, again, moved)} == {0}


def test_an_order_that_could_not_be_made_counts_as_a_failure() -> None:
    assert refused(fired(BUY), NOT_MADE, "it would fail", NOW_MS).failures == 1


def test_what_its_user_takes_back_or_what_lapses_is_closed() -> None:
    assert cancelled(BUY, NOW_MS).state is StandingState.CANCELLED
    assert lapsed(BUY, NOW_MS).state is StandingState.LAPSED
    order = replace(BUY, lapses_at_ms=NOW_MS + 1)
    assert [order.has_lapsed(at_ms) for at_ms in (NOW_MS, NOW_MS + 1)] == [False, True]
    assert not BUY.has_lapsed(10**15)


@pytest.mark.parametrize(
    "broken",
    [
        {"spend_lamports": 0},
        {"token_raw": 5},
        {"price_lamports": 0},
        {"kind": StandingKind.LIMIT_SELL},
        {"kind": StandingKind.DCA},
        {"interval_ms": 5},
        {"turns": 2},
        {"turns": 0},
        {"filled": 2},
    ],
)
def test_an_order_that_says_two_things_or_nothing_is_none(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"names the tokens|has a price|as many turns"):
        replace(BUY, **broken)
