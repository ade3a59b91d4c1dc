"""Each pattern by a launch that shows it and by one that only looks like it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.analysis.facts import Facts
from bot.analysis.patterns import Sign
from bot.analysis.token_analysis import Analysis, TokenAnalysis
from tests.analysis.launch_samples import BORN_MS, CREATOR, Market

FOUND = 0.5


def read(market: Market, after_ms: int, facts: Facts | None = None) -> Analysis:
    token = TokenAnalysis(market.launch)
    for trade in market.told:
        assert token.add(trade)
    token.learn(facts or Facts())
    return token.analysis(BORN_MS + after_ms)


def crowd_from(market: Market, first_ms: int, buyers: int, gap_ms: int, sol: float = 0.3) -> int:
    """That many buyers in turn; when the last one bought."""
    for number in range(buyers):
        market.buy(f"buyer-{number}", sol, first_ms + number * gap_ms)
    return first_ms + (buyers - 1) * gap_ms


def stealthy() -> Analysis:
    market = Market()
    market.buy(CREATOR, 0.1, 0)
    market.buy("first", 0.2, 9_000)
    return read(market, crowd_from(market, 70_000, 14, 3_000) + 1_000)


def noticed_at_once() -> Analysis:
    market = Market()
    market.buy(CREATOR, 0.1, 0)
    crowd_from(market, 800, 8, 500)
    for number in range(14):
        market.buy(f"later-{number}", 0.3, 70_000 + number * 3_000)
    return read(market, 112_000)


def accumulating() -> Analysis:
    market = Market()
    end_ms = crowd_from(market, 2_000, 8, 1_000)
    for number in range(5):
        market.buy("whale", 0.6, end_ms + number * 6_000)
    return read(market, end_ms + 26_000)


def one_big_buy() -> Analysis:
    market = Market()
    market.buy("whale", 3.0, 3_000)
    return read(market, crowd_from(market, 4_000, 8, 1_000))


def accumulated_and_sold() -> Analysis:
    market = Market()
    for number in range(5):
        market.buy("whale", 0.6, 3_000 + number * 6_000)
    market.sell("whale", 0.2, 30_000)
    return read(market, 31_000)


def bundled() -> Analysis:
    market = Market()
    market.buy(CREATOR, 1.0, 0)
    for number in range(7):
        market.buy(f"friend-{number}", 0.9, 100)
    return read(market, 2_000)


def crowded_later() -> Analysis:
    market = Market()
    market.buy(CREATOR, 1.0, 0)
    return read(market, crowd_from(market, 800, 7, 200, 0.9))


def washed() -> Analysis:
    market = Market()
    for number in range(12):
        name = f"washer-{number % 3}"
        market.buy(name, 1.0, 2_000 + number * 2_000)
        market.sell(name, 1.0, 3_000 + number * 2_000)
    return read(market, 28_000)


def scalped() -> Analysis:
    """Many come, some of them take a gain once: the volume is theirs, not one wallet's to and fro."""
    market = Market()
    for number in range(20):
        market.buy(f"scalper-{number}", 1.0, 2_000 + number * 1_000)
        if number >= 8:
            market.sell(f"scalper-{number - 8}", 1.0, 2_500 + number * 1_000)
    return read(market, 24_000)


def washed_beside_a_crowd() -> Analysis:
    market = Market()
    for number in range(16):
        market.buy(f"small-{number}", 0.05, 1_000 + number * 1_500)
        name = f"washer-{number % 2}"
        market.buy(name, 1.5, 1_500 + number * 1_500)
        market.sell(name, 1.0, 2_000 + number * 1_500)
    return read(market, 28_000)


def insiders_keep_theirs() -> Analysis:
    """The creator takes a little three times, and others empty the curve."""
    market = Market()
    market.buy(CREATOR, 3.0, 0)
    end_ms = crowd_from(market, 1_000, 10, 1_000)
    for number in range(9):
        market.sell(f"buyer-{number}", 1.0, end_ms + 4_000 * (number + 1))
    for number in range(3):
        market.sell(CREATOR, 0.05, end_ms + 40_000 + number * 1_000)
    return read(market, end_ms + 44_000)


def drained_slowly() -> Analysis:
    market = Market()
    market.buy(CREATOR, 3.0, 0)
    end_ms = crowd_from(market, 1_000, 10, 1_000)
    for number in range(8):
        market.sell(CREATOR, 0.25, end_ms + 4_000 * (number + 1))
    return read(market, end_ms + 34_000)


def others_take_gains() -> Analysis:
    market = Market()
    market.buy(CREATOR, 3.0, 0)
    end_ms = crowd_from(market, 1_000, 10, 1_000)
    for number in range(8):
        market.sell(f"buyer-{number}", 1.0, end_ms + 4_000 * (number + 1))
    return read(market, end_ms + 34_000)


def running_to_graduation() -> Analysis:
    market = Market()
    return read(market, crowd_from(market, 2_000, 50, 1_500, 1.2))


def stalled_before_graduation() -> Analysis:
    market = Market()
    return read(market, crowd_from(market, 2_000, 50, 1_500, 1.2) + 90_000)


CASES: list[tuple[str, Callable[[], Analysis], bool]] = [
    ("stealth_launch", stealthy, True),
    ("stealth_launch", noticed_at_once, False),
    ("whale_accumulation", accumulating, True),
    ("whale_accumulation", one_big_buy, False),
    ("whale_accumulation", accumulated_and_sold, False),
    ("bundled_launch", bundled, True),
    ("bundled_launch", crowded_later, False),
    ("wash_trading", washed, True),
    ("wash_trading", washed_beside_a_crowd, True),
    ("wash_trading", scalped, False),
    ("slow_rug", drained_slowly, True),
    ("slow_rug", others_take_gains, False),
    ("slow_rug", insiders_keep_theirs, False),
    ("graduation_run", running_to_graduation, True),
    ("graduation_run", stalled_before_graduation, False),
]


@pytest.mark.parametrize(("name", "scenario", "is_there"), CASES, ids=[f"{n}-{s.__name__}" for n, s, _ in CASES])
def test_a_pattern_is_found_where_it_is_and_nowhere_else(
    name: str, scenario: Callable[[], Analysis], is_there: bool
) -> None:
    found = dict(scenario().patterns.found)
    assert (name in found) is is_there
    if is_there:
        assert found[name].evidence


def test_wallets_in_one_transaction_acted_together_whenever_they_bought() -> None:
    market = Market()
    market.buy(CREATOR, 0.5, 0)
    trades = [market.buy(f"friend-{number}", 1.2, 3_000) for number in range(5)]
    token = TokenAnalysis(market.launch)
    token.add(market.told[0])
    for trade in trades:
        token.add(replace(trade, signature="bundle"))
    apart = read(market, 4_000)
    together = token.analysis(BORN_MS + 4_000)
    assert (apart.holders.bundled, together.holders.bundled) == (0, 5)
    assert apart.patterns.bundled_launch == Sign()
    assert together.patterns.bundled_launch.strength >= FOUND
    assert together.scam.score > apart.scam.score + 20


def test_wallets_with_sol_from_one_source_acted_together() -> None:
    market = Market()
    names = [f"friend-{number}" for number in range(5)]
    for number, name in enumerate(names):
        market.buy(name, 1.2, 3_000 + number * 700)
    one_source = Facts(funders=dict.fromkeys(names, "source"))
    two_each = Facts(funders={name: f"source-{number // 2}" for number, name in enumerate(names)})
    assert read(market, 8_000, one_source).holders.bundled == 5
    assert read(market, 8_000, one_source).patterns.bundled_launch.strength >= FOUND
    assert read(market, 8_000, two_each).holders.bundled == 0


def test_a_launch_without_a_trade_shows_no_pattern() -> None:
    assert read(Market(), 400_000).patterns.found == ()
