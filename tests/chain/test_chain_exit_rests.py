"""All endpoints at once refuse for the rate of our requests: an exit waits for the end of a short rest, others are refused."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from bot.chain.rests import EXIT_WAITS_S
from bot.errors import ChainUnavailable
from bot.execution.lanes import exit_lane
from tests.chain.test_chain_lies import Liars, bought, liars, sold


def all_refuse(scene: Liars, fault: str, for_s: float = 3600.0) -> None:
    for number in range(1, 4):
        scene.lie(fault, f"rpc-{number}", for_s)


async def test_an_exit_lands_while_each_endpoint_refuses_three_requests_of_four(autojump_clock: MockClock) -> None:
    async with liars() as scene:
        trader, mint, held = await bought(scene)
        all_refuse(scene, "flood")
        await sold(scene, trader, mint, held)


async def test_an_exit_waits_for_the_first_rest_to_end_and_anybody_else_is_refused_at_once(
    autojump_clock: MockClock,
) -> None:
    async with liars() as scene:
        _, mint, _ = await bought(scene)
        all_refuse(scene, "rate-limit", for_s=0.5)
        for _ in range(2):
            with pytest.raises(ChainUnavailable):
                await scene.chain.venue(mint)
        asked_s = trio.current_time()
        with pytest.raises(ChainUnavailable):
            await scene.chain.venue(mint)
        assert trio.current_time() == asked_s
        with exit_lane():
            assert await scene.chain.venue(mint)
        assert 0 < trio.current_time() - asked_s <= 1.5


async def test_an_exit_gives_up_when_the_refusals_do_not_end(autojump_clock: MockClock) -> None:
    async with liars() as scene:
        _, mint, _ = await bought(scene)
        all_refuse(scene, "rate-limit")
        asked_s = trio.current_time()
        with exit_lane(), pytest.raises(ChainUnavailable):
            await scene.chain.venue(mint)
        assert EXIT_WAITS_S - 1.5 <= trio.current_time() - asked_s <= EXIT_WAITS_S
