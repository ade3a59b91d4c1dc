"""What runs out: when it pauses what would begin something new, and when that ends."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from actors.resource_watch import BY, LOOK_S, ResourceWatch
from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from bot.execution.caps import LOOKS, Caps, Usage
from bot.localnet.inprocess import InProcessChain
from bot.ports import Connections, Submitted
from bot.resources import looked, memory_max, usages
from bot.trading.intent import Context
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import RESOURCES, Binds, State
from bot.trading.units import BPS
from tests.whole.crowd import Crowd
from tests.whole.test_levels import KEEPS, with_position
from tests.whole.test_one_trade import order
from tests.whole.virtual import make_world, open_for_entries, pausing, running_bot, until


def handles(used: int) -> Usage:
    return Usage("file_handles", "file handles", used, 1_000)


def test_a_thing_is_short_after_some_looks_in_a_row_and_easy_again_well_below() -> None:
    caps = Caps()
    for _ in range(3):
        assert [caps.look([handles(950)]) for _ in range(LOOKS - 1)] == [[]] * (LOOKS - 1)
        assert caps.look([handles(899)]) == []
    told = [caps.look([handles(900)]) for _ in range(LOOKS)]
    assert told[-2:] == [[], [handles(900)]]
    assert caps.look([handles(801)]) == [handles(801)], "it does not flap about its bound"
    assert caps.look([handles(799)]) == []
    assert handles(950).told == "file handles: 950 of 1000"


def test_a_bound_of_nothing_is_no_bound() -> None:
    assert Usage("memory", "MB of memory", 5, 0).bps == 0


async def test_what_buys_by_itself_waits_while_handles_are_short_and_exits_and_hands_do_not(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    used = 100
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await with_position(world, bot, Crowd(world.chain), "demo-1", KEEPS)
        [user] = await world.store.users()
        [wallet] = await world.store.wallets(user.id)
        watch = ResourceWatch(
            lambda: [handles(used)],
            lambda why: bot.guard.pause(RESOURCES, by=BY, why=why, binds=Binds.AUTOMATED),
            lambda: bot.guard.resume(RESOURCES),
        )
        async with open_supervisor(SupervisorSpec("ops", "one_for_one", (ChildSpec("watch", watch.run),))):
            used = 990
            await until(lambda: pausing(bot) == {RESOURCES}, within_s=LOOK_S * (LOOKS + 2))
            assert bot.guard.state is State.PAUSED
            by_itself = order(user, wallet, mint, key="auto", spend_lamports=10_000_000)
            refused = await bot.desk.submit(replace(by_itself, context=Context.AUTOMATED))
            assert isinstance(refused, Refused)
            assert "at the end of what its machine" in refused.reason
            by_hand = await bot.desk.submit(order(user, wallet, mint, key="hand", spend_lamports=10_000_000))
            assert isinstance(by_hand, Submitted)
            assert isinstance(await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=5_000)), Submitted)
            used = 500
            await until(lambda: pausing(bot) == set(), within_s=LOOK_S * 2)
        await trio.sleep(65)
    alerts = [one for one in world.alerts if "resources" in one]
    assert "What buys by itself is paused by resources (file handles: 990 of 1000)" in alerts[0]
    assert "See runbooks/resources.md" in alerts[0]
    assert "The pause by resources is over" in alerts[-1]


async def test_the_bots_own_numbers_are_looked_at(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, Crowd(world.chain), "demo-1", KEEPS)
        await until(lambda: len(bot.looks) == 1, within_s=10)
        process = {"open_files": 12, "open_files_max": 1024, "rss_bytes": 300_000_000}
        found = {one.name: (one.used, one.most) for one in usages(bot, process, 2_000_000_000)}
        assert found == {
            "file_handles": (12, 1024),
            "memory": (300, 2_000),
            "monitors": (1, 20_000),
            "database": (0, 0),  # the twin has no pool
        }
        assert "memory" not in {one.name for one in usages(bot, process, None)}


async def test_handles_that_cannot_be_counted_any_more_are_all_taken(autojump_clock: MockClock) -> None:
    """Counting them takes one: where there is none left the watch is not to fail in the moment that it is there for."""
    world = make_world(InProcessChain(seed=1))

    def process() -> dict[str, int]:
        raise OSError(errno.EMFILE, "Too many open files")

    async with running_bot(world) as bot:
        [one] = looked(bot, process, None)
    assert one.name == "file_handles"
    assert one.used == one.most > 0


def wanted(connections: int) -> Usage:
    return Usage("database", "connections", connections, 8, short_bps=BPS + 1, easy_bps=BPS)


def test_a_pool_is_short_while_somebody_waits_at_each_look_and_easy_once_a_connection_is_free() -> None:
    caps = Caps()
    for _ in range(2 * LOOKS):
        assert caps.look([wanted(8)]) == [], "busy is not short"
    assert [bool(caps.look([wanted(9)])) for _ in range(LOOKS)] == [False] * (LOOKS - 1) + [True]
    assert caps.look([]) == [wanted(9)], "unknown, as while the database is away, changes nothing"
    assert caps.look([wanted(8)]) == [wanted(8)]
    assert caps.look([wanted(7)]) == []
    for _ in range(LOOKS - 1):
        assert caps.look([wanted(9)]) == []
    assert [caps.look(one) for one in ([], [wanted(9)])] == [[], []], "a look that was left out begins anew"


async def test_a_full_pool_pauses_what_buys_by_itself_and_a_watch_that_begins_anew_ends_that(
    autojump_clock: MockClock,
) -> None:
    """A watch that was replaced, or crashed between its pause and its note of it, leaves no pause that nobody ends."""
    world = make_world(InProcessChain(seed=1))
    pool = Connections(8, 8, 8, 11)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        bot.adapters.store.connections = lambda: pool
        crashes = False

        def look() -> list[Usage]:
            nonlocal crashes, pool
            if crashes:
                crashes, pool = False, Connections(8, 3, 8, 3)
                raise RuntimeError("no answer")
            return [
                one for one in usages(bot, {"open_files": 1, "open_files_max": 1024}, None) if one.name == "database"
            ]

        def watch() -> ResourceWatch:
            return ResourceWatch(
                look,
                lambda why: bot.guard.pause(RESOURCES, by=BY, why=why, binds=Binds.AUTOMATED),
                lambda: bot.guard.resume(RESOURCES),
            )

        spec = ChildSpec("watch", watch().run)
        async with open_supervisor(SupervisorSpec("ops", "one_for_one", (spec,))) as ops:
            await until(lambda: pausing(bot) == {RESOURCES}, within_s=LOOK_S * (LOOKS + 2))
            crashes = True
            await until(lambda: pausing(bot) == set(), within_s=LOOK_S * 4)
            [child] = ops.statistics().children
            assert child.restarts == 1
            pool = Connections(8, 8, 8, 9)
            await until(lambda: pausing(bot) == {RESOURCES}, within_s=LOOK_S * (LOOKS + 2))
        pool = Connections(8, 3, 8, 3)
        async with open_supervisor(SupervisorSpec("ops", "one_for_one", (ChildSpec("watch", watch().run),))):
            await until(lambda: pausing(bot) == set(), within_s=LOOK_S * 3)
    [told, *_] = [one for one in world.alerts if "resources" in one]
    assert "paused by resources (connections to the database asked for: 11 of 8)" in told


@pytest.mark.parametrize(
    ("chosen", "service", "above", "bound"),
    [
        (None, "max", "max", None),
        (None, "2000000000", "max", 2_000_000_000),
        (500, "2000000000", "max", 500_000_000),
        (None, "2000000000", "1000000000", 1_000_000_000),
        (500, "max", "max", 500_000_000),
    ],
)
def test_the_bound_of_memory_is_the_least_that_anybody_set(
    tmp_path: Path, chosen: int | None, service: str, above: str, bound: int | None
) -> None:
    folder = tmp_path / "groups" / "system.slice" / "trading-bot.service"
    folder.mkdir(parents=True)
    (folder / "memory.max").write_text(f"{service}\n")
    (folder.parent / "memory.max").write_text(f"{above}\n")
    own = tmp_path / "own"
    own.write_text("1:name=systemd:/x\n0::/system.slice/trading-bot.service\n")
    assert memory_max(chosen, tmp_path / "groups", own) == bound
    assert memory_max(chosen, tmp_path / "none", tmp_path / "nowhere") == (
        None if chosen is None else chosen * 1_000_000
    )


def test_this_machine_can_be_asked() -> None:
    assert (memory_max(None) or 1) > 0
