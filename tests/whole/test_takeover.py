"""Two whole bots on one store in virtual time: a leader stands still, the other takes over, and the first wakes up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from actors.lease_keeper import LeaseKeeper
from bot.clock import virtual_clock
from bot.errors import LeaseLost
from bot.execution.alerts import Alert
from bot.execution.leadership import Leadership
from bot.localnet.inprocess import DEFAULT_GENESIS_TIME_S, InProcessChain
from bot.ports import LeaseStore
from bot.standby import Succession
from bot.start_door import StartDoor
from bot.storage.memory import MemoryStore
from bot.storage.memory_lease import MemoryLeases, SharedMemory
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import Cause, Halt
from bot.trading.units import BPS
from bot.tree import TradingBot
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import MasterKey
from tests.storage.lease_samples import WRITES
from tests.whole.crowd import Crowd
from tests.whole.test_levels import with_position
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, living_bot, make_world, open_for_entries, running_bot, until

STANDS_STILL_S = 60


@dataclass(slots=True)
class Process:
    """One bot: its world is its own except for store and chain, and its database may stand still with it."""

    world: World
    succession: Succession

    @classmethod
    def make(cls, shared: SharedMemory, chain: InProcessChain, directory: Path, seed: int) -> Process:
        clock = virtual_clock(trio.current_time, epoch_ms=DEFAULT_GENESIS_TIME_S * 1000, seed=seed)
        leadership = Leadership(clock)
        store = cast(MemoryStore, MemoryLeases(shared, WRITES))
        vault = LocalVault(MasterKey("test", bytes(range(32))), leadership.check)
        world = World(chain, clock, store=store, vault=vault)
        directory.mkdir()
        door = StartDoor(directory)
        succession = Succession(directory, leadership, alone=False, own_chain=False, door=door, say=world.told.append)
        return cls(world, succession)

    @asynccontextmanager
    async def leading(self) -> AsyncIterator[TradingBot]:
        """The whole bot, once it leads."""
        await self.succession.lead(self.leases, self.fit)
        self.world.lease = LeaseKeeper(self.succession.leadership, self.leases).run
        async with living_bot(self.world) as bot:
            yield bot

    @property
    def leases(self) -> LeaseStore:
        return cast(LeaseStore, self.world.database)

    async def fit(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_a_leader_that_stood_still_wakes_up_and_can_neither_write_nor_sign(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    shared, chain = SharedMemory(MemoryStore()), InProcessChain(seed=1)
    old = Process.make(shared, chain, tmp_path / "old", 1)
    new = Process.make(shared, chain, tmp_path / "new", 2)

    async def stand_still_once_the_standby_is_known() -> None:
        await until(lambda: shared.lease is not None and shared.lease.knows_standby, within_s=20)
        old.world.database.hangs = True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(chain.run)
        async with old.leading() as asleep:
            await open_for_entries(asleep)
            mint = await with_position(old.world, asleep, Crowd(chain), "ada")
            nursery.start_soon(stand_still_once_the_standby_is_known)
            async with new.leading() as awake:
                await open_for_entries(awake)
                assert await told_of_takeover(new, awake) == "This bot leads now, epoch 2"
                [user], [wallet] = await shared.store.users(), await shared.store.wallets()
                await awake.desk.submit(order(user, wallet, mint, key="sale", share_bps=BPS // 2))
                await trio.sleep(STANDS_STILL_S)
                nursery.start_soon(wake_up_soon, old)
                late = await asleep.desk.submit(order(user, wallet, mint, key="late", share_bps=BPS))
                assert isinstance(late, Refused)
                assert await shared.store.intent_of("late") is None
                assert old.succession.leadership.over.is_set()
                with pytest.raises(LeaseLost, match="another bot leads on this database"):
                    await old.world.vault.sign(wallet, await shared.store.sealed_key(wallet.id), "late", b"late")
                with pytest.raises(LeaseLost, match="another bot leads on this database"):
                    await old.world.database.save_cause(Cause("operator", "global", 1, "operator", "late"))
                await trio.sleep(STANDS_STILL_S)
                assert not new.succession.leadership.over.is_set()
                [position] = await shared.store.open_positions()
                assert position.mint == mint
                assert await new.world.books_equal_chain()
        nursery.cancel_scope.cancel()
    assert asleep.guard.halt is None
    assert old.world.reports == new.world.reports == []


async def wake_up_soon(process: Process) -> None:
    await trio.sleep(1)
    process.world.database.hangs = False


async def told_of_takeover(process: Process, bot: TradingBot) -> str:
    """The beginning of what operators are told."""
    told: list[Alert] = []
    await process.succession.tell_takeover(lambda: bot.reconciler.reconciled, told.append)
    [alert] = told
    return alert.text.partition(", in place of ")[0]


async def test_of_two_that_start_at_once_on_an_empty_database_one_leads_and_one_waits(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    shared, chain = SharedMemory(MemoryStore()), InProcessChain(seed=1)
    both = [Process.make(shared, chain, tmp_path / str(number), number) for number in (1, 2)]

    def said(words: str) -> int:
        return sum(words in line for process in both for line in process.world.told)

    async with trio.open_nursery() as nursery:
        for process in both:
            nursery.start_soon(process.succession.lead, process.leases, process.fit)
        await until(lambda: said("standby: another bot leads on this database") == 1, within_s=5)
        assert sum(process.succession.leadership.lease is not None for process in both) == 1
        nursery.cancel_scope.cancel()


async def test_a_halt_that_was_rearmed_at_another_bot_does_not_come_back_with_its_file(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    halt = Halt("operator", world.clock.now_ms(), "operator", "rug")
    world.halt.keep(halt)
    await world.store.latch_halt(halt)
    await world.store.rearm("operator", world.clock.now_ms())
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        assert bot.guard.halt is None
    assert world.halt.kept() is None
    assert not any("Halted" in line for line in world.alerts)


async def test_a_halt_of_this_disk_that_nobody_ended_is_latched_once_the_database_answers(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    earlier = Halt("rpc", world.clock.now_ms(), "rpc watch", "away")
    await world.store.latch_halt(earlier)
    await world.store.rearm("operator", world.clock.now_ms())
    await trio.sleep(1)
    halt = Halt("operator", world.clock.now_ms(), "operator", "rug")
    world.halt.keep(halt)
    async with running_bot(world) as bot:
        await until(lambda: bot.guard.flattened, within_s=20)
        assert (bot.guard.halt, await world.store.halt()) == (halt, halt)
