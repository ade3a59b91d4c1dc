"""The ranking and the market beside a bot that hunts: from the stream's events alone, and what the chain says of the best."""

from __future__ import annotations

import structlog
import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.virtual import make_world, open_for_entries, running_bot

ROUND_S = 31.0


async def test_the_best_tokens_are_told_every_half_minute_with_what_the_chain_says_of_them(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    with structlog.testing.capture_logs() as lines:
        async with running_bot(world) as bot:
            await open_for_entries(bot)
            await trio.sleep(1)
            quiet, busy = crowd.launch(), crowd.launch()
            crowd.buy(quiet, 1, LAMPORTS_PER_SOL // 10)
            await trio.sleep(14)
            for trader in range(2, 14):
                crowd.buy(busy, trader, LAMPORTS_PER_SOL // 2)
                await trio.sleep(0.5)
            await trio.sleep(ROUND_S)
            analyses = bot.hunt.analyses
            assert [one.launch.mint for one in analyses.ranking] == [busy, quiet]
            best = analyses.analysis(busy, world.clock.now_ms())
            assert best is not None
            assert best.holders.chain_top10_share > 0.1
            assert best.safety.known
            assert best.holders.holders == 12
            # An endpoint that is away costs facts; the ranking goes on without it.
            world.chain.set_fault("rpc-down", for_s=300)
            told = sum(line["event"] == "ranking_updated" for line in lines)
            await trio.sleep(3 * ROUND_S)
            assert sum(line["event"] == "ranking_updated" for line in lines) >= told + 2
            bot.supervisor("hunt", "records").kill("market_analyst")
            await trio.sleep(2 * ROUND_S)
            assert sum(line["event"] == "ranking_updated" for line in lines) >= told + 4


BUNDLED, STRANGERS, CUSTOMERS = (31, 32, 33, 34), (41, 42, 43, 44), (51, 52, 53, 54)
HAND, EXCHANGE = 30, 50


async def test_first_buyers_with_sol_from_one_hand_are_seen_together_and_customers_of_an_exchange_are_not(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        for number in range(100):
            crowd.pay(EXCHANGE, 1_000 + number, LAMPORTS_PER_SOL // 100)
        for trader in BUNDLED:
            crowd.pay(HAND, trader, LAMPORTS_PER_SOL)
        for trader in CUSTOMERS:
            crowd.pay(EXCHANGE, trader, LAMPORTS_PER_SOL)
        await trio.sleep(2)
        other = crowd.launch()
        await trio.sleep(2)
        for trader in STRANGERS:
            # Somebody opens an account for a wallet that is empty: that brings it nothing.
            crowd.open_account(other, HAND, crowd.address(trader))
        await trio.sleep(2)
        for trader in STRANGERS:
            crowd.pay(trader + 100, trader, LAMPORTS_PER_SOL)
        await trio.sleep(2)
        mints = {buyers: crowd.launch() for buyers in (BUNDLED, STRANGERS, CUSTOMERS)}
        await trio.sleep(12)
        for buyers, mint in mints.items():
            for trader in buyers:
                crowd.buy(mint, trader, LAMPORTS_PER_SOL * 9 // 10)
                await trio.sleep(0.5)
        await trio.sleep(ROUND_S)
        analyses = bot.market.analyses
        tokens = [token for mint in mints.values() if (token := analyses.of(mint)) is not None]
        assert [token.knows_funders for token in tokens] == [True, True, True]
        assert [token.analysis(world.clock.now_ms()).holders.bundled for token in tokens] == [4, 0, 0]


async def test_a_bot_that_starts_again_goes_on_with_the_tokens_and_the_creators_of_its_recording(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        for trader in CUSTOMERS:
            await trio.sleep(1)
            crowd.buy(mint, trader, LAMPORTS_PER_SOL // 10)
        await trio.sleep(5)
        before = bot.market.analyses.analysis(mint, world.clock.now_ms())
        assert before is not None
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        crowd.buy(mint, BUNDLED[0], LAMPORTS_PER_SOL // 10)
        other = crowd.launch()
        await trio.sleep(5)
        after = bot.market.analyses.analysis(mint, world.clock.now_ms())
        assert after is not None
        assert after.features.buys == before.features.buys + 1
        assert after.features.distinct_buyers == before.features.distinct_buyers + 1
        second = bot.market.analyses.analysis(other, world.clock.now_ms())
        assert second is not None
        assert second.creator.past is not None
        assert second.creator.past.launches == 1
