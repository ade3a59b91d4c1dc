"""What one user asks the chain is bounded, so that he reads nobody else's endpoints empty; what sells is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.commands import BY_NAME, COMMANDS
from bot.telegram.read_quota import ReadQuota
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk, token_on_the_market
from tests.whole.virtual import quick_policy

FREE = ("sell", "confirm", "cancel", "positions", "orders", "panic", "status", "why", "limit", "pause")


class Seconds:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_minutes_credits_may_be_used_at_once_and_come_back_with_time() -> None:
    clock = Seconds()
    quota = ReadQuota(60, clock)
    assert [quota.take("ada", 20) for _ in range(4)] == [0, 0, 0, 20]
    assert quota.take("bob", 60) == 0
    clock.now_s += 19.5
    assert quota.take("ada", 20) == 1
    clock.now_s += 0.5
    assert quota.take("ada", 20) == 0
    assert quota.take("ada", 0) == 0
    clock.now_s += 3_600
    assert [quota.take("ada", 60), quota.take("ada", 1)] == [0, 1]


def test_a_command_that_costs_more_than_a_minute_brings_goes_once_a_minute() -> None:
    clock = Seconds()
    quota = ReadQuota(10, clock)
    assert [quota.take("ada", 500), quota.take("ada", 500)] == [0, 60]
    clock.now_s += 60
    assert quota.take("ada", 500) == 0


@given(asked=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20)), max_size=60), per_minute=st.integers(10, 200))
def test_nobody_spends_more_than_a_minutes_credits_and_what_came_back(
    asked: list[tuple[int, int]], per_minute: int
) -> None:
    clock = Seconds()
    quota = ReadQuota(per_minute, clock)
    spent = 0
    for cost, pause_s in asked:
        clock.now_s += pause_s
        if quota.take("ada", cost) == 0:
            spent += min(cost, per_minute)
        assert spent <= per_minute + (clock.now_s - 100) * per_minute / 60 + 1e-6


def test_what_sells_or_shows_what_can_be_sold_costs_nothing() -> None:
    assert {name for name in FREE if BY_NAME[name].credits} == set()
    assert {one.name for one in COMMANDS if one.credits} == {
        "wallet",
        "ai",
        "buy",
        "open",
        "balance",
        "price",
        "info",
        "mode",
    }


async def test_who_asks_for_too_much_hears_when_it_goes_again_and_sells_meanwhile(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(seed=1)
    policy = replace(quick_policy(), user_credits_per_minute=20)
    async with bot_on_telegram(talk, monkeypatch, policy=policy):
        await talk.asks("/start", "Send /start agree")
        await talk.agrees()
        mint = await token_on_the_market(talk)
        await talk.orders(f"/buy {mint} 0.1", "Bought")
        await talk.asks(f"/info {mint}", "market cap")
        await talk.asks(f"/info {mint}", "market cap")
        refused = await talk.asks(f"/info {mint}", "/info goes again in")
        assert "Everybody has 20 requests a minute here" in refused
        other = Talk(talk.world, talk.telegram, person=talk.person + 1)
        await other.asks("/start", "Send /start agree")
        await other.agrees()
        await other.asks(f"/info {mint}", "market cap")
        await talk.asks("/positions", "tokens")
        await talk.orders(f"/sell {mint} all", "Sold")
        await trio.sleep(30)
        await talk.asks(f"/price {mint}", "market cap")
