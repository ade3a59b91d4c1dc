"""What is copied of a leader, how much of it, and why not more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.copying import (
    DUST_LAMPORTS,
    LATE_MS,
    CopyBuy,
    CopyCaps,
    CopyFilter,
    CopyRule,
    Market,
    Moment,
    NotCopied,
    RuleState,
    Sizing,
    Spent,
    drawdown,
    drawn,
    fits,
    following,
    ignored,
    is_within,
    judge_buy,
    to_sell,
)
from bot.trading.intent import Mode, Side
from bot.trading.leader_swap import LeaderSwap

SOL = 10**9
NOW_MS = 1_790_000_000_000
SWAP = LeaderSwap("Leader", "sig", 0, 7, "Mint", Side.BUY, SOL, 1_000, 0, failed=False, seen_at_ms=NOW_MS)
RULE = CopyRule(
    "r", "code", "ada", "w", Mode.LIVE, "Leader", "whale", Sizing.FIXED, SOL // 10,
    CopyCaps(SOL // 10, SOL, 2 * SOL, 3 * SOL, 4 * SOL, 5 * SOL), CopyFilter(), NOW_MS,
)  # fmt: skip
MOMENT = Moment(NOW_MS + 1, 12, Mode.LIVE, SOL // 1_000)
MARKET = Market(100 * SOL, "Maker")
amounts = st.integers(0, 2**64 - 1)


def judged(
    rule: CopyRule = RULE,
    swap: LeaderSwap = SWAP,
    spent: Spent | None = None,
    moment: Moment = MOMENT,
    market: Market | None = MARKET,
) -> CopyBuy | NotCopied:
    return judge_buy(rule, swap, spent or Spent(), moment, market)


def spends(lamports: int, **changed: object) -> bool:
    verdict = judged(**changed)  # type: ignore[arg-type]
    return isinstance(verdict, CopyBuy) and verdict.lamports == lamports


def test_each_way_to_size_spends_its_amount_within_the_cap_of_a_trade() -> None:
    assert spends(SOL // 10)
    percent = replace(RULE, sizing=Sizing.PERCENT, amount=500)
    assert spends(SOL // 20, rule=percent)
    assert spends(SOL // 10, rule=replace(percent, amount=5_000))
    exact = replace(RULE, sizing=Sizing.EXACT, amount=0)
    assert spends(SOL // 10, rule=exact)
    assert spends(SOL // 15, rule=exact, swap=replace(SWAP, lamports=SOL // 15))


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("leaving", {"rule": replace(RULE, state=RuleState.LEAVING)}),
        ("other_mode", {"moment": replace(MOMENT, mode=Mode.PAPER)}),
        ("late", {"moment": replace(MOMENT, now_ms=NOW_MS + LATE_MS + 1)}),
        ("leader_size", {"swap": replace(SWAP, lamports=10 * DUST_LAMPORTS - 1)}),
        ("leader_size", {"rule": replace(RULE, filter=CopyFilter(most_lamports=SOL - 1))}),
        ("blocked", {"rule": replace(RULE, filter=CopyFilter(blocked=("Mint",)))}),
        ("blocked", {"moment": replace(MOMENT, blacklist=("Mint",))}),
        ("blocked", {"moment": replace(MOMENT, blacklist=("Maker",))}),
        ("hours", {"rule": replace(RULE, filter=CopyFilter(hours=(13, 12)))}),
        (
            "drawdown",
            {"rule": replace(RULE, filter=CopyFilter(drawdown_lamports=5)), "spent": Spent(drawdown_lamports=5)},
        ),
        ("held", {"spent": Spent(holds=True)}),
        ("no_market", {"market": None}),
        ("self_dealing", {"market": replace(MARKET, creator="Leader")}),
        ("hour_cap", {"spent": Spent(hour_lamports=SOL)}),
        ("day_cap", {"spent": Spent(day_lamports=2 * SOL)}),
        ("token_cap", {"spent": Spent(token_lamports=3 * SOL)}),
        ("leader_cap", {"spent": Spent(leader_lamports=4 * SOL)}),
        ("total_cap", {"spent": Spent(total_lamports=5 * SOL)}),
        ("depth", {"market": replace(MARKET, depth_lamports=SOL // 100)}),
    ],
)
def test_what_stands_against_a_copy_is_named(code: str, changed: dict[str, object]) -> None:
    verdict = judged(**changed)  # type: ignore[arg-type]
    assert isinstance(verdict, NotCopied)
    assert verdict.code == code
    assert verdict.reason


@given(
    spent=st.builds(Spent, amounts, amounts, amounts, amounts, amounts),
    caps=st.builds(CopyCaps, *(6 * [st.integers(1, 2**62)])),
    lamports=amounts,
    depth=amounts,
    sizing=st.sampled_from([(Sizing.FIXED, 2**60), (Sizing.PERCENT, 70_000), (Sizing.EXACT, 0)]),
)
def test_no_copy_spends_more_than_any_cap_leaves(
    spent: Spent, caps: CopyCaps, lamports: int, depth: int, sizing: tuple[Sizing, int]
) -> None:
    rule = replace(RULE, caps=caps, sizing=sizing[0], amount=sizing[1])
    verdict = judged(rule, replace(SWAP, lamports=lamports), spent, market=Market(depth, "Maker"))
    if isinstance(verdict, NotCopied):
        return
    assert MOMENT.least_trade_lamports <= verdict.lamports <= min(caps.trade_lamports, depth // 100)
    assert spent.hour_lamports + verdict.lamports <= caps.hour_lamports
    assert spent.day_lamports + verdict.lamports <= caps.day_lamports
    assert spent.token_lamports + verdict.lamports <= caps.token_lamports
    assert spent.leader_lamports + verdict.lamports <= caps.leader_lamports
    assert spent.total_lamports + verdict.lamports <= caps.total_lamports


@given(held=amounts, sold=amounts, before=amounts)
def test_a_sale_is_the_leaders_fraction_within_a_raw_unit(held: int, sold: int, before: int) -> None:
    raw = to_sell(held, sold, before)
    assert 0 <= raw <= held
    if sold >= before:
        assert raw == (held if sold else 0)
    else:
        assert 0 <= held * sold - raw * before < before


def test_failures_dust_and_trading_for_show_are_ignored_and_sales_never_are() -> None:
    assert ignored(SWAP) is None
    assert ignored(replace(SWAP, failed=True)) == "failed"
    assert ignored(replace(SWAP, token_raw=0)) == "nothing"
    assert ignored(replace(SWAP, lamports=DUST_LAMPORTS - 1)) == "dust"
    assert ignored(replace(SWAP, both_sides=True)) == "wash"
    sale = replace(SWAP, side=Side.SELL, lamports=0, both_sides=True)
    assert ignored(sale) is None
    at_s = NOW_MS // 1000
    rounds = [replace(SWAP, side=side, block_time_s=at_s - 60) for side in (Side.BUY, Side.SELL)] * 3
    now = replace(SWAP, block_time_s=at_s)
    assert ignored(now, rounds) == "wash"
    assert ignored(now, rounds[:-1]) is None
    assert ignored(now, [replace(one, mint="Other") for one in rounds]) is None
    assert ignored(now, [replace(one, block_time_s=at_s - 601) for one in rounds]) is None
    assert ignored(replace(sale, block_time_s=at_s), rounds) is None


def test_hours_may_go_over_midnight() -> None:
    assert [hour for hour in range(24) if is_within(hour, (22, 3))] == [0, 1, 2, 22, 23]
    assert [hour for hour in range(24) if is_within(hour, (8, 10))] == [8, 9]
    assert all(is_within(hour, hours) for hour in range(24) for hours in (None, (5, 5), (0, 24)))


def test_the_order_of_followers_is_drawn_anew_for_each_swap() -> None:
    rules = [replace(RULE, id=str(number), user_id=f"user-{number}") for number in range(40)]
    first = {drawn(f"sig-{number}", rules)[0].user_id for number in range(400)}
    assert len(first) > 35
    assert drawn("sig", rules) == drawn("sig", rules[::-1])


@given(st.lists(st.integers(-(10**12), 10**12)))
def test_a_drawdown_is_the_fall_from_the_best_sum(results: list[int]) -> None:
    sums = [sum(results[:end]) for end in range(len(results) + 1)]
    assert drawdown(results) == max(sums) - sums[-1]


def test_circles_of_copies_are_seen_over_any_number_of_users() -> None:
    def copies(follower: str, leader: str | None, state: RuleState = RuleState.ACTIVE) -> CopyRule:
        return replace(RULE, id=f"{follower}{leader}", user_id=follower, leader_user_id=leader, state=state)

    who = following([copies("b", "a"), copies("c", "b"), copies("d", None), copies("e", "c", RuleState.STOPPED)])
    assert who.closes_a_cycle("a", "a")
    assert who.closes_a_cycle("a", "b")
    assert who.closes_a_cycle("a", "c")
    assert not who.closes_a_cycle("c", "a")
    assert not who.closes_a_cycle("a", "d")
    assert not who.closes_a_cycle("a", "e")
    assert not who.closes_a_cycle("a", None)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(RULE, caps=replace(RULE.caps, hour_lamports=0)),
        replace(RULE, amount=SOL),
        replace(RULE, sizing=Sizing.PERCENT, amount=0),
        replace(RULE, caps=replace(RULE.caps, hour_lamports=3 * SOL)),
        replace(RULE, caps=replace(RULE.caps, token_lamports=5 * SOL)),
        replace(RULE, caps=replace(RULE.caps, leader_lamports=6 * SOL)),
        replace(RULE, filter=CopyFilter(least_lamports=2, most_lamports=1)),
        replace(RULE, caps=replace(RULE.caps, day_lamports=2**63)),  # the books keep no number as large as that
        replace(RULE, filter=CopyFilter(least_lamports=2**63)),
        replace(RULE, filter=CopyFilter(most_lamports=2**63)),
        replace(RULE, filter=CopyFilter(drawdown_lamports=2**63)),
    ],
)
def test_numbers_that_make_no_sense_are_said(wrong: CopyRule) -> None:
    assert fits(wrong)
    assert fits(RULE) == ""
