"""What an operator does to the tree of the whole bot by hand, in virtual time: never two sellers, never two signers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, cast

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from actors.runtime.testing import Cast
from bot.chain.mode_router import ModeRouter
from bot.errors import Unavailable
from bot.execution.lanes import executor_of
from bot.localnet.inprocess import InProcessChain
from bot.ports import Routing, Submitted, TrackedWallet, User, Wallet
from bot.refusal import CannotError
from bot.status import StatusBoard
from bot.supervision.verbs import SupervisionVerbs
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import Halt, State
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.outages import CutStore, crash_until_given_up, incarnations, state_of
from tests.whole.test_levels import KEEPS
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, closed, make_world, open_for_entries, running_bot, until

STOPS = UserSettings(take_profit_bps=None, stop_loss_bps=1_000, max_hold_s=None)
SNIPES = UserSettings(snipe_enabled=True, max_hold_s=None)
TENTH = LAMPORTS_PER_SOL // 10
MONITORS = ("money", "position_monitors")


@dataclass(frozen=True, slots=True)
class Scene:
    """One user of a bot that runs and is open, with an operator at its door."""

    world: World
    bot: TradingBot
    crowd: Crowd
    user: User
    wallet: Wallet
    verbs: SupervisionVerbs

    async def position(self) -> tuple[str, str]:
        """A position of the user in a token that somebody else holds too: its id and the token."""
        mint = self.crowd.launch()
        self.crowd.buy(mint, 7, 5 * LAMPORTS_PER_SOL)
        await trio.sleep(2)
        await self.bot.desk.submit(order(self.user, self.wallet, mint, spend_lamports=TENTH))
        await bought(self.world, 1)
        [position] = await self.world.store.open_positions()
        return position.id, mint

    async def restart(self, path: str, *, confirmed: bool = False) -> str:
        """The answer's text, or its question."""
        answer = await self.verbs.restart(path, "a test", BY, confirmed=confirmed)
        return str(answer.get("text") or answer["confirm"])

    async def hunts(self) -> None:
        """The user's sniper runs, and the scanner of his own wallet, which he follows."""
        for name, child_id in (("snipers", self.user.id), ("wallet_scanners", self.wallet.address)):
            await until(partial(self.runs, name, child_id), within_s=30)

    def runs(self, name: str, child_id: str) -> bool:
        try:
            return state_of(self.bot.supervisor("hunt", name), child_id) == "running"
        except Unavailable:
            return False

    async def audited(self) -> list[tuple[str, str]]:
        """Action and path of what was audited by these verbs."""
        entries = [entry for entry in self.world.store.audited if entry.action.startswith("supervision_")]
        assert {entry.by for entry in entries} <= {BY}
        return [(entry.action, str(entry.detail["path"])) for entry in entries]


BY = "operator ada"


class SlowStore(CutStore):
    """A store in which every call takes a fifth of a second, once it has begun whatever the caller wants meanwhile."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = super().__getattr__(name)
        if not iscoroutinefunction(method):
            return method

        async def call(*arguments: Any, **named: Any) -> Any:
            await trio.lowlevel.checkpoint_if_cancelled()
            with trio.CancelScope(shield=True):
                await trio.sleep(0.2)
                return await method(*arguments, **named)

        return call


async def hang(raw: bytes, routing: Routing | None = None) -> None:
    await trio.sleep_forever()


@asynccontextmanager
async def scene(settings: UserSettings = STOPS, *, database: type[CutStore] = CutStore) -> AsyncIterator[Scene]:
    world = make_world(InProcessChain(seed=1))
    world.database = database(world.store)
    user, wallet = await world.user("demo-1", settings)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        yield Scene(world, bot, Crowd(world.chain), user, wallet, SupervisionVerbs(bot, lambda: None))


async def test_a_position_goes_back_from_the_fallback_to_its_own_monitor_and_is_sold_once(
    autojump_clock: MockClock,
) -> None:
    async with scene() as here:
        position_id, mint = await here.position()
        await crash_until_given_up(here.bot.supervisor(*MONITORS), position_id)
        await until(lambda: here.bot.fallback.watched == {position_id}, within_s=10)
        released = await here.verbs.release(position_id, "why", BY)
        assert released["text"].startswith(f"root/money/position_monitors/{position_id} is out of quarantine")
        assert here.bot.fallback.watched == set()
        await until(lambda: position_id in here.bot.looks, within_s=5)
        here.crowd.sell_all(mint, 7)
        await closed(here.world, 1)
        assert (await here.world.store.day(0)).sells == 1
        assert await here.world.books_equal_chain()
        assert await here.audited() == [("supervision_release", f"root/money/position_monitors/{position_id}")]


async def test_a_release_waits_for_the_sale_that_the_fallback_is_giving(autojump_clock: MockClock) -> None:
    async with scene() as here:
        position_id, mint = await here.position()
        await crash_until_given_up(here.bot.supervisor(*MONITORS), position_id)
        await until(lambda: here.bot.fallback.watched == {position_id}, within_s=10)
        here.world.database.hangs = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(here.verbs.release, position_id, "in the middle", BY))
            here.crowd.sell_all(mint, 7)
            await trio.sleep(3)
            here.world.database.hangs = False
        await closed(here.world, 1)
        await trio.sleep(5)
        assert (await here.world.store.day(0)).sells == 1
        assert await here.world.books_equal_chain()


async def test_a_monitor_that_is_given_up_again_passes_to_the_fallback_again(autojump_clock: MockClock) -> None:
    async with scene() as here:
        position_id, mint = await here.position()
        for _ in range(2):
            await crash_until_given_up(here.bot.supervisor(*MONITORS), position_id)
            await until(lambda: here.bot.fallback.watched == {position_id}, within_s=10)
            await here.verbs.release(position_id, "put right", BY)
        await crash_until_given_up(here.bot.supervisor(*MONITORS), position_id)
        here.crowd.sell_all(mint, 7)
        await closed(here.world, 1)


async def test_a_released_executor_of_sales_is_their_only_signer(autojump_clock: MockClock) -> None:
    async with scene(KEEPS) as here:
        _, mint = await here.position()
        executors, flatten = here.bot.supervisor("money", "executors"), here.bot.supervisor("guard", "flatten")
        sale = order(here.user, here.wallet, mint, key="first", share_bps=2_500)
        executor_id = executor_of(sale)
        assert isinstance(await here.bot.desk.submit(sale), Submitted)
        await trio.sleep(5)
        await crash_until_given_up(executors, executor_id)
        assert isinstance(await here.bot.desk.submit(replace(sale, key="half")), Submitted)
        assert state_of(flatten, executor_id) == "running"
        await here.verbs.release(f"root/money/executors/{executor_id}", "put right", BY)
        assert (state_of(executors, executor_id), state_of(flatten, executor_id)) == ("running", None)
        await trio.sleep(5)
        again = order(here.user, here.wallet, mint, key="rest", share_bps=2_500)
        assert isinstance(await here.bot.desk.submit(again), Submitted)
        assert state_of(flatten, executor_id) is None


async def test_a_restart_by_hand_burns_no_budget_and_moves_nobody_else(autojump_clock: MockClock) -> None:
    async with scene(SNIPES) as here:
        await here.position()
        before = incarnations(here.bot)
        for _ in range(5):
            assert "was running and is running now" in await here.restart("reconciler")
        await here.restart("root/hunt/snipers/demo-1")
        await here.restart(f"root/money/executors/{here.wallet.id}")
        after = incarnations(here.bot)
        assert {path for path in before if after.get(path, 0) != before[path]} == {"root/money/reconciler"}
        assert (here.bot.guard.level, here.world.reports) == (1, [])


async def test_a_subtree_that_is_started_again_has_its_children_again(autojump_clock: MockClock) -> None:
    async with scene(SNIPES) as here:
        position_id, _ = await here.position()
        await here.world.store.track(TrackedWallet(here.user.id, here.wallet.address, "", 0))
        await here.bot.hunt.tracking_changed()
        for path in ("root/hunt", "root/hunt/snipers", "root/hunt"):
            await here.restart(path)
            await here.hunts()
        assert (await here.restart("root/money")).startswith("Start root/money again? Until it is back")
        assert position_id in here.bot.looks
        await here.restart("root/money", confirmed=True)
        await until(lambda: position_id in here.bot.looks, within_s=10)


async def test_a_restart_of_money_whose_executor_does_not_drain_leaves_begun_writes_their_time(
    autojump_clock: MockClock,
) -> None:
    """The executor hangs in a send, and whoever is stopped after it must not be killed in the middle of a write."""
    async with scene(database=SlowStore) as here:
        position_id, mint = await here.position()
        cluster = cast(ModeRouter, here.bot.adapters.chain).real
        send, cluster.send = cluster.send, hang  # type: ignore[method-assign]
        async with trio.open_nursery() as nursery:
            sale = order(here.user, here.wallet, mint, key="sale", share_bps=BPS)
            nursery.start_soon(here.bot.desk.submit, sale)
            await until(lambda: bool(here.bot.in_flight.all()), within_s=10)
            assert "was running and is running now" in await here.restart("root/money", confirmed=True)
        cluster.send = send  # type: ignore[method-assign]
        await closed(here.world, 1)
        await until(lambda: position_id not in here.bot.looks, within_s=10)
        assert here.bot.guard.level == 1


async def test_a_hunt_that_was_used_up_comes_back_with_its_children(autojump_clock: MockClock) -> None:
    async with scene(SNIPES) as here:
        await here.world.store.track(TrackedWallet(here.user.id, here.wallet.address, "", 0))
        await here.bot.hunt.tracking_changed()
        hunt = here.bot.supervisor("hunt")
        while state_of(here.bot.supervisor(), "hunt") == "running":
            if state_of(hunt, "launch_watcher") == "running":
                hunt.kill("launch_watcher")
            await trio.sleep(0.1)
        assert state_of(here.bot.supervisor(), "hunt") == "restarting"
        await here.hunts()
        assert here.bot.guard.level == 1


async def test_each_crash_is_an_event_with_the_budget_that_is_left(autojump_clock: MockClock) -> None:
    with capture_logs() as logs:
        async with scene(SNIPES) as here:
            await crash_until_given_up(here.bot.supervisor("hunt", "snipers"), here.user.id)
    path = f"root/hunt/snipers/{here.user.id}"
    told = [event for event in logs if event["event"] == "supervision" and event["path"] == path]
    assert [(event["kind"], event["incarnation"], event["budget_left"]) for event in told] == [
        ("killed", 1, 2),
        ("killed", 2, 1),
        ("killed", 3, 0),
        ("killed", 4, 0),
        ("quarantined", 4, None),
    ]


async def test_what_would_hurt_is_refused_in_one_line(autojump_clock: MockClock) -> None:
    async with scene() as here:
        for path, line in (
            ("root", "root is the whole program"),
            ("root/ops/control_socket", "answers you right now"),
            ("ops", "answers you right now"),
            ("systemd_notifier", "nothing to do in this configuration"),
        ):
            with pytest.raises(CannotError, match=line):
                await here.restart(path)
        steady = Cast().steady
        servers_spec = SupervisorSpec(
            "foundation", "one_for_one", (ChildSpec("local_chain", steady), ChildSpec("database_server", steady))
        )
        async with open_supervisor(servers_spec) as servers:
            by_hand = SupervisionVerbs(here.bot, lambda: servers)
            with pytest.raises(
                CannotError, match="one by one: bot supervisor restart foundation/local_chain, bot super"
            ):
                await by_hand.restart("foundation", "", BY, confirmed=True)
            assert (
                "an outage of it"
                in (await by_hand.restart("foundation/local_chain", "", BY, confirmed=False))["confirm"]
            )
        with pytest.raises(CannotError, match="reconciler is running, not quarantined"):
            await here.verbs.release("reconciler", "", BY)
        assert (await here.restart("trading_guard")).endswith("Nothing is bought until it answers.")
        here.bot.guard.latch(Halt("operator", here.world.clock.now_ms(), "operator", "test"))
        await until(lambda: here.bot.guard.state is State.HALTED, within_s=60)
        with pytest.raises(CannotError, match="bot rearm starts it"):
            await here.restart("root/money", confirmed=True)
        with pytest.raises(LookupError, match="root/money is undefined, so nothing lies below it"):
            await here.restart("root/money/reconciler")


async def test_a_halt_during_a_restart_of_money_leaves_it_stopped(autojump_clock: MockClock) -> None:
    async with scene() as here:
        await here.position()
        here.world.database.hangs = True  # an executor at work lets the stop take its time
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def restarts() -> None:
                with pytest.raises(CannotError, match="bot rearm starts it"):
                    await here.restart("root/money", confirmed=True)

            await trio.lowlevel.checkpoint()
            here.bot.guard.latch(Halt("operator", here.world.clock.now_ms(), "operator", "test"))
            here.world.database.hangs = False
        await until(lambda: here.bot.guard.state is State.HALTED, within_s=60)
        assert state_of(here.bot.supervisor(), "money") == "undefined"
        assert await here.world.store.open_positions() == []
        assert await here.world.books_equal_chain()


async def test_paths_may_be_short_and_near_misses_are_named(autojump_clock: MockClock) -> None:
    async with scene(SNIPES) as here:
        found = here.verbs.find
        assert (await found("root/mo/rec")).path == "root/money/reconciler"
        assert (await found("launch_w")).path == "root/hunt/launch_watcher"
        assert (await found(f"/bot/{here.bot.supervisor('hunt').path}/")).path == "root/hunt"
        assert (await found("flatten")).path == "root/guard/flatten"  # an id itself before the beginning of another
        assert (await found("root/hunt/snipers/demo-1")).id == here.user.id
        assert (await found(here.user.id[:20])).path == f"root/hunt/snipers/{here.user.id}"
        for typed, line in (
            ("root/mony", "there is no 'mony' below root; did you mean 'money'?"),
            ("reconcilr", "there is no 'reconcilr' below bot; did you mean 'reconciler'?"),
            ("root/hunt/snipers/demo-9", "there is no 'demo-9' below root/hunt/snipers"),
            ("root/money/reconciler/x", "root/money/reconciler is an actor, so nothing lies below it"),
            ("fl", "'fl' fits root/guard/flatten, root/guard/flattener; give one of these paths"),
            ("", "give a path below root or foundation"),
        ):
            with pytest.raises(LookupError, match=line.replace("?", r"\?")) as refused:
                await found(typed)
            assert "\n" not in str(refused.value)


async def test_a_dead_letter_is_listed_and_replayed_and_an_order_never(autojump_clock: MockClock) -> None:
    async with scene(SNIPES) as here:
        here.world.database.broken = {"open_run"}
        here.crowd.launch()
        await until(lambda: bool(here.world.reports), within_s=30)
        here.world.database.broken = set()
        [letter] = (await here.verbs.dead_letters("root/hunt"))["dead_letters"]
        assert letter["id"] == "root/hunt/snipers#1"
        assert letter["to"] == f"root/hunt/snipers/{here.user.id}"
        assert (letter["reason"], letter["attempts"], letter["replayable"]) == ("handler_failed", 1, True)
        assert letter["error"] == "ZeroDivisionError: a bug in open_run"
        await until(lambda: state_of(here.bot.supervisor("hunt", "snipers"), here.user.id) == "running", within_s=20)
        assert "once more" in (await here.verbs.replay(letter["id"], "mended", BY))["text"]
        assert (await here.verbs.dead_letters(None))["dead_letters"] == []
        with pytest.raises(LookupError, match="there is no dead letter 'root/hunt/snipers#1'"):
            await here.verbs.replay(letter["id"], "twice", BY)


async def test_an_order_that_died_is_listed_and_never_replayed(autojump_clock: MockClock) -> None:
    async with scene(KEEPS) as here:
        mint = here.crowd.launch()
        await trio.sleep(2)
        here.world.database.broken = {"admit"}
        refused = await here.bot.desk.submit(order(here.user, here.wallet, mint, spend_lamports=TENTH))
        assert isinstance(refused, Refused)
        [letter] = (await here.verbs.dead_letters("executors"))["dead_letters"]
        assert letter["replayable"] is False
        here.world.database.broken = set()
        with pytest.raises(CannotError, match="an order is never replayed"):
            await here.verbs.replay(letter["id"], "please", BY)
        assert (await here.world.store.day(0)).buys == 0


async def test_a_database_that_is_away_keeps_nobody_from_acting(autojump_clock: MockClock) -> None:
    async with scene(SNIPES) as here:
        await crash_until_given_up(here.bot.supervisor("hunt", "snipers"), here.user.id)
        here.world.database.is_away = True
        assert "is out of quarantine" in (await here.verbs.release(here.user.id, "at night", BY))["text"]
        assert await here.audited() == []


async def test_status_shows_only_who_is_in_a_state(autojump_clock: MockClock) -> None:
    async with scene(SNIPES) as here:
        await here.world.user("demo-2", replace(SNIPES))
        board = StatusBoard(here.bot, mode=Mode.LIVE, cluster="local", foundation=None)
        assert (await board.tree(None, "quarantined"))["tree"]["children"] == []
        await crash_until_given_up(here.bot.supervisor("hunt", "snipers"), here.user.id)
        node = (await board.tree(None, "quarantined"))["tree"]
        names = []
        while node["children"]:
            [node] = node["children"]
            names.append(node["name"])
        assert names == ["root", "hunt", "snipers", here.user.id]
