"""What rings before it costs more: a wallet that cannot pay for its sales, a day's loss, an actor that crashes."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted
from bot.trading.ledger import SIGNATURE_FEE_LAMPORTS
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import kept_for_exits
from bot.trading.units import LAMPORTS_PER_SOL, format_sol
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.ledgers import Owner
from tests.whole.test_levels import KEEPS, with_position
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, closed, make_world, open_for_entries, pausing, running_bot, until

LEFT_LAMPORTS = 1_200_000
CAREFUL = UserSettings(
    take_profit_bps=None, stop_loss_bps=None, max_hold_s=None, daily_loss_limit_lamports=LAMPORTS_PER_SOL // 25
)


def told_of(world: World, words: str) -> tuple[int, int]:
    """How many messages to users, and how many alerts, have these words in them."""
    return sum(words in one for one in world.told), sum(words in one for one in world.alerts)


async def emptied_by_its_owner(world: World, bot: TradingBot) -> Owner:
    """A wallet with a position, of which its owner sent away nearly everything, and said that it was he."""
    [user] = await world.store.users()
    [wallet] = await world.store.wallets(user.id)
    owner = Owner(world, wallet)
    held_lamports = (await bot.adapters.chain.balances(wallet.address)).lamports
    await owner.sends(held_lamports - LEFT_LAMPORTS - SIGNATURE_FEE_LAMPORTS)
    await until(lambda: "outflow" in pausing(bot), within_s=120)
    await trio.sleep(120)
    return owner


async def test_a_wallet_that_cannot_pay_for_its_sales_is_told_of_once_and_its_end_too(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await with_position(world, bot, Crowd(world.chain), "demo-1", KEEPS)
        await trio.sleep(90)
        assert told_of(world, "less than the sales") == (0, 0)
        owner = await emptied_by_its_owner(world, bot)
        assert told_of(world, "less than the sales") == (0, 0), "nobody is to send SOL to a frozen wallet"
        assert await bot.guard.acknowledge_outflow(owner.wallet.user_id)
        await until(lambda: told_of(world, "less than the sales")[1] == 1, within_s=120)
        missing = format_sol(kept_for_exits(1) - LEFT_LAMPORTS)
        [line] = [one for one in world.alerts if "less than the sales" in one]
        assert f"Wallet {owner.wallet.address} of user demo-1 has 0.0012 SOL, {missing} SOL less" in line
        assert line.endswith("See runbooks/exit-fees.md.")
        await until(lambda: told_of(world, f"Send at least {missing} SOL there")[0] == 1, within_s=10)
        await trio.sleep(300)
        assert told_of(world, "less than the sales")[1] == 1
        [user] = await world.store.users()
        await bot.desk.submit(order(user, owner.wallet, mint, key="out", share_bps=10_000))
        await closed(world, 1)
        await until(lambda: told_of(world, "can pay for its sales again")[1] == 1, within_s=90)
        assert told_of(world, "SOL there, or sell now")[0] == 1


async def test_who_has_reached_his_loss_of_the_day_hears_it_before_he_buys(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        crowd.buy(mint := crowd.launch(), 7, LAMPORTS_PER_SOL // 2)
        await trio.sleep(2)
        user, wallet = await world.user("demo-1", CAREFUL)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL))
        await with_position(world, bot, crowd, "demo-2", CAREFUL)
        await trio.sleep(20)
        assert told_of(world, "today's loss") == (0, 0)
        crowd.sell_all(mint, 7)
        await until(lambda: told_of(world, "today's loss of")[1] == 1, within_s=30)
        await until(lambda: told_of(world, "Nothing is bought for you for now: today's loss of")[0] == 1, within_s=10)
        [line] = [one for one in world.alerts if "today's loss" in one]
        assert f"Entries of user {user.id} are closed" in line
        assert pausing(bot) == set(), "the gate refuses him; nobody is paused"
        await trio.sleep(300)
        assert told_of(world, "Nothing is bought for you")[0] == 1
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await trio.sleep(30)
        assert told_of(world, "Nothing is bought for you")[0] == 1, "a restart does not tell him again"
        assert isinstance(await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=10_000)), Submitted)


async def test_a_crash_is_told_with_its_path_and_class_and_never_with_its_text(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await world.user("demo-1", replace(KEEPS, snipe_enabled=True))
        world.database.broken.add("many_settings")
        await until(lambda: told_of(world, "ended by ZeroDivisionError; it is started again")[1] > 0, within_s=60)
        world.database.broken.clear()
        line = next(one for one in world.alerts if "ended by ZeroDivisionError" in one)
        assert line.endswith("See runbooks/crashed.md.")
        assert "a bug in" not in line
        assert any(report.kind == "failed" for report in world.reports)
