"""How often each followed wallet is read: never more than the credit allows, the busiest first, and none forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.chain import record_cache
from bot.chain.allowance import Allowance, AllowanceRule, left_of_month_s
from bot.chain.record_cache import KEPT_MAX, RecordCache
from bot.chain.wire import Message, Transaction, TransactionRecord
from bot.errors import ChainUnavailable
from bot.execution.scan_schedule import WEIGHT_MAX, ScanRule, ScanSchedule
from bot.trading.units import LAMPORTS_PER_SOL, span
from tests.scanner.scanner_world import FRIEND, LEADER, scanner_world, scanners

TENTH = LAMPORTS_PER_SOL // 10
RULE = ScanRule(least_s=30, requests_per_s=10, credit_share_bps=2_500)


def schedule(credit: float | None = None, *, wallets: int = 0) -> ScanSchedule:
    made = ScanSchedule(RULE, lambda: credit)
    for number in range(wallets):
        made.enter(str(number))
    return made


async def test_few_wallets_are_read_as_often_as_is_asked_for(autojump_clock: MockClock) -> None:
    assert schedule(wallets=200).longest_interval_s() == 30


async def test_what_the_credit_leaves_is_shared_and_what_trades_is_read_sooner(autojump_clock: MockClock) -> None:
    made = schedule(credit=8.0, wallets=10_000)
    assert made.requests_per_s() == 2.0
    assert made.longest_interval_s() == pytest.approx(10_000 / (0.9 * 2))
    made.looked("7", 3)
    assert made.interval_s("8") / made.interval_s("7") == pytest.approx(4)
    made.looked("7", 100)
    assert made.interval_s("8") / made.interval_s("7") == pytest.approx(WEIGHT_MAX)
    await trio.sleep(20 * 3_600)
    assert made.interval_s("7") == pytest.approx(made.interval_s("8"), rel=0.01)


async def test_wallets_that_the_stream_tells_of_leave_their_share_to_the_others(autojump_clock: MockClock) -> None:
    made = schedule(wallets=10_000)
    for number in range(9_000):
        made.told(str(number), by_stream=True)
    assert made.longest_interval_s() == pytest.approx((1_000 + 90) / 9)
    assert made.interval_s("0") == pytest.approx((1_000 + 90) / 9 * 100)
    made.rule = replace(RULE, requests_per_s=1_000)
    assert made.interval_s("0") == made.rule.told_least_s
    made.rule = RULE
    made.told("0", by_stream=False)
    for number in range(1, 9_001):
        made.leave(str(number))
    assert made.longest_interval_s() == pytest.approx(1_000 / 9, rel=0.01)


async def test_all_that_are_due_at_once_ask_one_after_another_and_hints_go_first(autojump_clock: MockClock) -> None:
    made = schedule()
    now_s = trio.current_time()
    assert [made.book() - now_s for _ in range(3)] == pytest.approx([0, 0.1, 0.2])
    assert made.book(is_urgent=True) == now_s
    assert made.book() - now_s == pytest.approx(0.4)


async def test_a_month_that_is_used_stops_nearly_everything(autojump_clock: MockClock) -> None:
    assert schedule(credit=0.0).requests_per_s() == 0.01


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), max_size=60),
    st.floats(0.5, 500, allow_nan=False),
    st.integers(1, 40),
    st.sets(st.integers(0, 40)),
)
def test_all_looks_together_never_ask_for_more_than_there_is(
    looked: list[tuple[int, int]], credit: float, wallets: int, told: set[int]
) -> None:
    async def main() -> None:
        made = schedule(credit, wallets=wallets)
        for wallet, transactions in looked:
            made.looked(str(wallet), transactions)
        for wallet in told:
            made.told(str(wallet), by_stream=True)
        looks_per_s = sum(1 / made.interval_s(str(number)) for number in range(wallets))
        assert looks_per_s * made._cost <= made.requests_per_s() + 1e-9

    trio.run(main, clock=MockClock())


def test_what_a_budget_leaves_for_the_rest_of_the_month() -> None:
    month, day_s = "2026-11", 86_400.0
    assert Allowance(AllowanceRule()).steady_per_s(month, day_s) is None
    assert Allowance(AllowanceRule(per_second=10)).steady_per_s(month, day_s) == 8
    both = Allowance(AllowanceRule(per_second=10, per_month=108_000, exit_share_bps=2_000))
    assert both.steady_per_s(month, day_s) == 1
    both.resume(month, 43_200)
    assert both.steady_per_s(month, day_s) == 0.5
    both.resume(month, 108_000)
    assert both.steady_per_s(month, day_s) == 0
    assert both.steady_per_s("2026-12", day_s) == 1
    assert left_of_month_s(1_798_761_599_000) == 1  # 2026-12-31T23:59:59Z


def test_lengths_of_time_for_people() -> None:
    assert [span(one) for one in (0.4, 40, 119.6, 720, 7_500)] == ["0 s", "40 s", "2 min", "12 min", "2 h 05 min"]


async def test_the_wallet_that_trades_is_found_sooner_than_the_one_that_rests(autojump_clock: MockClock) -> None:
    async with scanner_world() as world, scanners(world, poll_s=1) as life:
        life.schedule.rule = ScanRule(least_s=1, requests_per_s=0.2)
        busy = await life.follow()
        await life.follow(FRIEND)
        for _ in range(6):
            await world.buys(TENTH)
            await trio.sleep(10)
        await world.recorded(6, within_s=60)
        assert life.schedule.interval_s(busy.address) < life.schedule.interval_s(world.address(FRIEND)) / 3
        began_s, asked = trio.current_time(), len(world.door.asked)
        await trio.sleep(200)
        assert len(world.door.asked) - asked <= 0.2 * (trio.current_time() - began_s) + 1


async def test_a_transaction_of_two_followed_wallets_is_read_once(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_cache, "KEPT_S", 60.0)
    async with scanner_world() as world:
        mint = await world.buys(TENTH)
        [listed] = await world.history().transactions(world.address(LEADER), limit=1)
        history = world.history()
        world.door.asked.clear()
        async with trio.open_nursery() as nursery:
            for trader in (LEADER, FRIEND):
                nursery.start_soon(history.swaps, listed.signature, world.address(trader))
        assert world.door.asked == ["getTransaction"]
        swaps = await history.swaps(listed.signature, world.address(LEADER))
        assert swaps is not None
        assert [swap.mint for swap in swaps] == [mint]
        assert len(world.door.asked) == 1
        await trio.sleep(60)
        await history.swaps(listed.signature, world.address(LEADER))
        assert len(world.door.asked) == 2


async def test_the_memory_is_bounded_and_keeps_neither_failures_nor_what_is_not_shown(
    autojump_clock: MockClock,
) -> None:
    answers: list[TransactionRecord | ChainUnavailable | None] = []
    record = TransactionRecord(1, Transaction(Message([])), None)

    async def read(_: str) -> TransactionRecord | None:
        await trio.lowlevel.checkpoint()
        answer = answers.pop(0) if answers else record
        if isinstance(answer, ChainUnavailable):
            raise answer
        return answer

    cache = RecordCache(read)
    answers += [ChainUnavailable("away"), None, record]
    with pytest.raises(ChainUnavailable):
        await cache.record("a")
    assert await cache.record("a") is None
    assert await cache.record("a") is record
    for number in range(KEPT_MAX + 10):
        await cache.record(str(number))
    assert len(cache) == KEPT_MAX
