"""How much of a token its creator may sell, and how fast, before a position that asked for it is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.curve import TOKEN_SUPPLY_RAW
from bot.trading.exits import Exit, ExitReason
from bot.trading.intent import Side
from bot.trading.limits import UserSettings
from bot.trading.pool import Pool, PoolFees, quote_sell
from bot.trading.position import ExitPlan, Position
from bot.trading.rug import (
    CreatorSale,
    PowersChanged,
    RugNews,
    has_grown,
    has_passed_on,
    lesser,
    liquidity_exit,
    rug_exit,
)
from bot.trading.token_check import MintPowers
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from tests.trading.trading_samples import fill, opened

PERCENT_RAW = TOKEN_SUPPLY_RAW // 100
PLAN = ExitPlan(None, None, None, rug_share_bps=200, rug_within_s=60)


def held(plan: ExitPlan = PLAN) -> Position:
    return opened(fill(Side.BUY, 1_000, 100_000), plan)


def creator_left(position: Position, creator: str, sales: Sequence[CreatorSale]) -> Exit | None:
    return rug_exit(position, RugNews(creator, tuple(sales)))


def sale(number: int, token_raw: int, after_ms: int) -> CreatorSale:
    return CreatorSale(f"signature-{number}", token_raw, held().opened_at_ms + after_ms)


@pytest.mark.parametrize(
    ("sold", "leaves"),
    [
        ([(2 * PERCENT_RAW, 0)], True),
        ([(2 * PERCENT_RAW - 1, 0)], False),
        ([(2 * PERCENT_RAW, -1)], False),  # before the position was opened
        ([(PERCENT_RAW, 0), (PERCENT_RAW, 60_000)], True),
        ([(PERCENT_RAW, 0), (PERCENT_RAW, 60_001)], False),
        ([(PERCENT_RAW, 60_000), (PERCENT_RAW, 0)], True),  # told in another order
        ([(PERCENT_RAW, 0), (PERCENT_RAW, 1), (1, 3_600_000)], True),  # long ago, and not sold since
        ([], False),
    ],
)
def test_a_position_is_left_for_what_is_sold_since_it_was_opened_within_any_span(
    sold: list[tuple[int, int]], leaves: bool
) -> None:
    sales = [sale(number, token_raw, after_ms) for number, (token_raw, after_ms) in enumerate(sold)]
    decided = creator_left(held(), "creator", sales)
    assert (decided is not None) == leaves
    assert decided is None or (decided.reason, decided.share_bps) == (ExitReason.CREATOR_SOLD, BPS)
    assert creator_left(held(replace(PLAN, rug_share_bps=None)), "creator", sales) is None


def test_the_evidence_names_who_sold_how_much_and_where_it_can_be_read() -> None:
    decided = creator_left(held(), "Crea7or", [sale(number, PERCENT_RAW // 2, number * 1_500) for number in range(4)])
    assert decided is not None
    assert decided.evidence == (
        "the token's creator Crea7or sold 2 % of the supply in 4 sales within 5 s: signature-1, signature-2, signature-3"
    )
    decided = creator_left(held(), "Crea7or", [sale(1, 5 * PERCENT_RAW, 0)])
    assert decided is not None
    assert decided.evidence == "the token's creator Crea7or sold 5 % of the supply at once: signature-1"


@given(
    sold=st.lists(st.tuples(st.integers(1, PERCENT_RAW), st.integers(0, 200_000)), max_size=12),
    share_bps=st.integers(1, 500),
    within_s=st.integers(1, 120),
)
def test_it_is_left_exactly_when_some_span_of_that_length_holds_the_share(
    sold: list[tuple[int, int]], share_bps: int, within_s: int
) -> None:
    position = held(replace(PLAN, rug_share_bps=share_bps, rug_within_s=within_s))
    sales = [sale(number, token_raw, after_ms) for number, (token_raw, after_ms) in enumerate(sold)]
    most_raw = max(
        (
            sum(raw for raw, at in sold if start <= at <= start + within_s * 1000)
            for start in {after_ms for _, after_ms in sold}
        ),
        default=0,
    )
    assert (creator_left(position, "c", sales) is not None) == (most_raw * BPS >= share_bps * TOKEN_SUPPLY_RAW)


POOL = Pool(
    token_raw=200_000_000 * 10**6,
    quote_lamports=80 * LAMPORTS_PER_SOL,
    virtual_quote_lamports=0,
    supply_raw=TOKEN_SUPPLY_RAW,
    fees=PoolFees(20, 5, 5),
    creator="creator",
    slot=7,
)


def drained(left_bps: int) -> Pool:
    return replace(
        POOL,
        token_raw=POOL.token_raw * left_bps // BPS,
        quote_lamports=POOL.quote_lamports * left_bps // BPS,
        slot=8,
    )


@pytest.mark.parametrize(("left_bps", "leaves"), [(BPS, False), (8_001, False), (8_000, True), (0, True)])
def test_a_pool_that_lost_a_fifth_of_both_sides_is_left(left_bps: int, leaves: bool) -> None:
    decided = liquidity_exit(held(), POOL, drained(left_bps))
    assert (decided is not None) == leaves
    assert liquidity_exit(held(replace(PLAN, rug_share_bps=None)), POOL, drained(left_bps)) is None
    assert liquidity_exit(held(), None, drained(left_bps)) is None
    assert liquidity_exit(held(), replace(POOL, virtual_quote_lamports=1), drained(left_bps)) is None
    if decided is not None and left_bps:
        assert decided.reason.is_by_price
        assert decided.evidence == (
            "liquidity was taken out of its pool: at slot 7 it held 80 SOL and 20 % of the supply, at slot 8 64 SOL and 16 %"
        )


@given(sold_raw=st.integers(1, 10 * TOKEN_SUPPLY_RAW))
def test_no_sale_however_large_is_taken_for_liquidity_that_was_taken_out(sold_raw: int) -> None:
    quote = quote_sell(POOL, sold_raw)
    left_lamports = POOL.quote_lamports - quote.quote_lamports + quote.lp_fee_lamports
    after = replace(POOL, token_raw=POOL.token_raw + sold_raw, quote_lamports=left_lamports)
    assert liquidity_exit(held(), POOL, after) is None


def test_a_pool_is_held_against_its_fullest_look_and_never_against_ones_made_up_excess() -> None:
    assert has_grown(None, POOL)
    assert not has_grown(POOL, POOL)
    assert not has_grown(POOL, drained(10_499))
    assert has_grown(POOL, drained(10_501))
    assert has_grown(POOL, replace(drained(5_000), virtual_quote_lamports=1))
    assert lesser(POOL, drained(20_000)) == POOL == lesser(drained(20_000), POOL)


@pytest.mark.parametrize(
    ("before", "after", "evidence"),
    [
        (("a", ""), ("b", ""), "the power to make more of it passed from a to b"),
        (("a", "f"), ("a", "g"), "the power to freeze its holders passed from f to g"),
        (("", ""), ("a", ""), "the power to make more of it passed from nobody to a"),
        (("a", "f"), ("a", "f"), ""),
        (("a", "f"), ("", ""), ""),  # given up
    ],
)
def test_a_power_that_passes_to_somebody_else_is_left_and_one_that_is_given_up_is_not(
    before: tuple[str, str], after: tuple[str, str], evidence: str
) -> None:
    one, other = MintPowers(*before), MintPowers(*after)
    assert has_passed_on(one, other) == bool(evidence)
    if evidence:
        position = held()
        news = RugNews(powers=PowersChanged(one, other, position.opened_at_ms))
        assert rug_exit(position, news) == Exit(ExitReason.AUTHORITY_CHANGED, BPS, 0, evidence=evidence)
        earlier = replace(news, powers=PowersChanged(one, other, position.opened_at_ms - 1))
        assert rug_exit(position, earlier) is None


def test_a_plan_leaves_for_its_creator_only_where_its_user_asked_for_it() -> None:
    assert UserSettings().exit_plan.rug_share_bps is None
    plan = UserSettings(anti_rug=True, anti_rug_share_bps=700, anti_rug_within_s=9).exit_plan
    assert (plan.rug_share_bps, plan.rug_within_s) == (700, 9)
