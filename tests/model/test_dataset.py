"""Rows of recorded tokens: what was seen by then and no more; parts that follow each other in time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bot.analysis.training.dataset import MOMENTS_S, Dataset, build, moments
from bot.analysis.training.outcomes import judge
from bot.analysis.training.splits import CREATOR_PARTS, DAY_MS, EMBARGO_MS, TooLittle, last_part, walk_forward
from bot.analysis.vector import FEATURES
from tests.analysis.launch_samples import BORN_MS, Market
from tests.model.market_samples import recorded

HORIZON_MS = 47_000


def life() -> Market:
    market = Market()
    market.buy("creator", 0.5, 0)
    for number in range(30):
        market.buy(f"buyer {number}", 0.2 + number / 50, 300 + 1_100 * number)
        if number % 3 == 2:
            market.sell(f"buyer {number - 1}", 0.7, 700 + 1_100 * number)
    return market


def same(first: Sequence[float], second: Sequence[float]) -> bool:
    return all(
        one == other or (math.isnan(one) and math.isnan(other)) for one, other in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("moment", range(len(MOMENTS_S)))
def test_another_future_changes_no_earlier_row(moment: int) -> None:
    market = life()
    until_ms = BORN_MS + MOMENTS_S[moment] * 1_000
    other = [
        trade
        if trade.seen_at_ms <= until_ms
        else replace(
            trade,
            is_buy=not trade.is_buy,
            trader="creator",
            quote_lamports=trade.quote_lamports * 3,
            curve=replace(trade.curve, virtual_quote_lamports=trade.curve.virtual_quote_lamports // 2),
        )
        for trade in market.told
    ]
    as_it_was, otherwise = moments(recorded(market)), moments(recorded(market, other))
    for place in range(moment + 1):
        assert same(as_it_was[place][1], otherwise[place][1])
        assert as_it_was[place][2] == otherwise[place][2]
    later = range(moment + 1, len(MOMENTS_S))
    assert all(not same(as_it_was[place][1], otherwise[place][1]) for place in later)


def test_a_moment_whose_outcome_nobody_recorded_is_left_out() -> None:
    by = judge()
    data = build([recorded(life())], by, BORN_MS + by.horizon_ms + 7_000)
    assert (data.at_ms - BORN_MS).tolist() == [2_000, 4_000, 6_000]


def test_a_token_that_nobody_trades_is_a_row_as_any_other() -> None:
    data = build([recorded(Market())], judge(), BORN_MS + 10**7)
    assert len(data) == len(MOMENTS_S)
    assert (data.change < 0).all()


def drawn(tokens: int, creators: int = 40, within_ms: int = 3_600_000) -> Dataset:
    draw = np.random.default_rng(3)
    first_ms = np.sort(draw.integers(0, within_ms, tokens)) + BORN_MS
    token = np.repeat(np.arange(tokens), 2)
    group = np.repeat(draw.integers(0, creators, tokens), 2)
    at_ms = np.repeat(first_ms, 2) + np.tile([2_000, 6_000], tokens)
    flags = draw.random(2 * tokens) < 0.5
    rows = draw.random((2 * tokens, len(FEATURES)))
    change = draw.random(2 * tokens) - 0.5
    return Dataset(
        rows, token, group, np.repeat(first_ms, 2), at_ms, change, flags, flags, 9_000 * flags, traders_known=True
    )


def test_nothing_that_judges_a_block_was_still_open_when_it_began() -> None:
    data = drawn(1_000)
    folds = walk_forward(data, HORIZON_MS)
    tested = np.concatenate([np.flatnonzero(fold.test) for fold in folds])
    assert len(tested) == len(set(tested.tolist())) == 1_200  # the last 60 % of the tokens, each once
    for number, fold in enumerate(folds):
        begins_ms = data.first_ms[fold.test].min()
        for part in (fold.train, fold.calibrate):
            assert (data.at_ms[part] + HORIZON_MS + EMBARGO_MS <= begins_ms).all()
            assert not np.isin(data.token[part], data.token[fold.test]).any()
            assert (data.group[part] % CREATOR_PARTS != number % CREATOR_PARTS).all()
        assert (data.at_ms[fold.train] + HORIZON_MS + EMBARGO_MS <= data.first_ms[fold.calibrate].min()).all()
        assert fold.unseen.any()
        assert not np.isin(data.group[fold.unseen], data.group[fold.train | fold.calibrate]).any()


def test_days_are_tested_one_at_a_time_where_there_are_enough_of_them() -> None:
    data = drawn(1_000, within_ms=5 * DAY_MS)
    begins_ms = data.first_ms.min()
    folds = walk_forward(data, HORIZON_MS)
    days = [set(((data.first_ms[fold.test] - begins_ms) // DAY_MS).tolist()) for fold in folds]
    assert days == [{2}, {3}, {4}]
    assert len(walk_forward(drawn(1_000, within_ms=4 * DAY_MS), HORIZON_MS)) == 4


def test_the_model_that_is_kept_is_calibrated_on_the_last_part() -> None:
    data = drawn(1_000)
    train, calibrate = last_part(data, HORIZON_MS)
    assert data.at_ms[train].max() + HORIZON_MS + EMBARGO_MS <= data.first_ms[calibrate].min()
    assert calibrate.sum() == 500


def test_too_few_tokens_are_refused_in_a_line() -> None:
    with pytest.raises(
        TooLittle, match=r"^150 tokens whose outcome is known, at least 200 are needed; record for longer$"
    ):
        walk_forward(drawn(150), HORIZON_MS)
