"""The stop in phases, in virtual time: what is on its way is resolved, what hangs is cut, and the shares add up."""

from __future__ import annotations

from typing import Any, cast

import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from bot.adapters import Chats
from bot.chain.mode_router import ModeRouter
from bot.local_chain import STOP_STEPS as CHAIN_STEPS
from bot.localnet.inprocess import InProcessChain
from bot.ports import ChatReply, ChatUpdate, Routing, ShownSecret, Submitted, User, Wallet
from bot.shutdown import (
    CONNECTIONS_MS,
    DATABASE_SERVER_MS,
    GO_WITHIN_S,
    IN_FLIGHT,
    KILL_GRACE_S,
    LOCAL_CHAIN_MS,
    SERVERS_MS,
    STOP_WITHIN_S,
    TREE_WITHIN_S,
    OrderlyStop,
    tree_shares_ms,
)
from bot.storage.database import DatabaseTimeouts
from bot.storage.embedded import STOP_WITHIN_S as SERVER_STOPS_WITHIN_S
from bot.supervision.sections import SHIPPED, load, read
from bot.telegram.gateway_memory import MemoryTelegram
from bot.trading.intent import Context, IntentState, Mode, Protection, Side, TradeRequest
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.outages import WRITE_S, HangingStore
from tests.whole.virtual import World, bought, living_bot, make_world, open_for_entries, running_bot, until

IDLE = UserSettings(snipe_enabled=False, take_profit_bps=900_000, stop_loss_bps=9_900, max_hold_s=36_000)
PHASES = ["entries", "hunt", "in flight", "monitors", "guard", "links", "ops"]


class HoldingTelegram(MemoryTelegram):
    """A chat service whose long poll lets go of a caller only a second after he wanted to leave."""

    async def updates(self, offset: int | None, wait_s: int) -> list[ChatUpdate]:
        try:
            return await super().updates(offset, wait_s)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)


class NoDoor:
    """Nobody speaks to this bot; it is only polled for."""

    def is_secret(self, text: str) -> bool:
        return False

    async def answer(self, telegram_id: int, text: str, key: str) -> ChatReply:
        raise AssertionError("nobody speaks here")

    async def secrets_shown(self) -> list[ShownSecret]:
        return []


def told(logs: list[Any]) -> dict[str, Any]:
    """The phases that the log tells of, in their order."""
    return {event["phase"]: event for event in logs if event["event"] == "stop_phase"}


def buy(user: User, wallet: Wallet, mint: str, key: str) -> TradeRequest:
    return TradeRequest(
        key=key,
        user_id=user.id,
        wallet_id=wallet.id,
        mode=Mode.LIVE,
        side=Side.BUY,
        mint=mint,
        context=Context.MANUAL_COMMAND,
        slippage_bps=5_000,
        protection=Protection.OPEN,
        causation_id=key,
        reason="command",
        spend_lamports=LAMPORTS_PER_SOL // 10,
    )


async def world_with_a_token() -> tuple[World, User, Wallet, str]:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", IDLE)
    crowd = Crowd(world.chain)
    mint = crowd.launch()
    world.chain.step(40)
    return world, user, wallet, mint


def test_shares_of_the_shipped_tree_and_of_the_servers_add_up_to_the_ten_seconds() -> None:
    shares_ms = tree_shares_ms(load(SHIPPED, "local"))
    assert list(shares_ms) == PHASES[1:]
    assert sum(shares_ms.values()) <= TREE_WITHIN_S * 1000
    assert TREE_WITHIN_S * 1000 + CONNECTIONS_MS + SERVERS_MS <= STOP_WITHIN_S * 1000
    assert STOP_WITHIN_S < 10
    assert SERVER_STOPS_WITHIN_S * 1000 < DATABASE_SERVER_MS
    assert sum(patience_s for _, patience_s in CHAIN_STEPS) * 1000 < LOCAL_CHAIN_MS


def test_a_write_gives_up_before_its_task_counts_as_one_that_cannot_be_ended() -> None:
    timeouts = DatabaseTimeouts()
    assert timeouts.unit_s + timeouts.silent_s < KILL_GRACE_S


def test_every_actor_of_the_tree_gets_no_more_time_than_its_subtree() -> None:
    supervision = load(SHIPPED, "local")
    shares_ms = tree_shares_ms(supervision)
    for subtree, phase in (
        ("ops", "ops"),
        ("links", "links"),
        ("guard", "guard"),
        ("money", "monitors"),
        ("hunt", "hunt"),
    ):
        for child in supervision.supervisors[subtree]["children"]:
            own = supervision.actors.get(child, {}).get("shutdown_ms")
            assert own is None or own <= shares_ms[phase], child


async def test_stop_with_nothing_to_do_takes_no_time_and_cuts_nothing(autojump_clock: MockClock) -> None:
    world, *_ = await world_with_a_token()
    said: list[str] = []
    with capture_logs() as logs:
        async with running_bot(world, stop=OrderlyStop(said.append)) as bot:
            await open_for_entries(bot)
    assert list(told(logs)) == PHASES
    assert {name: (event["took_ms"], event["cut"]) for name, event in told(logs).items()} == dict.fromkeys(
        PHASES, (0, [])
    )
    assert said == [f"stop: {phase} 0.0 s" for phase in PHASES]
    assert world.reports == []


async def test_order_on_its_way_is_settled_before_the_monitors_stop(autojump_clock: MockClock) -> None:
    world, user, wallet, mint = await world_with_a_token()
    with capture_logs() as logs:
        async with running_bot(world, stop=OrderlyStop(world.told.append)) as bot:
            await open_for_entries(bot)
            assert isinstance(await bot.desk.submit(buy(user, wallet, mint, "one")), Submitted)
            assert bot.in_flight.all()
    assert told(logs)[IN_FLIGHT]["cut"] == []
    assert 0 < told(logs)[IN_FLIGHT]["took_ms"] < 2200
    assert [position.mint for position in await world.store.open_positions()] == [mint]
    assert await world.store.in_flight() == []


async def test_exits_wait_for_no_order_that_a_successor_takes_up_at_once(autojump_clock: MockClock) -> None:
    world, user, wallet, mint = await world_with_a_token()
    stop = OrderlyStop(world.told.append, follows=False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.chain.run)
        with capture_logs() as logs:
            async with living_bot(world, stop=stop) as bot:
                await open_for_entries(bot)
                world.chain.set_fault("drop-tx", for_s=1)
                assert isinstance(await bot.desk.submit(buy(user, wallet, mint, "one")), Submitted)
        assert told(logs)[IN_FLIGHT]["cut"] == ["1 orders on their way, which the next start takes up"]
        assert told(logs)[IN_FLIGHT]["took_ms"] == 0
        async with living_bot(world) as bot:
            await bought(world, 1)
            assert await world.books_equal_chain()
        nursery.cancel_scope.cancel()


async def test_executor_that_hangs_in_a_send_is_cut_and_the_next_life_takes_its_order_up(
    autojump_clock: MockClock,
) -> None:
    world, user, wallet, mint = await world_with_a_token()
    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            async with running_bot(world, stop=OrderlyStop(world.told.append)) as bot:
                await open_for_entries(bot)
                cast(ModeRouter, bot.adapters.chain).real.send = hang  # type: ignore[method-assign]
                nursery.start_soon(bot.desk.submit, buy(user, wallet, mint, "one"))
                await until(lambda: bool(bot.in_flight.all()), within_s=10)
                nursery.start_soon(bot.desk.submit, buy(user, wallet, mint, "behind it"))
                began_s = trio.current_time()
            assert trio.current_time() - began_s < TREE_WITHIN_S
            nursery.cancel_scope.cancel()
    phase = told(logs)[IN_FLIGHT]
    assert phase["took_ms"] == 2200
    assert phase["cut"] == [
        f"root/money/executors/{wallet.id} killed",
        "1 orders on their way, which the next start takes up",
    ]
    assert [intent.state for intent, _ in await world.store.in_flight()] == [IntentState.SENT]
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        with trio.fail_after(300):
            while await world.store.in_flight():
                await trio.sleep(0.5)
        assert await world.books_equal_chain()


async def hang(raw: bytes, routing: Routing | None = None) -> None:
    await trio.sleep_forever()


async def test_tasks_that_no_cancellation_ends_are_given_up_and_the_stop_ends_with_their_own_deadline(
    autojump_clock: MockClock,
) -> None:
    """Monitors, links, guard and outbox hang in the database at once, an executor with them, and the gateway in its poll."""
    world, user, wallet, mint = await world_with_a_token()
    world.chats = Chats(HoldingTelegram(world.clock), NoDoor())
    store = HangingStore(world.store)
    world.database = store
    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            async with running_bot(world, stop=OrderlyStop(world.told.append)) as bot:
                await open_for_entries(bot)
                assert isinstance(await bot.desk.submit(buy(user, wallet, mint, "one")), Submitted)
                await until(lambda: bool(bot.looks), within_s=10)
                store.hangs = True
                nursery.start_soon(bot.desk.submit, buy(user, wallet, mint, "two"))
                await until(lambda: store.hanging >= 5, within_s=10)
                began_s = trio.current_time()
            took_s = trio.current_time() - began_s
            nursery.cancel_scope.cancel()
    assert list(told(logs)) == PHASES
    assert sum(event["took_ms"] for event in told(logs).values()) <= (TREE_WITHIN_S + GO_WITHIN_S) * 1000
    assert took_s <= TREE_WITHIN_S + WRITE_S / 5
    assert any("not ended" in cut for cut in told(logs)["monitors"]["cut"])
    assert "root/ops/telegram_gateway not ended" in told(logs)["ops"]["cut"]
    assert not [one for one in world.reports if one.kind == "unkillable"]
    assert len(await world.store.open_positions()) == 1


async def test_somebody_who_hurries_cuts_what_is_in_flight_at_once(autojump_clock: MockClock) -> None:
    world, user, wallet, mint = await world_with_a_token()
    stop = OrderlyStop(world.told.append)
    with capture_logs() as logs:
        async with running_bot(world, stop=stop) as bot:
            await open_for_entries(bot)
            world.chain.set_fault("drop-tx", for_s=600)
            assert isinstance(await bot.desk.submit(buy(user, wallet, mint, "one")), Submitted)
            stop.hurried.set()
    assert sum(event["took_ms"] for event in told(logs).values()) == 0
    assert [event["asked_for"] for event in logs if event["event"] == "stop_cut_short"] == [True]
    assert [intent.state for intent, _ in await world.store.in_flight()] == [IntentState.SENT]


async def test_supervision_file_without_bounds_is_bounded_all_the_same(
    autojump_clock: MockClock,
) -> None:
    world, user, wallet, mint = await world_with_a_token()
    longer = SHIPPED.read_text().replace("shutdown_ms = 2200", "shutdown_ms = 10000")
    world.supervision = read("supervision.toml", longer, "local")
    with capture_logs() as logs:
        async with running_bot(world, stop=OrderlyStop(world.told.append)) as bot:
            await open_for_entries(bot)
            world.chain.set_fault("drop-tx", for_s=600)
            assert isinstance(await bot.desk.submit(buy(user, wallet, mint, "one")), Submitted)
    assert sum(event["took_ms"] for event in told(logs).values()) == TREE_WITHIN_S * 1000
    assert [event["asked_for"] for event in logs if event["event"] == "stop_cut_short"] == [False]
