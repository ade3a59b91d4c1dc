"""What an outage of each service means for trading, on the whole bot in virtual time: short, long, and again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import trio
from trio.testing import MockClock

from actors.links import AGAIN_S
from bot.adapters import Chats
from bot.localnet.inprocess import InProcessChain
from bot.ports import ChatReply, ShownSecret, Submitted
from bot.telegram.gateway_memory import MemoryTelegram
from bot.trading.intent import Context
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import State
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, closed, make_world, open_for_entries, pausing, running_bot, until

KEEPS = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
STOPS = UserSettings(take_profit_bps=None, stop_loss_bps=1_000, max_hold_s=None)
TENTH = LAMPORTS_PER_SOL // 10


@dataclass(frozen=True, slots=True)
class NoDoor:
    """Nobody speaks to this bot; it is only polled for."""

    def is_secret(self, text: str) -> bool:
        return False

    async def answer(self, telegram_id: int, text: str, key: str) -> ChatReply:
        raise AssertionError("nobody speaks here")

    async def secrets_shown(self) -> list[ShownSecret]:
        return []


@asynccontextmanager
async def life(world: World) -> AsyncIterator[tuple[TradingBot, Crowd]]:
    """A bot that is open for entries."""
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        yield bot, Crowd(world.chain)


async def buys(world: World, bot: TradingBot, mint: str, key: str, context: Context) -> Submitted | Refused:
    """One buy of this origin by the one user."""
    user, wallet = await world.user("demo-1", STOPS)
    return await bot.desk.submit(replace(order(user, wallet, mint, key=key, spend_lamports=TENTH), context=context))


async def takes_s(condition: Callable[[], bool], *, within_s: float) -> float:
    """Seconds of virtual time until a condition holds."""
    began_s = trio.current_time()
    await until(condition, within_s=within_s)
    return trio.current_time() - began_s


# ---------------------------------------------------------------------------------------------------------------- rpc


async def test_no_rpc_pauses_everything_and_ends_by_itself_after_its_dwell(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with life(world) as (bot, _):
        world.chain.set_fault("rpc-down", for_s=20)
        await until(lambda: "rpc" in pausing(bot), within_s=10)
        assert (bot.guard.state, bot.guard.level) == (State.PAUSED, 2)
        assert bot.guard.covering("anybody", Context.MANUAL_COMMAND)[0] in {"rpc", "stream"}
        assert await takes_s(lambda: bot.guard.state is State.OPEN, within_s=60) > 30  # the outage and 15 s of dwell
        assert bot.guard.level == 1
        assert [change.state for change in bot.guard.history][-2:] == ["PAUSED", "OPEN"]
    assert sum("paused by rpc" in line for line in world.alerts) == 1
    assert "runbooks/no-rpc.md" in next(line for line in world.alerts if "paused by rpc" in line)


async def test_each_relapse_doubles_the_dwell(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with life(world) as (bot, _):
        dwells: list[float] = []
        for _round in range(3):
            world.chain.set_fault("rpc-down", for_s=5)
            await until(lambda: not bot.health["rpc"].healthy, within_s=10)
            await until(lambda: bot.health["rpc"].healthy, within_s=10)
            dwells.append(await takes_s(lambda: "rpc" not in pausing(bot), within_s=100))
        assert [round(dwell_s / 15) for dwell_s in dwells] == [1, 2, 4]


async def test_flapping_is_told_to_operators_at_most_once_a_minute(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    world.rules = {name: replace(rule, dwell_ms=100) for name, rule in world.rules.items()}
    async with life(world) as (bot, _):
        for _round in range(8):
            world.chain.set_fault("rpc-down", for_s=4)
            await trio.sleep(9)
        assert len(bot.guard.history) > 8
        await until(lambda: bot.guard.state is State.OPEN, within_s=120)
        await trio.sleep(70)
    told = [line for line in world.alerts if "by rpc" in line]
    assert 2 <= len(told) <= 4  # a good minute of it, and what it came to
    assert "is over" in told[-1]


# ----------------------------------------------------------------------------------------------------------- database


async def test_no_database_pauses_everything_and_nobody_crashes(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with life(world) as (bot, crowd):
        mint = crowd.launch()
        await trio.sleep(1)
        world.database.is_away = True
        await until(lambda: "database" in pausing(bot), within_s=10)
        assert bot.guard.level == 2
        await trio.sleep(40)
        world.database.is_away = False
        assert await takes_s(lambda: bot.guard.state is State.OPEN, within_s=60) > 14
        assert isinstance(await buys(world, bot, mint, "after", Context.MANUAL_COMMAND), Submitted)
        await bought(world, 1)
        assert world.reports == []


async def test_a_database_that_stays_away_halts_beside_it_and_sells_without_it(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    world.rules["database"] = replace(world.rules["database"], critical_after_ms=60_000)
    async with life(world) as (bot, crowd):
        mint = crowd.launch()
        await trio.sleep(1)
        await buys(world, bot, mint, "before", Context.MANUAL_COMMAND)
        await bought(world, 1)
        world.database.is_away = True
        await until(lambda: bot.guard.level == 3, within_s=80)
        assert world.halt.kept() is not None
        await until(lambda: bot.guard.state is State.HALTED, within_s=30)
        assert len(await world.store.open_positions()) == 1
        world.database.is_away = False
        await until(lambda: bot.health["database"].healthy, within_s=10)
        assert await world.store.open_positions() == []
        assert await world.books_equal_chain()
        await trio.sleep(2)
        assert await world.store.halt() == world.halt.kept()


async def test_a_guard_that_starts_again_without_its_database_goes_on_with_what_it_knows(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    async with life(world) as (bot, _):
        user, _wallet = await world.user("demo-1", STOPS)
        await bot.guard.pause_user(user.id)
        world.database.is_away = True
        await until(lambda: "database" in pausing(bot), within_s=10)
        bot.supervisor("guard").kill("trading_guard")
        await trio.sleep(1)
        assert bot.guard.state is State.PAUSED
        assert "paused" in bot.guard.covering(user.id, Context.MANUAL_COMMAND)
        world.database.is_away = False
        await until(lambda: bot.guard.state is State.OPEN, within_s=60)
        assert pausing(bot) == {"paused"}


# ------------------------------------------------------------------------------------------------------------- stream


async def test_no_stream_keeps_snipers_from_buying_and_never_becomes_critical(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with life(world) as (bot, crowd):
        crowd.buy(mint := crowd.launch(), 7, 5 * LAMPORTS_PER_SOL)
        await trio.sleep(2)
        world.chain.set_fault("stream-drop", for_s=160)
        await until(lambda: "stream" in pausing(bot), within_s=10)
        refused = await buys(world, bot, mint, "sniper", Context.SNIPER)
        assert isinstance(refused, Refused)
        assert "stream" in refused.reason
        assert isinstance(await buys(world, bot, mint, "by hand", Context.MANUAL_COMMAND), Submitted)
        await bought(world, 1)
        await trio.sleep(150)
        assert bot.guard.level == 2
        crowd.sell_all(mint, 7)
        await closed(world, 1)  # the stop-loss, by polled prices
        await until(lambda: bot.guard.state is State.OPEN, within_s=60)


# ----------------------------------------------------------------------------------------------------------- telegram


def with_telegram(world: World) -> MemoryTelegram:
    telegram = MemoryTelegram(world.clock)
    world.chats = Chats(telegram, NoDoor())
    return telegram


async def test_a_short_outage_of_telegram_pauses_nothing(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    telegram = with_telegram(world)
    async with life(world) as (bot, _):
        telegram.go_away()
        await until(lambda: not bot.health["telegram"].healthy, within_s=60)
        await trio.sleep(200)
        telegram.go_away(away=False)
        await until(lambda: bot.health["telegram"].healthy, within_s=60)
        await trio.sleep(150)
        assert pausing(bot) == set()
        assert {change.state for change in bot.guard.history} <= {"PAUSED", "OPEN"}
        assert all(change.cause != "telegram" for change in bot.guard.history)


async def test_a_long_outage_of_telegram_pauses_what_buys_by_itself_and_leaves_commands_open(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    telegram = with_telegram(world)
    async with life(world) as (bot, crowd):
        mint = crowd.launch()
        telegram.go_away()
        waited_s = await takes_s(lambda: "telegram" in pausing(bot), within_s=400)
        assert 300 <= waited_s < 360
        refused = await buys(world, bot, mint, "sniper", Context.SNIPER)
        assert isinstance(refused, Refused)
        assert "telegram" in refused.reason
        assert isinstance(await buys(world, bot, mint, "by hand", Context.MANUAL_COMMAND), Submitted)
        await bought(world, 1)
        await trio.sleep(100)
        assert (bot.guard.state, bot.guard.level) == (State.PAUSED, 2)
        telegram.go_away(away=False)
        assert await takes_s(lambda: bot.guard.state is State.OPEN, within_s=120) > 14


async def test_a_failed_probe_is_asked_again_at_once_and_pauses_when_it_fails_again(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with life(world) as (bot, _):
        world.database.is_away = True
        look_s = bot.policy.probe_interval_s + AGAIN_S
        assert await takes_s(lambda: bot.guard.state is State.PAUSED, within_s=10) <= look_s + 0.2
        assert not bot.health["database"].healthy
        world.database.is_away = False
        await until(lambda: bot.guard.state is State.OPEN, within_s=60)


# ------------------------------------------------------------------------------------------------------------ restart


async def test_a_restart_takes_no_cause_away(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, _ = await world.user("demo-1", STOPS)
    async with life(world) as (bot, _):
        world.chain.set_fault("rpc-down", for_s=25)
        await until(lambda: "rpc" in pausing(bot), within_s=10)
        assert await bot.guard.pause_by_operator("looking")
        assert await bot.guard.pause_user(user.id)
        await trio.sleep(1)
        before = {cause.name: cause for cause in bot.guard.causes()}
    async with running_bot(world) as bot:
        after = {cause.name: cause for cause in bot.guard.causes()}
        for name in ("rpc", "operator", "paused"):
            assert after[name] == before[name]
        await until(lambda: "rpc" not in pausing(bot), within_s=60)
        await until(lambda: pausing(bot) == {"operator", "paused"}, within_s=60)
        assert bot.guard.state is State.PAUSED
        assert await bot.guard.resume_by_operator()
        assert await bot.guard.resume_user(user.id)
        assert pausing(bot) == set()
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        assert pausing(bot) == set()


async def test_a_restart_does_not_make_relapses_unseen(autojump_clock: MockClock) -> None:
    """A service that was away twice in the hour has to be well for four times as long the third time, in another process."""
    world = make_world(InProcessChain(seed=1))
    for _ in range(2):
        async with running_bot(world) as bot:
            await open_for_entries(bot)
            world.chain.set_fault("rpc-down", for_s=10)
            await until(lambda: "rpc" in pausing(bot), within_s=10)
            # The stream comes back a little later than the endpoints, and its pause would last into the next process.
            await until(lambda: pausing(bot) == set(), within_s=90)
            await trio.sleep(1)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        world.chain.set_fault("rpc-down", for_s=10)
        await until(lambda: "rpc" in pausing(bot), within_s=10)
        await until(lambda: bot.health["rpc"].healthy, within_s=20)
        assert await takes_s(lambda: "rpc" not in pausing(bot), within_s=120) > 50


async def test_a_stream_that_came_back_before_the_database_did_ends_the_pause_of_an_earlier_process(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    async with life(world) as (bot, _):
        world.chain.set_fault("stream-drop", for_s=30)
        await until(lambda: "stream" in pausing(bot), within_s=10)
        await trio.sleep(2)
        assert [cause.name for cause in await world.store.causes()] == ["stream"]
    world.database.is_away = True
    async with running_bot(world) as bot:
        await until(lambda: "stream" in pausing(bot), within_s=5)
        world.chain.cluster.all_faults.clear()
        await until(lambda: bot.health["stream"].healthy, within_s=10)
        world.database.is_away = False
        await until(lambda: pausing(bot) == set() and bot.guard.state is State.OPEN, within_s=90)


async def test_an_outage_goes_on_through_a_restart_until_it_is_critical(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with life(world) as (bot, _):
        world.chain.set_fault("rpc-down", for_s=200)
        began_s = await takes_s(lambda: "rpc" in pausing(bot), within_s=10) + trio.current_time()
        await trio.sleep(20)
        assert bot.guard.level == 2
    async with running_bot(world) as bot:
        await until(lambda: bot.guard.level == 3, within_s=20)
        assert trio.current_time() - began_s < 35


async def test_a_pause_of_a_service_that_is_gone_from_the_configuration_is_dropped(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    world.rules["telegram"] = replace(world.rules["telegram"], pauses_after_ms=5_000)
    telegram = with_telegram(world)
    async with life(world) as (bot, _):
        telegram.go_away()
        await until(lambda: "telegram" in pausing(bot), within_s=60)
        await trio.sleep(1)
    world.chats = None
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await trio.sleep(1)
        assert await world.store.causes() == []


async def test_while_the_vault_does_not_answer_nobody_buys_and_the_next_answer_ends_it(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    async with life(world) as (bot, crowd):
        mint = crowd.launch()
        world.vault_trouble = "vault.sock: it takes too long"
        await until(lambda: pausing(bot) == {"vault"}, within_s=5)
        refused = await buys(world, bot, mint, "while away", Context.MANUAL_COMMAND)
        assert isinstance(refused, Refused)
        assert "vault: nothing can be signed" in refused.reason
        await until(lambda: any("exits wait for the vault to answer" in text for text in world.alerts), within_s=60)
    async with running_bot(world) as bot:
        await until(lambda: "vault" in pausing(bot), within_s=5)
        world.vault_trouble = ""
        await open_for_entries(bot)
        assert isinstance(await buys(world, bot, mint, "back", Context.MANUAL_COMMAND), Submitted)
