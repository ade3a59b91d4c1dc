"""The contract of the lease, on the twin and on PostgreSQL: who leads, who waits, and whose writes are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import trio

from bot.errors import LeaseLost
from bot.ports import LEASE_S, Brought, Lease, LeaseStore, Party, Store
from bot.storage.address import DatabaseAddress
from bot.storage.lease import Leases
from bot.storage.memory import MemoryStore
from bot.storage.memory_lease import MemoryLeases, SharedMemory
from bot.storage.store import open_store
from bot.trading.trading_state import Cause, Halt
from tests.storage.lease_samples import WRITES
from tests.storage.server_thread import SHARED, database_at, empty_store, run_sql

A = Party("a", "bot a")
B = Party("b", "bot b")
C = Party("c", "bot c")
PAUSE = Cause("operator", "global", 1, "operator", "a look")


class Process:
    """One process's connection: the lease and the store behind it, and what it was told when it lost."""

    def __init__(self, leases: LeaseStore, store: Store, age: Callable[[], Any]) -> None:
        self.leases, self.store, self._age = leases, store, age
        self.lost: list[str] = []

    async def take(self, party: Party, after_epoch: int, *, alone: bool = False) -> Lease | None:
        return await self.leases.take_lease(party, after_epoch=after_epoch, alone=alone, lost=self.lost.append)

    async def until_it_ran_out(self) -> None:
        """The lease's time passes: by its row, which is what the clock would do."""
        await self._age()


@asynccontextmanager
async def three_processes(home: DatabaseAddress | None) -> AsyncIterator[tuple[Process, Process, Process]]:
    if home is None:
        shared = SharedMemory(MemoryStore())
        clients: list[Any] = [MemoryLeases(shared, WRITES) for _ in range(3)]

        async def over() -> None:
            await trio.lowlevel.checkpoint()
            assert shared.lease is not None
            shared.lease = replace(shared.lease, until_ms=0)

        first, second, third = (Process(client, client, over) for client in clients)
        yield first, second, third
        return
    address = database_at(home, SHARED)

    async def age() -> None:
        await run_sql(address, "update lease set until = now() - interval '1 s'", "select 1")

    async with empty_store(home) as one, open_store(address) as two, open_store(address) as three:
        first, second, third = (Process(Leases(store._database), store, age) for store in (one, two, three))
        yield first, second, third


@pytest.fixture(params=["memory", "postgres"])
def place(request: pytest.FixtureRequest) -> DatabaseAddress | None:
    """Where the lease under contract lies: None for the twin, else the server."""
    if request.param == "memory":
        return None
    return request.getfixturevalue("server")  # type: ignore[no-any-return]


@pytest.fixture
async def processes(place: DatabaseAddress | None) -> AsyncIterator[tuple[Process, Process]]:
    """Two processes on one empty database."""
    async with three_processes(place) as (first, second, _):
        yield first, second


async def test_the_first_leads_and_a_second_is_told_who(processes: tuple[Process, Process]) -> None:
    first, second = processes
    assert await second.leases.leader(B) is None
    assert await first.take(A, 0) == Lease(1, None, None)
    leader = await second.leases.leader(B)
    assert leader is not None
    assert (leader.epoch, leader.name, leader.ours, leader.released, leader.knows_standby) == (
        1,
        A.name,
        False,
        False,
        False,
    )
    assert 0 < leader.left_ms <= LEASE_S * 1000
    assert await second.take(B, 1) is None
    assert await second.take(B, 0) is None


async def test_a_lease_that_ran_out_passes_on_and_the_writes_of_the_one_before_are_refused(
    processes: tuple[Process, Process],
) -> None:
    first, second = processes
    await first.take(A, 0)
    await first.store.save_cause(PAUSE)
    await first.until_it_ran_out()
    taken = await second.take(B, 1)
    assert taken is not None
    assert (taken.epoch, taken.before) == (2, A.name)
    assert taken.unwatched_ms is not None
    for write in (
        first.store.clear_cause("operator", "global", "x"),
        first.leases.renew_lease(knows_standby=True, watching=True),
    ):
        with pytest.raises(LeaseLost, match="another bot leads on this database: bot b"):
            await write
    assert first.lost[0] == "another bot leads on this database: bot b"
    assert [cause.name for cause in await first.store.causes()] == ["operator"]
    await second.store.clear_cause("operator", "global", "x")
    assert await second.store.causes() == []


async def test_a_lease_that_ran_out_and_was_not_taken_is_renewed(processes: tuple[Process, Process]) -> None:
    first, second = processes
    await first.take(A, 0)
    await first.until_it_ran_out()
    assert await first.leases.renew_lease(knows_standby=False, watching=True) is None
    assert await second.take(B, 1) is None
    await first.store.save_cause(PAUSE)


async def test_a_released_lease_is_free_at_once_and_says_since_when_nobody_watched(
    processes: tuple[Process, Process],
) -> None:
    first, second = processes
    await first.take(A, 0)
    await first.leases.release_lease(unwatched_ms=700)
    leader = await second.leases.leader(B)
    assert leader is not None
    assert leader.released
    taken = await second.take(B, 1)
    assert taken is not None
    assert taken.unwatched_ms is not None
    assert taken.unwatched_ms >= 700


async def test_a_lease_that_is_given_back_for_another_process_of_its_own_is_nobody_elses(
    processes: tuple[Process, Process],
) -> None:
    first, second = processes
    await first.take(A, 0)
    await first.leases.release_lease(unwatched_ms=700, for_own=True)
    leader = await second.leases.leader(B)
    assert leader is not None
    assert not leader.released and 0 < leader.left_ms <= LEASE_S * 1000
    assert await second.take(B, 1) is None
    taken = await second.take(A, 1)
    assert taken is not None
    assert taken.unwatched_ms is not None
    assert taken.unwatched_ms >= 700


async def test_who_leads_and_watches_nothing_shortens_no_gap(place: DatabaseAddress | None) -> None:
    async with three_processes(place) as (first, second, third):
        await first.take(A, 0)
        await first.leases.release_lease(unwatched_ms=60_000)
        assert await second.take(B, 1) is not None
        await second.leases.renew_lease(knows_standby=False, watching=False)
        await second.leases.release_lease(unwatched_ms=None)
        taken = await third.take(C, 2)
    assert taken is not None
    assert taken.unwatched_ms is not None
    assert taken.unwatched_ms >= 60_000


async def test_one_of_two_who_take_an_ended_lease_gets_it(place: DatabaseAddress | None) -> None:
    """Both never led: what a process that did has under way is cut off by whoever takes over."""
    async with three_processes(place) as (first, second, third):
        await first.take(A, 0)
        await first.until_it_ran_out()
        taken: list[Lease | None] = []

        async def take(process: Process, party: Party) -> None:
            taken.append(await process.take(party, 1))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take, second, B)
            nursery.start_soon(take, third, C)
    assert sorted(lease.epoch for lease in taken if lease is not None) == [2]


async def test_the_same_data_directory_waits_for_nothing(processes: tuple[Process, Process]) -> None:
    first, second = processes
    await first.take(A, 0)
    leader = await second.leases.leader(A)
    assert leader is not None
    assert leader.ours
    assert await second.take(A, 1) is not None
    with pytest.raises(LeaseLost):
        await first.leases.renew_lease(knows_standby=False, watching=True)


async def test_who_is_alone_on_a_database_waits_for_nothing(processes: tuple[Process, Process]) -> None:
    first, second = processes
    await first.take(A, 0)
    assert await second.take(B, 1, alone=True) is not None


async def test_a_leader_sees_who_waits_and_for_how_long(processes: tuple[Process, Process]) -> None:
    first, second = processes
    await first.take(A, 0)
    seen_by_b = await second.leases.stand_by(B)
    assert seen_by_b is not None
    assert not seen_by_b.knows_standby
    await second.leases.stand_by(C)
    seen = await first.leases.renew_lease(knows_standby=False, watching=True)
    again = await first.leases.renew_lease(knows_standby=True, watching=True)
    assert seen == again
    assert again is not None
    assert again.name == B.name
    told = await second.leases.leader(B)
    assert told is not None
    assert told.knows_standby


async def test_a_leader_that_was_frozen_inside_a_write_holds_nobody_up(database: DatabaseAddress) -> None:
    async with open_store(database) as one, open_store(database) as other:
        first, second = (Leases(store._database) for store in (one, other))
        await first.take_lease(A, after_epoch=0, alone=False, lost=lambda why: None)
        inside, thawed = trio.Event(), trio.Event()
        left: list[BaseException] = []

        async def freeze(connection: Any) -> None:
            await connection.execute(
                "insert into pause_causes (name, scope, since, by, why) values ('x', 'global', now(), '', '')"
            )
            trio.from_thread.run_sync(inside.set, trio_token=token)
            await connection.execute("select pg_sleep(60)")

        async def frozen() -> None:
            try:
                await one._database.write(freeze)
            except Exception as error:
                left.append(error)
            thawed.set()

        token = trio.lowlevel.current_trio_token()
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(frozen)
                await inside.wait()
                await run_sql(database, "update lease set until = now() - interval '1 s'", "select 1")
                assert await second.take_lease(B, after_epoch=1, alone=False, lost=lambda why: None) is not None
                await thawed.wait()
        assert len(left) == 1
        assert await other.causes() == []


def test_what_changes_something_is_read_off_the_real_store() -> None:
    assert {"admit", "record_attempt", "mark_sent", "settle", "close_unfilled", "adjust", "latch_halt"} <= WRITES
    assert not {"intent", "open_positions", "ping", "halt", "causes"} & WRITES


async def test_what_a_waiting_bot_brings_lies_there_until_the_leader_takes_it_up(
    processes: tuple[Process, Process],
) -> None:
    first, second = processes
    halt = Brought("halt x", B.name, Halt("operator", 7, "ada", "a \\ 'rug'"), b"")
    record = Brought("r", B.name, None, b"\0bytes\xff")
    await first.take(A, 0)
    for _ in range(2):
        assert await second.leases.bring(B, [halt, record]) == 2
    assert await first.leases.brought() == [halt, record]
    await first.leases.taken_up("halt x")
    assert await second.leases.bring(B, [halt, record]) == 1
    assert await first.leases.brought() == [record]
    await first.until_it_ran_out()
    await second.take(B, 1)
    assert await second.leases.brought() == [], "it leads, and has it on its disk"
    with pytest.raises(LeaseLost):
        await first.leases.taken_up("r")


async def test_the_database_knows_whether_another_has_led_since_an_epoch(place: DatabaseAddress | None) -> None:
    async with three_processes(place) as (first, second, third):
        await first.take(A, 0)
        await first.take(A, 1)
        assert not await first.leases.others_led_since(A, 1)
        await first.until_it_ran_out()
        await second.take(B, 2)
        assert await first.leases.others_led_since(A, 2)
        assert not await second.leases.others_led_since(B, 2)
        await second.until_it_ran_out()
        await third.take(A, 3)
        assert await third.leases.others_led_since(A, 2)
        assert not await third.leases.others_led_since(A, 3)
        assert await third.leases.others_led_since(B, 0)


async def test_a_database_has_one_name(processes: tuple[Process, Process]) -> None:
    first, second = processes
    assert await first.leases.database_id() == await second.leases.database_id() != ""
