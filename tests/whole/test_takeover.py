"""Two whole bots on one store in virtual time: a leader stands still, the other takes over, and the first wakes up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from actors.lease_keeper import LeaseKeeper
from bot.clock import virtual_clock
from bot.errors import LeaseLost, Unavailable
from bot.execution.alerts import LEASE, Alert
from bot.execution.leadership import Leadership
from bot.left_on_disk import LeftOnDisk
from bot.localnet.inprocess import DEFAULT_GENESIS_TIME_S, InProcessChain
from bot.ports import Brought, LeaseStore
from bot.standby import Succession, directory_id
from bot.start_door import StartDoor
from bot.status_text import status_text
from bot.storage.memory import MemoryStore
from bot.storage.memory_lease import MemoryLeases, SharedMemory
from bot.take_up import TakeUp
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import Cause, Halt
from bot.trading.units import BPS
from bot.tree import TradingBot
from bot.vault.local_vault import LocalVault
from tests.storage.lease_samples import WRITES
from tests.vault.vault_samples import closing, guard
from tests.whole.crowd import Crowd
from tests.whole.test_levels import KEEPS, with_position
from tests.whole.test_one_trade import order
from tests.whole.test_operator_flattens import operator_of
from tests.whole.virtual import MASTER_KEY, World, living_bot, make_world, open_for_entries, pausing, running_bot, until

STANDS_STILL_S = 60


@dataclass(slots=True)
class Process:
    """One bot: its world is its own except for store and chain, and its database may stand still with it."""

    world: World
    succession: Succession
    bot: TradingBot | None = None

    @classmethod
    def make(
        cls, shared: SharedMemory, chain: InProcessChain, directory: Path, seed: int, before: Process | None = None
    ) -> Process:
        """A process on a data directory, that of the process `before` where there was one."""
        clock = virtual_clock(trio.current_time, epoch_ms=DEFAULT_GENESIS_TIME_S * 1000, seed=seed)
        leadership = Leadership(clock)
        store = cast(MemoryStore, MemoryLeases(shared, WRITES))
        vault = LocalVault(MASTER_KEY, guard(clock), leadership.check)
        world = World(chain, clock, store=store, vault=vault)
        directory.mkdir(exist_ok=True)
        if before is not None:
            world.halt, world.journal = before.world.halt, before.world.journal
        succession = Succession(
            directory=directory,
            leadership=leadership,
            alone=False,
            own_chain=False,
            door=StartDoor(directory),
            say=world.told.append,
            left=LeftOnDisk(world.halt, world.journal, directory_id(directory, clock)),
        )
        return cls(world, succession)

    @asynccontextmanager
    async def leading(self) -> AsyncIterator[TradingBot]:
        """The whole bot, once it leads."""
        await self.succession.lead(self.leases, self.fit)
        found = await self.succession.inherit()
        self.world.overtaken, self.world.journal.mark = found.overtaken, found.mark
        self.world.leadership = self.succession.leadership
        self.world.lease = LeaseKeeper(
            self.succession.leadership, self.leases, self.take_up, down=self.cannot_sign, up=self.can_sign
        ).run
        async with living_bot(self.world) as bot:
            self.bot = bot
            yield bot

    async def take_up(self, brought: Brought) -> None:
        bot = self.bot
        if bot is None:
            raise Unavailable("the bot is still starting")
        leadership, store = self.succession.leadership, bot.adapters.store
        await TakeUp(bot.guard, leadership, store, lambda: bot.confirmer.adopt(0), bot.alerts.tell).take(brought)

    def cannot_sign(self, why: str) -> None:
        if self.bot is not None:
            self.bot.guard.down(LEASE, why)

    def can_sign(self) -> None:
        if self.bot is not None:
            self.bot.guard.up(LEASE)

    async def stand_by(self) -> None:
        """A start that finds another bot leading, until cancelled."""
        await self.succession.lead(self.leases, self.fit)

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
                    await old.world.vault.sign(
                        wallet, await shared.store.sealed_key(wallet.id), closing(wallet.address)
                    )
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
    assert await process.succession.tell_takeover(lambda: bot.reconciler.reconciled, told.append) is not None
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


@asynccontextmanager
async def died_without_the_database(
    shared: SharedMemory, chain: InProcessChain, home: Path, order: Callable[[TradingBot], Awaitable[object]]
) -> AsyncIterator[tuple[Process, Process, TradingBot]]:
    """A leader is given an order while its database is away, and dies; the second bot leads. Yields all but the first's."""
    old, new = Process.make(shared, chain, home / "old", 1), Process.make(shared, chain, home / "new", 2)
    async with old.leading() as bot:
        await open_for_entries(bot)
        await with_position(old.world, bot, Crowd(chain), "ada", KEEPS)
        old.world.database.is_away = True
        await until(lambda: "database" in pausing(bot), within_s=10)
        await order(bot)
    async with new.leading() as leads:
        await open_for_entries(leads)
        assert leads.guard.halt is None
        yield old, new, leads


async def test_a_halt_on_the_disk_of_a_leader_that_died_holds_as_soon_as_that_bot_stands_by(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    shared, chain = SharedMemory(MemoryStore()), InProcessChain(seed=1)

    async def halt(bot: TradingBot) -> None:
        await trio.lowlevel.checkpoint()
        bot.guard.latch(Halt("operator", bot.adapters.clock.now_ms(), "operator", "rug"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(chain.run)
        async with died_without_the_database(shared, chain, tmp_path, halt) as (old, new, leads):
            again = Process.make(shared, chain, tmp_path / "old", 3, before=old)
            nursery.start_soon(again.stand_by)
            await until(lambda: leads.guard.halt is not None, within_s=10)
            await until(lambda: any("was on the disk of" in line for line in new.world.alerts), within_s=10)
            await until(lambda: again.world.halt.kept() is None, within_s=10)
            assert await shared.store.halt() == leads.guard.halt
            await until(lambda: leads.guard.flattened, within_s=60)
            assert await shared.store.open_positions() == []
            assert await leads.guard.rearm("operator")
            await trio.sleep(30)
            assert leads.guard.halt is None
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("comes_back_as", ["standby", "leader"])
async def test_a_panic_in_the_journal_of_a_leader_that_died_is_told_and_sells_nothing_later(
    autojump_clock: MockClock, tmp_path: Path, comes_back_as: str
) -> None:
    shared, chain = SharedMemory(MemoryStore()), InProcessChain(seed=1)

    async def panic(bot: TradingBot) -> None:
        chain.set_fault("rpc-down", for_s=5)
        [user] = await shared.store.users()
        await bot.panic(user.id)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(chain.run)
        async with died_without_the_database(shared, chain, tmp_path, panic) as (old, new, leads):
            again = Process.make(shared, chain, tmp_path / "old", 3, before=old)
            assert again.world.journal.found().records
            if comes_back_as == "standby":
                nursery.start_soon(again.stand_by)
                await until(lambda: not again.world.journal.data, within_s=10)
                await told_of_the_panic(new, leads)
        if comes_back_as == "leader":
            async with again.leading() as later:
                await told_of_the_panic(again, later)
        nursery.cancel_scope.cancel()


async def told_of_the_panic(process: Process, bot: TradingBot) -> None:
    """User and operators hear of it, and what he holds stays."""
    words = "was not carried out by the bot that took over after it; send it again if you still want it."
    await until(lambda: any(words in line for line in process.world.told), within_s=30)
    await until(lambda: any("The /panic of ada, given" in line for line in process.world.alerts), within_s=30)
    [user] = await process.world.database.users()
    await open_for_entries(bot)
    assert not bot.guard.panics(user.id)
    await trio.sleep(10)
    assert len(await process.world.database.open_positions()) == 1


async def test_with_a_standby_and_no_database_nothing_can_be_sold_and_everything_says_so(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    shared, chain = SharedMemory(MemoryStore()), InProcessChain(seed=1)
    leader, waiting = (Process.make(shared, chain, tmp_path / name, seed) for seed, name in enumerate(("one", "two")))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(chain.run)
        async with leader.leading() as bot:
            await open_for_entries(bot)
            await with_position(leader.world, bot, Crowd(chain), "ada", KEEPS)
            nursery.start_soon(waiting.stand_by)
            await until(lambda: shared.lease is not None and shared.lease.knows_standby, within_s=20)
            leader.world.database.is_away = waiting.world.database.is_away = True
            await until(lambda: LEASE in pausing(bot), within_s=10)
            operator = operator_of(bot)
            status = status_text(await operator.board.status())
            assert "nothing can be sold until the database answers, because another bot waits to lead" in status
            assert "exits are made from memory" not in status
            [user] = await bot.adapters.store.users()
            for said in (operator.board.words.of_everybody(), operator.board.words.line(user.id)):
                assert said is not None
                assert "nothing can be sold until the database answers" in said
            await until(
                lambda: any("Nothing can be bought or sold" in line for line in leader.world.alerts), within_s=10
            )
            assert not any("exits go on from memory." in line for line in leader.world.alerts)
            await trio.sleep(60)
            assert (bot.guard.level, bot.guard.halt) == (3, None), (
                "it may not judge what another may look after already"
            )
            told = (await operator.answer({"verb": "flatten", "why": "rug"}))["text"]
            assert told.startswith("halted: nothing can be sold until the database answers")
            assert len(await shared.store.open_positions()) == 1
            leader.world.database.is_away = False
            await until(lambda: bot.guard.flattened, within_s=60)
            assert await shared.store.open_positions() == []
        nursery.cancel_scope.cancel()
