"""How long the pool waits for an endpoint, and how long it leaves one alone that asks for it, in virtual time."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from bot.chain.endpoint import HEDGE_S, ORDINARY_CALLS
from bot.chain.latencies import ENOUGH
from bot.chain.rpc import RpcClient
from bot.chain.transport import RateLimited
from bot.errors import ChainUnavailable
from bot.execution.lanes import exit_lane
from tests.chain.test_chain_pool import SIGNATURE, WALLET, pool_of


async def test_a_long_retry_after_is_honoured_whole_and_an_exit_with_nobody_else_tries_once_a_minute(
    autojump_clock: MockClock,
) -> None:
    pool = pool_of(1)
    (door,) = pool.doors
    door.refusal = RateLimited("a:1: 429", 3_600)
    for _ in range(600):
        with pytest.raises(ChainUnavailable):
            await pool.chain.finalized_height()
        with pytest.raises(ChainUnavailable):
            await pool.endpoints.probe()
        with exit_lane(), pytest.raises(ChainUnavailable):
            await pool.chain.finalized_height()
        await trio.sleep(1)
    assert len(door.asked) == 10
    door.refusal = None
    await trio.sleep(60)
    with exit_lane():
        assert await pool.chain.finalized_height() >= 0


async def test_an_exit_waits_for_an_endpoint_as_long_as_that_one_usually_takes(autojump_clock: MockClock) -> None:
    pool = pool_of()
    usual_s = 0.06
    pool.doors[0].delay_s = usual_s
    for _ in range(ENOUGH):
        await pool.endpoints._endpoints[0].ask(RpcClient.slot)
    pool.doors[1].delay_s = 10 * usual_s
    await pool.endpoints._endpoints[1].ask(RpcClient.slot)
    pool.doors[1].delay_s = 0.0
    asked, counted = len(pool.doors[1].asked), pool.chain.health()[1].asked_this_month
    pool.doors[0].hangs = True
    started = trio.current_time()
    await pool.chain.market_unit_price(WALLET)
    assert trio.current_time() - started == pytest.approx(usual_s)
    assert pool.doors[1].asked[asked:] == ["getRecentPrioritizationFees"]
    assert pool.chain.health()[1].asked_this_month == counted + 1


async def test_what_a_transaction_did_is_asked_of_two_at_the_same_time(autojump_clock: MockClock) -> None:
    pool = pool_of()
    pool.doors[0].hangs = True
    started = trio.current_time()
    # The other endpoint does not know the transaction, and this one might: it is waited for.
    with trio.move_on_after(2 * HEDGE_S):
        await pool.chain.landed(SIGNATURE, WALLET, WALLET)
    assert pool.doors[1].asked_at_s[0] == started


async def test_calls_that_have_no_room_wait_for_it_in_the_order_in_which_they_came(autojump_clock: MockClock) -> None:
    pool = pool_of(1)
    pool.doors[0].delay_s = 0.5
    served: list[int] = []

    async def ask(number: int) -> None:
        await pool.chain.finalized_height()
        served.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(5 * ORDINARY_CALLS):
            nursery.start_soon(ask, number)
            await trio.testing.wait_all_tasks_blocked()
    turns = [sorted(served[start : start + ORDINARY_CALLS]) for start in range(0, len(served), ORDINARY_CALLS)]
    assert turns == [list(range(start, start + ORDINARY_CALLS)) for start in range(0, len(served), ORDINARY_CALLS)]
