"""What status, tree and top say of the whole bot, in virtual time: what is known, what is not, and who does not run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import trio
from trio.testing import MockClock

from actors.status_keeper import REFRESH_S, StatusKeeper
from bot.localnet.inprocess import InProcessChain
from bot.panels import Panels
from bot.ports import TrackedWallet
from bot.status import LOOK_S, OLD_S, StatusBoard
from bot.status_text import status_text, tree_text
from bot.top.frame import draw
from bot.top.ink import UNICODE
from bot.top.reading import read
from bot.trading.intent import Mode
from bot.trading.risk_gate import EXIT_RESERVE_LAMPORTS
from bot.trading.trading_state import Halt, State
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.outages import crash_until_given_up
from tests.whole.test_levels import KEEPS, with_position
from tests.whole.virtual import World, make_world, open_for_entries, running_bot, until


@asynccontextmanager
async def shown(world: World) -> AsyncIterator[tuple[TradingBot, StatusBoard, Panels]]:
    """A running bot with its views, which are kept as the actor keeps them."""
    async with running_bot(world) as bot, trio.open_nursery() as nursery:
        board = StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=None)
        panels = Panels(bot, Mode.LIVE)
        keeper = StatusKeeper((board.facts, panels.details), panels.lag)
        for question in keeper.questions:
            nursery.start_soon(question.keep)
        await open_for_entries(bot)
        yield bot, board, panels
        nursery.cancel_scope.cancel()


async def test_a_trading_bot_knows_its_numbers(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    await world.user("demo-1", KEEPS)  # at boot, so that the wallet is looked at then
    async with shown(world) as (bot, board, panels):
        mint = await with_position(world, bot, Crowd(world.chain))
        await trio.sleep(5)  # what the buy took is known without another look at the wallet
        status = await board.status()
        assert (status["users"], status["positions"]["open"], status["trades_today"]["buys"]) == (1, 1, 1)
        assert status["facts"] == {"known": True, "age_s": 0.0, "late": None, "why": None, "last": None}
        assert status["last_trade_at"] is not None
        assert 0 <= status["prices_age_s"] < 5
        [wallet] = await world.store.wallets()
        balance = (await bot.adapters.chain.balances(wallet.address)).lamports
        capital = status["capital_lamports"]
        assert capital["available"] == balance - EXIT_RESERVE_LAMPORTS
        assert capital["available_age_s"] <= 31
        text = status_text(status)
        assert "positions: 1 open, 0 closed today, 0 unproven" in text
        assert "1 live of 1 expected" in text
        assert "  news      up       1 of 1 connections stand; " in text
        assert "  hearsay   off      no service beside the chain is configured" in text
        record = await panels.record()
        assert [(row["mint"], row["symbol"], row["user"], row["monitor"]) for row in record["positions"]["rows"]] == [
            (mint, "T1", "demo-1", "live")
        ]
        assert [(row["kind"], row["side"], row["user"], row["symbol"]) for row in record["recent"]] == [
            ("fill", "buy", "demo-1", "T1")
        ]
        [today] = record["today"]
        assert today["fees_lamports"] > 0
        assert today["unrealized_lamports"] is not None
        assert record["levels"][0]["state"] == "OPEN"
        frame = draw(read(status, await board.tree(None), record), now_ms=0, width=160, height=45, glyphs=UNICODE)
        assert "T1 " in frame.plain


async def test_a_token_is_shown_with_its_score_for_a_minute(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with shown(world) as (_, __, panels):
        mint = Crowd(world.chain).launch()
        await trio.sleep(10)
        [row] = (await panels.record())["momentum"]["rows"]
        assert (row["mint"], row["symbol"], row["action"]) == (mint, "T1", "neutral")
        assert row["reason"]
        await trio.sleep(60)
        assert (await panels.record())["momentum"]["rows"] == []


async def test_tokens_are_shown_by_their_momentum_of_this_moment(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with shown(world) as (_, __, panels):
        calm, wild = crowd.launch(), crowd.launch()
        await trio.sleep(50)
        crowd.buy(calm, 2, LAMPORTS_PER_SOL // 10)
        for trader in range(3, 9):
            crowd.buy(wild, trader, LAMPORTS_PER_SOL)
        await trio.sleep(25)
        first, second = (await panels.record())["momentum"]["rows"]
        assert (first["mint"], second["mint"]) == (wild, calm)
        assert first["score_bps"] > second["score_bps"] > 0
        assert first["action"] is None
        assert "holders" in first["reason"]
        await trio.sleep(60)
        assert (await panels.record())["momentum"]["rows"] == []


async def test_a_database_that_hangs_delays_no_answer_and_makes_no_zeros(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with shown(world) as (bot, board, panels):
        await with_position(world, bot, Crowd(world.chain))
        await trio.sleep(2 * REFRESH_S)  # nobody looks
        world.database.hangs = True
        await trio.sleep(OLD_S + REFRESH_S)
        asked_s = trio.current_time()
        status = await board.status()
        record = await panels.record()
        assert trio.current_time() - asked_s <= 2 * LOOK_S + 0.01
        assert status["positions"] == {"open": None, "closed_today": None, "unknown": None}
        assert (status["users"], status["pnl_lamports_today"], status["monitors"]["expected"]) == (None, None, None)
        assert status["monitors"]["live"] == 1
        last = status["facts"]["last"]
        assert (status["facts"]["known"], status["facts"]["late"]) == (False, None)
        assert "the database" in status["facts"]["why"]
        assert last["positions_open"] == 1
        assert OLD_S <= last["age_s"] <= OLD_S + 2 * REFRESH_S
        text = status_text(status)
        assert "users, positions, trades and result: not known: the database is away" in text
        assert "1 position open" in text
        assert record["details_age_s"] >= OLD_S
        frame = draw(read(status, {}, record), now_ms=0, width=80, height=24, glyphs=UNICODE).plain
        assert "the database does not answer: positions and trades are as they were" in frame
        world.database.hangs = False
        await trio.sleep(REFRESH_S)
        status = await board.status()
        assert (status["facts"]["known"], status["positions"]["open"]) == (True, 1)


async def test_numbers_that_are_remembered_are_told_from_those_of_now(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    await world.user("demo-1", KEEPS)
    async with shown(world) as (_, board, _):
        assert (await board.status())["facts"]["known"]
        world.database.is_away = True
        await trio.sleep(1)
        status = await board.status()
        facts = status["facts"]
        assert (facts["known"], facts["late"], facts["why"]) == (
            True,
            "the database is away (the database is away)",
            None,
        )
        text = status_text(status)
        [told] = [number for number, line in enumerate(text.splitlines()) if line.startswith("the next four lines are")]
        assert "all others are of now: the database is away" in text
        older = {"known": True, "age_s": 0.5, "why": "the database is away (as it said)", "last": None}
        assert "all others are of now: the database is away (as it said)" in status_text({**status, "facts": older})
        begins = [line.split()[0] for line in text.splitlines()[told + 1 : told + 6]]
        assert begins == ["users", "positions:", "capital:", "today:", "monitors:"]


async def test_pauses_of_single_users_name_them(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, _ = await world.user("demo-1", KEEPS)
    async with shown(world) as (bot, board, panels):
        await bot.guard.pause_user(user.id)
        await trio.sleep(REFRESH_S)
        status = await board.status()
        assert [(cause["user"], cause["by"]) for cause in status["causes"]] == [("demo-1", "demo-1")]
        text = status_text(status)
        assert "paused of user demo-1 (by his own command)" in text
        assert user.id not in text
        world.database.is_away = True
        bot.guard.pause("reconcile", by="reconciler", why="later", scope=f"user:{user.id}")
        await trio.sleep(OLD_S + REFRESH_S)
        text = status_text(await board.status())
        assert "reconcile of user demo-1 (later)" in text
        assert user.id not in text
        world.database.is_away = False
        await trio.sleep(REFRESH_S)
        status = await board.status()
        frame = draw(read(status, {}, await panels.record()), now_ms=0, width=100, height=30, glyphs=UNICODE).plain
        assert "entries of demo-1" in frame


async def test_while_halted_nothing_waits_for_a_comparison_that_nobody_makes(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    await world.user("demo-1", KEEPS)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        bot.guard.latch(Halt("operator", world.clock.now_ms(), "operator", "a test"))
        await until(lambda: bot.guard.state is State.HALTED, within_s=30)
    async with running_bot(world) as bot:
        board = StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=None)
        await until(lambda: bot.guard.state is State.HALTED, within_s=30)
        assert bot.guard.causes() == ()
        assert "bot rearm ends it; then each wallet's books are compared" in status_text(await board.status())
        await bot.guard.rearm("operator")
        await open_for_entries(bot)
        assert bot.guard.causes() == ()


async def test_a_database_that_refuses_is_named_with_what_waits_for_it(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with shown(world) as (bot, board, _):
        world.database.is_away = True
        await until(lambda: any(cause.name == "database" for cause in bot.guard.causes()), within_s=20)
        await trio.sleep(OLD_S)
        answer = await board.tree(None)
        told = answer["sentence"]
        assert "level 2; pause causes: database (the database is away)" in tree_text(answer)
        assert "by database (the database is away)" in told
        assert "exits go on from memory" in told
        assert "runbooks/database.md" in told
        assert (await board.status())["facts"]["why"] == "the database is away (the database is away)"


async def test_a_crashing_sniper_is_named_with_its_user(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, _ = await world.user("demo-1", replace(KEEPS, snipe_enabled=True))
    async with shown(world) as (bot, board, _):
        await crash_until_given_up(bot.supervisor("hunt", "snipers"), user.id)
        told = await board.tree(None)
        assert told["sentence"].startswith("The sniper of user demo-1 does not run since ")
        assert "nothing is sniped for user demo-1; nobody else is touched" in told["sentence"]
        assert "runbooks/quarantined.md" in told["sentence"]
        assert f"{user.id}  quarantined" in tree_text(told)
        assert "level 1; pause causes: none" in tree_text(told)


async def test_a_crashing_monitor_is_named_with_its_position_and_who_watches_it_now(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with shown(world) as (bot, board, _):
        mint = await with_position(world, bot, Crowd(world.chain))
        [position] = await world.store.open_positions()
        await crash_until_given_up(bot.supervisor("money", "position_monitors"), position.id)
        await until(lambda: position.id in bot.fallback.watched, within_s=10)
        told = (await board.tree(None))["sentence"]
        assert told.startswith(
            f"The monitor of position {position.id} of user demo-1 in mint {mint} does not run since "
        )
        assert "its position is with the fallback monitor" in told


async def test_a_crashing_scanner_is_named_with_its_wallet(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", KEEPS)
    await world.store.track(TrackedWallet(user.id, wallet.address, "mine", world.clock.now_ms()))
    async with shown(world) as (bot, board, _):
        status = await board.status()
        assert (status["wallets_followed"]["expected"], status["wallets_followed"]["live"]) == (1, 1)
        await crash_until_given_up(bot.supervisor("hunt", "wallet_scanners"), wallet.address)
        told = (await board.tree(None))["sentence"]
        assert told.startswith(f"The scanner of wallet {wallet.address} does not run since ")
        assert (await board.status())["wallets_followed"]["live"] == 0


async def test_a_followed_wallet_is_told_by_the_stream_also_after_a_restart_of_the_hunt(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    world.wallets_by_stream = True
    crowd = Crowd(world.chain)
    leader = str(crowd._trader(2).pubkey())
    user, _ = await world.user("demo-1", KEEPS)
    await world.store.track(TrackedWallet(user.id, leader, "leader", world.clock.now_ms()))
    async with shown(world) as (bot, board, _):

        async def is_told() -> None:
            await until(lambda: any(one.is_told for one in bot.hunt.followed.scanners.values()), within_s=30)

        await is_told()
        text = status_text(await board.status())
        assert "wallets followed 1 of 1 (1 told by grpc, heard 0." in text
        assert bot.hunt.scanned(leader) == "told as it is confirmed"
        mint = crowd.launch()
        await trio.sleep(1)
        assert bot.root is not None
        await bot.root.terminate_child("hunt")
        crowd.buy(mint, 2, KEEPS.max_trade_lamports)
        await trio.sleep(3)
        await bot.root.restart_child("hunt")
        await is_told()
        assert [signal.mint for signal in await world.store.signals(leader, 10)] == [mint]
        world.chain.set_fault("stream-drop", for_s=30, endpoint="grpc")
        await trio.sleep(25)
        status = await board.status()
        assert (status["wallets_followed"]["told"], status["wallets_followed"]["every_s"]) == (0, 30)
        assert "0 told by grpc, heard 2" in status_text(status)
        assert "1 of 1 calls not up: " in status_text(status)


async def test_a_pause_says_which_exits_wait_and_who_else_is_in_trouble(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, _ = await world.user("demo-1", replace(KEEPS, snipe_enabled=True))
    async with shown(world) as (bot, board, _):
        await crash_until_given_up(bot.supervisor("hunt", "snipers"), user.id)
        world.chain.set_fault("rpc-down", for_s=10)
        await until(lambda: any(cause.name == "rpc" for cause in bot.guard.causes()), within_s=20)
        told = (await board.tree(None))["sentence"]
        assert "by rpc (no RPC endpoint is of use; bot status has each one's trouble)" in told
        assert "runbooks/no-rpc.md; monitors go on, exits wait for a route to the chain" in told
        assert f"Also in trouble (1): root/hunt/snipers/{user.id} (quarantined)." in told
        await until(lambda: all(bot.guard.ends_at_ms(cause) is not None for cause in bot.guard.causes()), within_s=60)
        told = (await board.tree(None))["sentence"]
        assert "exits and monitors go on" in told
        assert "is well again, and entries open at 20" in told
