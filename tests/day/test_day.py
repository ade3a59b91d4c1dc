"""What weighs a bot finds what grows in it, and a short piece of a day plays."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest
from solders.pubkey import Pubkey

from bot.chain.addresses import bonding_curve
from bot.execution.price_book import PriceBook
from tests.day.bounds import bounds, over
from tests.day.campaign import Day, DayPlan, play
from tests.day.weigh import Weight, empty_caches, grown, weigh


@dataclass
class Rows:
    """A store that has one table."""

    _rows: dict[str, list[int]] = field(default_factory=dict)


async def test_a_book_that_grows_is_named_and_what_the_store_holds_is_not_the_bots() -> None:
    book, store = PriceBook(), Rows()
    before = weigh(store, [])
    for number in range(300):
        book.follow(f"mint-{number}")
        store._rows[f"row-{number}"] = [number] * 1_000
    after = weigh(store, [])
    assert after.rows["_rows"] == 300
    assert list(grown(before.held, after.held, by=1.1, at_least=50)) == ["PriceBook._entries"]
    assert after.own_bytes - before.own_bytes < 1_000_000, "eight kilobytes of each row are the store's"


def test_caches_with_a_bound_are_emptied_before_a_day_with_small_memories_is_weighed() -> None:
    bonding_curve(Pubkey.default())
    assert bonding_curve.cache_info().currsize
    empty_caches()
    assert bonding_curve.cache_info().currsize == 0


def test_a_container_without_a_bound_that_keeps_growing_is_no_flat_day() -> None:
    day = Day()
    for hour in range(1, 9):
        held = {"Some._mints": 100 * hour, "EarlyBuyers._early": 1_000 * hour, "Other._steady": 500}
        day.weights.append(Weight(10**7, 1, 10, 10, 1, held=Counter(held), kinds=Counter(), rows=Counter()))
    assert day.leaks() == ["Some._mints: 200 to 800"]
    assert over(Counter({"EarlyBuyers._early": 8_000}), bounds()) == []
    assert over(Counter({"EarlyBuyers._early": 80_000}), bounds()) == [
        "EarlyBuyers._early: 80,000, and its bound is 10,000"
    ]


def test_some_minutes_of_a_day_play_from_their_seed(capsys: pytest.CaptureFixture[str]) -> None:
    day = play(DayPlan(seed=2, hours=2 / 60, people=3, launch_every_s=12.0, word_every_s=15.0, weighed_every_s=60.0))
    assert day.reports == []
    assert day.launched >= 4
    assert len(day.weights) == 2
    last = day.weights[-1]
    assert last.rows["_users"] >= 4
    assert last.tasks > 50
    assert 10**6 < last.own_bytes < 10**9
    assert "own memory" in capsys.readouterr().out
