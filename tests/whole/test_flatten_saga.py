"""A flatten as rows: what cannot be sold delays nothing, a restart goes on, and one user's flatten is the same saga."""

from __future__ import annotations

import gc
from dataclasses import dataclass

import msgspec
import pytest
import trio
from trio.testing import MockClock

from actors.position_monitor import WAIT_S
from bot.adapters import Adapters
from bot.chain.endpoints import Endpoints
from bot.chain.launch_stream import PumpLaunchStream
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.chain.swaps import PumpWallets
from bot.execution import lanes
from bot.localnet.inprocess import InProcessChain
from bot.status import StatusBoard
from bot.status_text import status_text
from bot.trading.flatten import FlattenOrder, FlattenRow, FlattenState
from bot.trading.intent import Mode
from bot.trading.trading_state import Halt, State
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.chain.chain_doubles import InProcessSubscriptions, InProcessTransport
from tests.whole.crowd import Crowd
from tests.whole.test_levels import HOLDS, KEEPS, with_position
from tests.whole.test_one_trade import order as asks_for
from tests.whole.virtual import World, bought, closed, make_world, open_for_entries, pausing, running_bot, until


def halt(bot: TradingBot) -> FlattenOrder:
    """Halt by hand; what the flatten is called."""
    bot.guard.latch(Halt("operator", bot.adapters.clock.now_ms(), "operator", "a test"))
    [order] = bot.guard.flattens()
    return order


async def states(world: World, order: FlattenOrder) -> dict[str, FlattenState]:
    """The stored rows by the mint of their position."""
    rows = await world.store.flatten_rows(order.id)
    found = {row.position_id: await world.store.position(row.position_id) for row in rows}
    return {position.mint: row.state for row in rows if (position := found[row.position_id]) is not None}


async def stored(world: World, order: FlattenOrder, wanted: dict[str, FlattenState], within_s: float) -> None:
    """Until the rows say so."""
    with trio.fail_after(within_s):
        while await states(world, order) != wanted:
            await trio.sleep(0.1)


async def test_what_cannot_be_sold_delays_nothing_and_is_sold_when_it_can_be(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        stuck = await with_position(world, bot, crowd)
        held = await with_position(world, bot, crowd, "demo-2", HOLDS)
        sold = await with_position(world, bot, crowd, "demo-3")
        crowd.complete(stuck)
        order = halt(bot)
        expected = {stuck: FlattenState.UNSELLABLE, held: FlattenState.HELD, sold: FlattenState.SOLD}
        await stored(world, order, expected, within_s=60)
        await until(lambda: bot.guard.state is State.HALTED, within_s=5)
        await until(lambda: any("1 position cannot be sold" in line for line in world.alerts), within_s=5)
        [row] = [row for row in await world.store.flatten_rows(order.id) if row.state is FlattenState.UNSELLABLE]
        assert "its pool" in row.last_error
        status = await StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=None).status()
        counts = {"total": 3, "waiting": 0, "selling": 0, "sold": 1, "unsellable": 1, "held": 1, "frozen": 0}
        assert status["flatten"] == {"scope": "global", "user": None, **counts}
        line = "flatten of everybody: 3 positions: 1 sold, 0 selling, 0 waiting, 1 unsellable, 1 held"
        assert line in status_text(status)
        crowd.complete(stuck, done=False)
        await stored(world, order, {**expected, stuck: FlattenState.SOLD}, within_s=30)
        assert await bot.guard.rearm("operator")
        await until(lambda: bot.guard.state is State.OPEN, within_s=60)
        assert [row.mint for row in await world.store.open_positions()] == [held]


async def test_a_flatten_goes_on_after_a_restart_with_the_rows_that_it_left(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        first = await with_position(world, bot, crowd)
        second = await with_position(world, bot, crowd, "demo-2")
        crowd.complete(second)
        order = halt(bot)
        await stored(world, order, {first: FlattenState.SOLD, second: FlattenState.WAITING}, within_s=30)
        before = await rows_by_position(world, order)
    crowd.complete(second, done=False)
    async with running_bot(world) as bot:
        await until(lambda: bot.guard.state is State.HALTED, within_s=60)
        assert bot.guard.flattens() == [order]
        await stored(world, order, {first: FlattenState.SOLD, second: FlattenState.SOLD}, within_s=10)
        after = await rows_by_position(world, order)
        assert {key: row.began_at_ms for key, row in after.items()} == {
            key: row.began_at_ms for key, row in before.items()
        }
        assert all(after[key].attempts >= row.attempts for key, row in before.items())
        assert bot.care.book.sums(order).sold == 2


async def rows_by_position(world: World, order: FlattenOrder) -> dict[str, FlattenRow]:
    return {row.position_id: row for row in await world.store.flatten_rows(order.id)}


async def test_while_no_route_answers_the_rows_wait(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await with_position(world, bot, crowd)
        world.chain.set_fault("rpc-down", for_s=25)
        order = halt(bot)
        await trio.sleep(20)
        [row] = await world.store.flatten_rows(order.id)
        assert (row.state, row.attempts) == (FlattenState.WAITING, 0)
        assert "no route" in row.last_error
        await stored(world, order, {mint: FlattenState.SOLD}, within_s=30)


async def test_an_operator_flattens_one_user_and_bot_resume_ends_it(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await with_position(world, bot, crowd, settings=HOLDS)
        await with_position(world, bot, crowd, "demo-2")
        user = await world.store.user_by_handle("demo-1")
        assert user is not None
        assert await bot.panic(user.id, by="operator", why="he asked by mail") == 1
        [order] = bot.guard.flattens()
        assert order.scope == f"user:{user.id}"
        await closed(world, 1)
        await stored(world, order, {mint: FlattenState.SOLD}, within_s=10)
        assert bot.guard.state is State.OPEN
        assert not await bot.guard.resume_user(user.id)
        assert pausing(bot) == {"flatten"}
        assert await bot.guard.resume_by_operator()
        assert bot.guard.flattens() == []


async def test_a_flatten_whose_rows_cannot_be_written_sells_and_writes_them_later(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await with_position(world, bot, crowd, settings=KEEPS)
        world.database.is_away = True
        order = halt(bot)
        await until(lambda: bot.care.book.knows(order) and bot.care.book.sums(order).sold == 1, within_s=30)
        assert await world.store.flatten_rows(order.id) == []
        world.database.is_away = False
        await stored(world, order, {mint: FlattenState.SOLD}, within_s=30)


class Listening(InProcessTransport):
    """A node that remembers what it was asked."""

    asked: list[str]

    async def post(self, body: bytes) -> bytes:
        self.asked.append(msgspec.json.decode(body)["method"])
        return await super().post(body)


@dataclass(slots=True)
class ListeningWorld(World):
    """A world with such a node alone."""

    node: Listening | None = None

    def adapters(self) -> Adapters:
        self.node = Listening(self.chain)
        self.node.asked = []
        endpoints = Endpoints([RpcClient(self.node, 2.5)], self.clock)
        chain = PumpChain(endpoints)
        stream = PumpLaunchStream(
            InProcessSubscriptions(self.chain), chain.recorded, chain.signatures_since, self.clock
        )
        return Adapters(self.store, chain, stream, PumpWallets(endpoints), self.vault, self.clock)


async def test_the_first_exits_take_no_time_from_signing_the_last_and_are_not_signed_again_meanwhile(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "EXIT_EXECUTORS", 1)  # so that a few sales take long
    made = make_world(InProcessChain(seed=1))
    world = ListeningWorld(made.chain, made.clock)
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", KEEPS)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mints = [crowd.launch() for _ in range(5)]
        await trio.sleep(1)
        for mint in mints:
            await bot.desk.submit(asks_for(user, wallet, mint, key=mint, spend_lamports=LAMPORTS_PER_SOL // 10))
        await bought(world, len(mints))
        await trio.sleep(1)
        assert world.node is not None
        world.chain.set_fault("rpc-slow", for_s=60, delay_ms=450)
        world.node.asked.clear()
        halt(bot)
        began_s = trio.current_time()
        await until(lambda: not gc.isenabled(), within_s=5)
        await until(lambda: not bot.care.book.is_signing and bool(bot.care.book.orders()), within_s=30)
        assert world.node.asked.count("sendTransaction") >= len(mints)
        assert trio.current_time() > began_s + 2 * WAIT_S, "the first exits have had their slots twice"
        assert "getTransaction" not in world.node.asked
        assert "getTokenAccountsByOwner" not in world.node.asked
        await until(gc.isenabled, within_s=10)
        await closed(world, len(mints), within_s=60)
        assert await world.books_equal_chain()
