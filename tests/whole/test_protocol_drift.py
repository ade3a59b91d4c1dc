"""A program of the chain that changes under the bot: its entries close, alone; exits go on; it opens by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import trio
from solders.account import Account
from solders.keypair import Keypair
from trio.testing import MockClock

from bot.chain import layouts
from bot.chain.launchpad_config import CONFIG_MAX_AGE_S
from bot.errors import ChainUnavailable
from bot.execution.event_reads import EventReads
from bot.execution.ordered_causes import DRIFT
from bot.localnet.addresses import GLOBAL_ACCOUNT
from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted
from bot.trading.drift import READ_LATEST, READ_MIN, READ_WITHIN_S
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, closed, make_world, open_for_entries, quick_policy, running_bot, until

TENTH = LAMPORTS_PER_SOL // 10
KEEPS = UserSettings(max_hold_s=None, stop_loss_bps=None, take_profit_bps=None, protection_buy="open")
POLICY = replace(quick_policy(), canary_interval_s=5.0)
CLOSED = (DRIFT, "program:pumpfun")
RECIPIENTS = ((41, 1), (162, 7))  # offsets and counts of the launchpad's fee recipients


def decree(chain: InProcessChain, change: Callable[[bytearray], None]) -> Account:
    """Change the launchpad's Global account; what it was."""
    accounts = chain.cluster.chain.accounts
    before = accounts.get(GLOBAL_ACCOUNT)
    assert before is not None
    data = bytearray(before.data)
    change(data)
    accounts.put(GLOBAL_ACCOUNT, Account(before.lamports, bytes(data), before.owner))
    return before


def other_layout(data: bytearray) -> None:
    data[:8] = bytes(8)


def other_recipients(chain: InProcessChain) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        for offset, count in RECIPIENTS:
            for at in range(offset, offset + 32 * count, 32):
                key = Keypair.from_seed(at.to_bytes(32, "little")).pubkey()
                chain.cluster.fund(key, LAMPORTS_PER_SOL)
                data[at : at + 32] = bytes(key)

    return change


def is_closed(bot: TradingBot) -> bool:
    return bot.guard.stands(*CLOSED)


async def two_coins(world: World) -> tuple[str, str]:
    one, other = await coins(Crowd(world.chain), 2)
    return one, other


async def coins(crowd: Crowd, count: int) -> list[str]:
    mints = [crowd.launch() for _ in range(count)]
    await trio.sleep(1)
    for mint in mints:
        crowd.buy(mint, 5, LAMPORTS_PER_SOL)
    await trio.sleep(2)
    return mints


async def test_another_layout_closes_entries_of_that_program_alone_until_it_is_back(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", KEEPS)
    async with running_bot(world, policy=POLICY) as bot:
        await open_for_entries(bot)
        held, other = await two_coins(world)
        assert isinstance(await bot.desk.submit(order(user, wallet, held, spend_lamports=TENTH)), Submitted)
        await bought(world, 1)
        assert not is_closed(bot)

        before = decree(world.chain, other_layout)
        await until(lambda: is_closed(bot), within_s=30)
        assert not bot.guard.stands(DRIFT, "program:pumpswap")
        assert bot.guard.state == "OPEN"
        assert any("pumpfun is not as it was" in line and "protocol-drift.md" in line for line in world.alerts)
        refused = await bot.desk.submit(order(user, wallet, held, key="more", spend_lamports=TENTH))
        assert isinstance(refused, Refused)
        assert (refused.code, DRIFT in refused.reason) == ("paused", True)

        world.chain.cluster.chain.accounts.put(GLOBAL_ACCOUNT, before)
        out = await bot.desk.submit(order(user, wallet, held, key="out", share_bps=10_000))
        assert isinstance(out, Submitted)
        await closed(world, 1)
        await until(lambda: not is_closed(bot), within_s=120)
        await until(lambda: any("pumpfun is as it was" in line for line in world.alerts), within_s=90)
        assert isinstance(
            await bot.desk.submit(order(user, wallet, other, key="again", spend_lamports=TENTH)), Submitted
        )
        assert world.reports == []


async def test_a_position_is_watched_and_sold_by_what_was_known_while_the_launchpad_has_another_layout(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", replace(KEEPS, stop_loss_bps=1_000))
    async with running_bot(world, policy=POLICY) as bot:
        await open_for_entries(bot)
        crowd = Crowd(world.chain)
        held, _ = await coins(crowd, 2)
        crowd.buy(held, 7, 5 * LAMPORTS_PER_SOL)
        await trio.sleep(2)
        assert isinstance(await bot.desk.submit(order(user, wallet, held, spend_lamports=TENTH)), Submitted)
        await bought(world, 1)
        decree(world.chain, other_layout)
        await until(lambda: is_closed(bot), within_s=30)
        await trio.sleep(3 * CONFIG_MAX_AGE_S)
        assert [position.mint for position in await world.store.open_positions()] == [held]
        crowd.sell_all(held, 7)
        await closed(world, 1)
        assert world.reports == []


async def test_a_bot_that_starts_while_the_launchpad_has_another_layout_waits_for_its_fees_and_crashes_nobody(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", KEEPS)
    before = decree(world.chain, other_layout)
    async with running_bot(world, policy=POLICY) as bot:
        await until(lambda: is_closed(bot), within_s=60)
        with pytest.raises(ChainUnavailable, match="the launchpad's fees cannot be read"):
            await bot.adapters.chain.fees()
        world.chain.cluster.chain.accounts.put(GLOBAL_ACCOUNT, before)
        await until(lambda: not is_closed(bot), within_s=120)
        held, _ = await two_coins(world)
        assert isinstance(await bot.desk.submit(order(user, wallet, held, spend_lamports=TENTH)), Submitted)
        await bought(world, 1)
        assert world.reports == []


async def test_a_burst_of_unknown_errors_closes_a_program_and_simulated_trades_open_it(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", KEEPS)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mints = await coins(Crowd(world.chain), 3)
        assert isinstance(await bot.desk.submit(order(user, wallet, mints[0], spend_lamports=TENTH)), Submitted)
        await bought(world, 1)
        decree(world.chain, other_recipients(world.chain))
        for number, mint in enumerate(mints):
            if is_closed(bot):
                break
            request = order(user, wallet, mint, key=f"failing-{number}", spend_lamports=TENTH)
            refused = await bot.desk.submit(request)
            assert isinstance(refused, Refused)
        assert is_closed(bot)
        assert "errors that are not known here (6000)" in next(c.why for c in bot.guard.causes() if c.name == DRIFT)

        # Once the bot has read the new recipients it can trade again, in the simulation first.
        await until(lambda: not is_closed(bot), within_s=300)
        request = order(user, wallet, mints[1], key="again", spend_lamports=TENTH)
        assert isinstance(await bot.desk.submit(request), Submitted)
        await bought(world, 2)


async def test_honeypots_whose_sales_fail_close_no_program(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", KEEPS)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        crowd = Crowd(world.chain)
        await coins(crowd, 2)
        world.chain.set_fault("honeypot", for_s=2)
        traps = await coins(crowd, 3)
        for number, mint in enumerate(traps):
            bid = order(user, wallet, mint, key=f"in-{number}", spend_lamports=TENTH)
            assert isinstance(await bot.desk.submit(bid), Submitted)
            await bought(world, number + 1)
        for number, mint in enumerate(traps):
            await bot.desk.submit(order(user, wallet, mint, key=f"out-{number}", share_bps=10_000))
            await trio.sleep(15)
        assert sum("error" in line for line in world.told) >= len(traps)
        assert not is_closed(bot)
        assert not any("is not as it was" in line for line in world.alerts)


async def test_an_operator_can_open_a_closed_program(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        bot.protocol_watch.burst("pumpfun", "a drill")
        assert is_closed(bot)
        await trio.sleep(120)
        assert is_closed(bot), "without a coin to trade in a simulation nothing shows that it is well"
        assert await bot.guard.resume_by_operator()
        assert not is_closed(bot)


@pytest.mark.parametrize("source", ["logs", "grpc"])
async def test_trades_that_cannot_be_read_any_more_close_a_program_until_they_can(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    world = make_world(InProcessChain(seed=1))
    world.sources = (source,)
    async with running_bot(world, policy=POLICY) as bot:
        await open_for_entries(bot)
        mint, _ = await two_coins(world)
        crowd = Crowd(world.chain)
        with monkeypatch.context() as upgraded:
            upgraded.setattr(layouts, "TRADE_EVENT", b"tradev2.")
            for number in range(READ_MIN):
                crowd.buy(mint, 10 + number, TENTH)
                await trio.sleep(0.1)
            await until(lambda: is_closed(bot), within_s=5)
            [alert] = [line for line in world.alerts if "pumpfun is not as it was" in line]
            assert "told a launch or a trade that can be read here" in alert
            await trio.sleep(90)
            assert is_closed(bot)
            assert not bot.guard.stands(DRIFT, "program:pumpswap")
        for number in range(READ_MIN):
            crowd.buy(mint, 100 + number, TENTH)
            await trio.sleep(0.1)
        await until(lambda: not is_closed(bot), within_s=120)
        assert world.reports == []


async def test_pool_logs_count_and_old_ones_are_forgotten(autojump_clock: MockClock) -> None:
    told: list[tuple[str, str]] = []
    reads = EventReads(lambda program, why: told.append((program, why)))
    for _ in range(READ_MIN):
        reads.seen("pumpswap", is_readable=False)
    assert [program for program, _ in told] == ["pumpswap"]
    assert reads.problem("pumpswap") is not None
    assert reads.problem("pumpfun") is None
    await trio.sleep(READ_WITHIN_S + 1)
    assert reads.problem("pumpswap") is None
    for number in range(READ_LATEST * 2):
        reads.seen("pumpswap", is_readable=number % 5 == 0)
    assert reads.problem("pumpswap") is None
    assert len(told) == 1
