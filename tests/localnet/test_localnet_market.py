"""The generated market: the shapes of the real one, a lively start, and nothing but real transactions."""

from __future__ import annotations

import functools
import json
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.localnet.addresses import associated_token, bonding_curve
from bot.localnet.cluster import Cluster
from bot.localnet.inprocess import InProcessChain
from bot.localnet.market import generator, shapes
from bot.localnet.market.generator import CREATORS, TRADERS, GeneratedMarket
from bot.localnet.market.plan import CREATOR, MAX_TRADES, POOL_TRADES_MAX, SHOWCASE_INDEX, LaunchPlan, plan_launch
from bot.localnet.market.pool import derived_keypair
from bot.localnet.store import Store
from tests.localnet.localnet_scenario import SOL
from tests.localnet.market_simulation import Outcome, simulate

LAUNCHES = 3_000


def plan(seed: int, index: int) -> LaunchPlan:
    return plan_launch(seed, index, traders=TRADERS, creators=CREATORS)


@functools.cache
def outcomes() -> tuple[Outcome, ...]:
    return tuple(simulate(plan(2026, index)) for index in range(10, 10 + LAUNCHES))


@pytest.mark.parametrize(
    ("multiple", "low", "high"),
    [(1.2, 0.46, 0.57), (1.5, 0.21, 0.29), (2, 0.09, 0.145), (3, 0.03, 0.06), (5, 0.01, 0.027), (10, 0.001, 0.01)],
)
def test_prices_rise_from_the_launch_as_often_as_recorded(multiple: float, low: float, high: float) -> None:
    share = sum(outcome.peak >= multiple for outcome in outcomes()) / LAUNCHES
    assert low <= share <= high


def test_more_than_a_third_of_the_launches_die_at_the_start() -> None:
    assert 0.32 <= sum(outcome.trades_after_start == 0 for outcome in outcomes()) / LAUNCHES <= 0.42


def test_a_crowd_doubles_and_halves_as_often_as_recorded_within_a_factor() -> None:
    crowds = [outcome for outcome in outcomes() if outcome.crowd_doubled is not None]
    assert 0.02 <= len(crowds) / LAUNCHES <= 0.08
    assert 0.04 <= sum(bool(outcome.crowd_doubled) for outcome in crowds) / len(crowds) <= 0.28
    assert 0.04 <= sum(bool(outcome.crowd_halved) for outcome in crowds) / len(crowds) <= 0.26


def test_graduation_is_rare_and_most_tokens_end_below_their_peak() -> None:
    assert sum(outcome.graduated for outcome in outcomes()) / LAUNCHES <= 0.004
    lost = [outcome for outcome in outcomes() if outcome.peak > 1.3]
    assert sum(outcome.last < 0.85 * outcome.peak for outcome in lost) / len(lost) >= 0.5


def test_trading_is_mostly_in_the_first_minutes_and_some_trades_fail() -> None:
    trades = [trade for index in range(10, 400) for trade in plan(2026, index).trades]
    early = sum(trade.at_ms <= 120_000 for trade in trades) / len(trades)
    assert early >= 0.5
    failed, done = (sum(getattr(outcome, name) for outcome in outcomes()) for name in ("failed", "trades"))
    assert 0.01 <= failed / done <= 0.10


def test_creators_repeat_and_mostly_leave_soon() -> None:
    plans = [plan(2026, index) for index in range(10, 1_010)]
    busiest = Counter(one.creator for one in plans).most_common(CREATORS // 10)
    assert sum(count for _, count in busiest) >= 250
    left = sum(any(trade.trader == CREATOR and not trade.buys for trade in one.trades) for one in plans)
    assert 0.4 <= left / len(plans) <= 0.9


@given(st.integers(0, 2**63), st.integers(0, 10**6))
def test_a_plan_follows_from_its_seed_and_stays_within_its_limits(seed: int, index: int) -> None:
    drawn = plan(seed, index)
    assert drawn == plan(seed, index)
    assert len(drawn.trades) <= MAX_TRADES + POOL_TRADES_MAX + 15
    assert [trade.at_ms for trade in drawn.trades] == sorted(trade.at_ms for trade in drawn.trades)
    assert all(0 < trade.spend_lamports < 100 * SOL for trade in drawn.trades if trade.buys)
    assert all(0 < trade.share_bps <= 10_000 for trade in drawn.trades if not trade.buys)
    assert len(drawn.name) <= 32
    assert len(drawn.symbol) <= 13


@given(st.floats(0, 1))
def test_survival_is_the_inverse_of_the_peak(share: float) -> None:
    assert shapes.survival(shapes.peak_multiple(share)) == pytest.approx(share, abs=1e-9)


@pytest.mark.parametrize("seed", [0, 1, 7, 12_345])
def test_a_new_chain_soon_has_a_launch_that_many_different_buyers_want(seed: int) -> None:
    chain = InProcessChain(seed=seed, market=GeneratedMarket(seed))
    buyers: defaultdict[str, set[str]] = defaultdict(set)
    for _ in range(25):
        for landed in chain.step().transactions:
            if landed.record.error is None and any("BuyExact" in line for line in landed.record.logs):
                mint = landed.record.post_tokens[0].mint
                buyers[mint].add(landed.record.account_keys[0])
    showcase = str(derived_keypair("mint", seed, SHOWCASE_INDEX).pubkey())
    assert len(buyers[showcase]) >= 6


def test_everything_is_a_transaction_that_a_real_node_would_take() -> None:
    market = GeneratedMarket(11)
    chain = InProcessChain(seed=11, market=market)
    failures: Counter[str] = Counter()
    landed = 0
    for _ in range(220):
        for one in chain.step().transactions:
            landed += 1
            assert len(one.record.raw) <= 1232
            if one.record.error is not None:
                failures[json.dumps(one.record.error)] += 1
    assert market.statistics()["launches"] >= 30
    assert 0.005 <= sum(failures.values()) / landed <= 0.10
    assert max(failures, key=lambda text: failures[text]).endswith('{"Custom": 6042}]}')


def lasts_ms(drawn: LaunchPlan) -> int:
    return drawn.trades[-1].at_ms if drawn.trades else 0


def test_tokens_long_dead_are_removed_unless_somebody_holds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "MAX_FINISHED_TOKENS", 4)
    seed = next(seed for seed in range(1_000) if all(lasts_ms(plan(seed, index)) < 80_000 for index in range(5)))
    market = GeneratedMarket(seed)
    cluster = Cluster(Store(), seed=seed, salt=b"", time_s=1, clock=lambda: 0.0, market=market)
    accounts = cluster.chain.accounts
    mints = [derived_keypair("mint", seed, index).pubkey() for index in range(5)]
    adopted = None
    for height in range(250):
        cluster.tick(height)
        if adopted is None:
            adopted = next((mint for mint in mints if accounts.tokens_of_mint(mint)), None)
            if adopted is not None:
                _give_to_a_stranger(cluster, adopted)
    removed = [mint for mint in mints if accounts.get(mint) is None]
    assert len(removed) >= 3
    assert adopted is not None
    assert adopted not in removed
    assert all(not accounts.tokens_of_mint(mint) for mint in removed)
    assert all(accounts.get(bonding_curve(mint)) is None for mint in removed)


def _give_to_a_stranger(cluster: Cluster, mint: object) -> None:
    """Move a coin's curve tokens account under a wallet that the market does not know."""
    from solders.account import Account
    from solders.keypair import Keypair
    from solders.pubkey import Pubkey

    assert isinstance(mint, Pubkey)
    accounts = cluster.chain.accounts
    stranger = Keypair().pubkey()
    template = accounts.get(next(iter(accounts.tokens_of_mint(mint))))
    assert template is not None
    data = template.data[:32] + bytes(stranger) + (5).to_bytes(8, "little") + template.data[72:]
    accounts.put(associated_token(stranger, mint), Account(template.lamports, data, template.owner))
