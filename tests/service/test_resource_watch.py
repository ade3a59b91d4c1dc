"""What runs out: when it pauses what would begin something new, and when that ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from actors.resource_watch import BY, LOOK_S, ResourceWatch
from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from bot.execution.caps import LOOKS, Caps, Usage
from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted
from bot.resources import memory_max, usages
from bot.trading.intent import Context
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import RESOURCES, Binds, State
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
        assert found == {"file_handles": (12, 1024), "memory": (300, 2_000), "monitors": (1, 20_000)}
        assert "memory" not in {one.name for one in usages(bot, process, None)}


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
