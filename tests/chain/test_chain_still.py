"""An endpoint whose slot stands still, in virtual time: it is no route, even where nobody is ahead of it."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from bot.errors import ChainUnavailable
from tests.chain.test_chain_pool import pool_of


async def test_an_only_endpoint_whose_slot_stands_still_is_no_route(autojump_clock: MockClock) -> None:
    pool = pool_of(1)
    for _ in range(6):
        await pool.endpoints.probe()
        await trio.sleep(1)
    with pytest.raises(ChainUnavailable, match=r"a:1: its slot stands at 300000003 for 6 s, 5 s are allowed"):
        await pool.endpoints.probe()
    (still,) = pool.chain.health()
    assert (still.healthy, still.state) == (False, "behind")
    assert await pool.chain.latest_blockhash(), "who has nobody else to ask still asks it"
    pool.net.step(1)
    assert (await pool.endpoints.probe()).endswith("1 of 1 endpoints")
    assert pool.chain.health()[0].state == "up"


async def test_a_bot_that_was_held_up_blames_no_endpoint_for_its_own_silence(autojump_clock: MockClock) -> None:
    pool = pool_of(1)
    await pool.endpoints.probe()
    pool.net.step(150)
    await trio.sleep(60)
    assert pool.chain.health()[0].state == "up"
    assert await pool.endpoints.probe()


async def test_of_two_the_one_whose_slot_stands_still_is_asked_last_before_it_lags(autojump_clock: MockClock) -> None:
    pool = pool_of()
    for second in range(8):
        pool.doors[0].slots_behind = second
        await pool.endpoints.probe()
        pool.net.step(1)
        await trio.sleep(1)
    pool.forget()
    assert [health.state for health in pool.chain.health()] == ["behind", "up"]
    await pool.chain.finalized_height()
    assert (len(pool.doors[0].asked), len(pool.doors[1].asked)) == (0, 1)
