"""The local market's own launches, walked through without a chain: its rugs and runners are told apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import mean

import pytest

from bot.analysis.token_analysis import Analysis, TokenAnalysis
from bot.localnet.market.plan import BPS, CREATOR, GRADUATE_INDEX, LaunchPlan, plan_launch
from bot.trading.curve import Fees, QuoteError, quote_buy, quote_sell
from bot.trading.launch import CurveTrade
from tests.analysis.launch_samples import BORN_MS, LAUNCH_SLOT, SLOT_MS, launch

SEEDS = (1, 2, 3)
LAUNCHES = 120
LOOKS_MS = tuple(range(10_000, 600_000, 10_000))


@dataclass(frozen=True, slots=True)
class Walked:
    """A launch and what was read of it at each look, while its trades went on."""

    plan: LaunchPlan
    looks: list[Analysis]

    @property
    def creator_left(self) -> bool:
        """Whether its plan has the creator sell."""
        return any(trade.trader == CREATOR and not trade.buys for trade in self.plan.trades)

    def strongest(self, pattern: str) -> float:
        return max((getattr(look.patterns, pattern).strength for look in self.looks), default=0.0)


def walk(seed: int, index: int) -> Walked:
    plan = plan_launch(seed, index, traders=300, creators=60)
    one = launch(mint=f"mint-{seed}-{index}")
    token, curve, held = TokenAnalysis(one), one.curve, dict[int, int]()
    waiting, looks = list(LOOKS_MS), list[Analysis]()
    for place, trade in enumerate(plan.trades):
        while waiting and waiting[0] <= trade.at_ms:
            looks.append(token.analysis(BORN_MS + waiting.pop(0)))
        try:
            if trade.buys:
                quote = quote_buy(curve, trade.spend_lamports, Fees())
            else:
                quote = quote_sell(curve, held.get(trade.trader, 0) * trade.share_bps // BPS, Fees())
        except QuoteError:
            continue  # the pool's trades, and those that find nothing left
        sign = 1 if trade.buys else -1
        held[trade.trader] = held.get(trade.trader, 0) + sign * quote.token_raw
        curve = replace(
            curve,
            virtual_token_raw=curve.virtual_token_raw - sign * quote.token_raw,
            virtual_quote_lamports=curve.virtual_quote_lamports + sign * quote.quote_lamports,
            real_token_raw=curve.real_token_raw - sign * quote.token_raw,
            real_quote_lamports=curve.real_quote_lamports + sign * quote.quote_lamports,
            complete=curve.real_token_raw == sign * quote.token_raw,
            slot=LAUNCH_SLOT + trade.at_ms // SLOT_MS,
        )
        name = one.creator if trade.trader == CREATOR else f"trader-{trade.trader}"
        told = CurveTrade(
            one.mint,
            name,
            trade.buys,
            quote.token_raw,
            quote.quote_lamports,
            curve,
            f"signature-{place}",
            curve.slot,
            BORN_MS + trade.at_ms,
        )
        assert token.add(told)
    looks.append(token.analysis(token.latest_ms))
    return Walked(plan, looks)


@pytest.fixture(scope="module")
def market() -> list[Walked]:
    return [walk(seed, index) for seed in SEEDS for index in range(LAUNCHES)]


def test_every_creator_who_left_is_seen_and_nobody_else_is_accused(market: list[Walked]) -> None:
    for walked in market:
        told = any("its creator has sold" in reason for look in walked.looks for reason in look.scam.reasons)
        assert told is walked.creator_left, walked.plan.index


def test_scam_scores_of_rugs_are_far_above_those_of_runners_that_still_run(market: list[Walked]) -> None:
    rugs = [walked.looks[-1].scam.score for walked in market if walked.creator_left]
    runners = [
        look.scam.score
        for walked in market
        if walked.plan.peak_multiple >= 3
        for look in walked.looks
        if look.curve.below_peak < 0.1 and look.creator.bag.sold == 0 and look.volume.whole.trades > 5
    ]
    assert len(rugs) > 100
    assert len(runners) > 20
    assert mean(rugs) > 75
    assert mean(runners) < 40


def test_runners_have_the_momentum_while_they_rise(market: list[Walked]) -> None:
    def best(walked: Walked) -> float:
        return max(look.momentum.score for look in walked.looks)

    runners = [best(walked) for walked in market if walked.plan.peak_multiple >= 3]
    others = [best(walked) for walked in market if walked.plan.peak_multiple < 1.3]
    assert mean(runners) > mean(others) + 30
    assert min(runners) > mean(others)


def test_the_graduates_of_every_market_are_seen_running_to_their_pool(market: list[Walked]) -> None:
    graduates = [walked for walked in market if walked.looks[-1].curve.complete]
    assert {walked.plan.index for walked in graduates} >= {GRADUATE_INDEX}
    assert all(walked.strongest("graduation_run") >= 0.5 for walked in graduates)
    small = [walked.strongest("graduation_run") for walked in market if walked.plan.peak_multiple < 3]
    assert max(small) < 0.5
