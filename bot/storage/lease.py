"""The lease in PostgreSQL: which process leads, who waits, and the guard in front of every write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg
import structlog

from bot.ports import LEASE_S, STANDBY_S, Brought, Leader, Lease, Party, Standby
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database, DatabaseTimeouts, Repository, open_database
from bot.storage.halt_file import halt_of_text, halt_text
from bot.storage.island import open_island
from bot.storage.lease_schema import LOCK_HIGH, LOCK_KEY, LOCK_LOW
from bot.storage.store import PostgresStore

log = structlog.get_logger()

SELECT_LEASE = """
select
    epoch, name, since, released, knows_standby, holder = $1 as ours,
    floor(extract(epoch from until - now()) * 1000)::bigint as left_ms,
    floor(extract(epoch from now() - watched_until) * 1000)::bigint as unwatched_ms
from lease
"""
# One that comes back after it was thought gone begins to wait anew.
PUT_STANDBY = """
insert into standbys (holder, name) values ($1, $2)
on conflict (holder) do update set
    name = excluded.name,
    since = case
        when standbys.seen_at > now() - make_interval(secs => $3::float8) then standbys.since else excluded.since
    end,
    seen_at = excluded.seen_at
"""
SELECT_STANDBY = """
select name, since from standbys where seen_at > now() - make_interval(secs => $1::float8) order by since limit 1
"""
DELETE_STANDBY = "delete from standbys where holder = $1"
# A leader that froze inside a write holds the lock, and is cut off; what it had not committed is undone.
CUT_OFF = """
select pg_terminate_backend(pid) from pg_locks
where
    locktype = 'advisory' and mode = 'ShareLock' and granted
    and classid = $4::bigint and objid = $5::bigint and pid <> pg_backend_pid()
    and database = (select oid from pg_database where datname = current_database())
    and exists (select 1 from lease where epoch = $1 and (released or until <= now() or holder = $2 or $3::boolean))
"""
_LOCK_TIMEOUT = "set local lock_timeout = '2s'"
LOCK_WRITERS_OUT = "select pg_advisory_xact_lock($1)"
INSERT_LEASE = """
insert into lease (epoch, holder, name, until) values (1, $1, $2, now() + make_interval(secs => $3::float8))
on conflict (only_row) do nothing
returning epoch
"""
UPDATE_TAKEN = """
update lease
set
    epoch = epoch + 1, holder = $1, name = $2, since = now(), until = now() + make_interval(secs => $3::float8),
    released = false, knows_standby = false
where epoch = $4 and (released or until <= now() or holder = $1 or $5::boolean)
returning epoch
"""
UPDATE_RENEWED = """
update lease
set until = now() + make_interval(secs => $1::float8), released = false, knows_standby = $2,
    watched_until = case when $3 then now() else watched_until end
"""
UPDATE_RELEASED = """
update lease
set
    until = now() + make_interval(secs => $2::float8), released = ($2 = 0),
    watched_until = coalesce(now() - make_interval(secs => $1::float8), watched_until)
"""


INSERT_LEADER = """
insert into leaders (epoch, holder, name) values ($1, $2, $3)
on conflict (epoch) do update set holder = excluded.holder, name = excluded.name, since = now()
"""
SELECT_DATABASE_ID = "select id::text from database_identity"
# Epochs that a program without the table has led are missing, and prove nothing.
SELECT_OTHERS_LED = """
select coalesce((select epoch from lease), $2) - $2 <> (select count(*) from leaders where epoch > $2 and holder = $1)
"""
INSERT_BROUGHT = """
insert into brought (id, holder, name, halt, record) values ($1, $2, $3, $4, $5) on conflict (id) do nothing
"""
SELECT_NOT_TAKEN = "select count(*) from brought where id = any($1::text[]) and taken_at is null"
SELECT_BROUGHT = "select id, name, halt, record from brought where taken_at is null order by seq limit 1000"
UPDATE_TAKEN_UP = "update brought set taken_at = now() where id = $1 and taken_at is null"
DELETE_BROUGHT = "delete from brought where holder = $1 and taken_at is null"


class Leases(Repository):
    """Implements `LeaseStore`."""

    async def leader(self, party: Party) -> Leader | None:
        return await self._database.probe(_leader, party)

    async def stand_by(self, party: Party) -> Leader | None:
        return await self._database.write_soon(_stand_by, party)

    async def take_lease(
        self, party: Party, *, after_epoch: int, alone: bool, lost: Callable[[str], None]
    ) -> Lease | None:
        """Raises StoreUnavailable where writes of the leader before do not end; the next try cuts them off again."""
        await self._database.probe(_cut_off, after_epoch, party, alone)
        lease = await self._database.write_soon(_take, party, after_epoch, alone)
        if lease is not None:
            self._database.fence(f"select hold_lease({lease.epoch})", lost)
        return lease

    async def renew_lease(self, *, knows_standby: bool, watching: bool) -> Standby | None:
        return await self._database.write_soon(_renew, knows_standby, watching)

    async def database_id(self) -> str:
        return await self._database.probe(_database_id)

    async def others_led_since(self, party: Party, epoch: int) -> bool:
        return await self._database.probe(_others_led, party, epoch)

    async def bring(self, party: Party, brought: Sequence[Brought]) -> int:
        return await self._database.write_soon(_bring, party, brought)

    async def brought(self) -> list[Brought]:
        return await self._database.probe(_brought)

    async def taken_up(self, brought_id: str) -> None:
        await self._database.write_soon(_taken_up, brought_id)

    async def release_lease(self, *, unwatched_ms: int | None, for_own: bool = False) -> None:
        await self._database.write_soon(_release, unwatched_ms, LEASE_S * for_own)


@asynccontextmanager
async def open_led_store(
    address: DatabaseAddress,
    lead: Callable[[PostgresStore, Leases], Awaitable[None]],
    timeouts: DatabaseTimeouts | None = None,
) -> AsyncIterator[PostgresStore]:
    """As `open_store`, for a process that must lead before it changes anything: `lead` returns when it does.

    The store that `lead` is handed may be that of an older program still; it is for looking.
    """

    async def ahead(database: Database) -> None:
        await lead(PostgresStore(database), Leases(database))

    async with open_island() as island, open_database(island, address, timeouts, ahead=ahead) as database:
        yield PostgresStore(database)


async def _leader(connection: asyncpg.Connection, party: Party) -> Leader | None:
    row = await connection.fetchrow(SELECT_LEASE, party.id)
    if row is None:
        return None
    return Leader(
        epoch=row["epoch"],
        name=row["name"],
        since_ms=row["since"],
        left_ms=row["left_ms"],
        ours=row["ours"],
        released=row["released"],
        knows_standby=row["knows_standby"],
    )


async def _stand_by(connection: asyncpg.Connection, party: Party) -> Leader | None:
    await connection.execute(PUT_STANDBY, party.id, party.name, STANDBY_S)
    return await _leader(connection, party)


async def _cut_off(connection: asyncpg.Connection, epoch: int, party: Party, alone: bool) -> None:
    try:
        await connection.fetch(CUT_OFF, epoch, party.id, alone, LOCK_HIGH, LOCK_LOW)
    except asyncpg.InsufficientPrivilegeError as error:
        # Another user's connections end by themselves, see idle_in_transaction_session_timeout.
        log.warning("leader_not_cut_off", reason=str(error))


async def _take(connection: asyncpg.Connection, party: Party, after_epoch: int, alone: bool) -> Lease | None:
    await connection.execute(_LOCK_TIMEOUT)
    await connection.fetchval(LOCK_WRITERS_OUT, LOCK_KEY)
    before = await connection.fetchrow(SELECT_LEASE, party.id)
    if before is None:
        epoch = await connection.fetchval(INSERT_LEASE, party.id, party.name, LEASE_S)
    else:
        epoch = await connection.fetchval(UPDATE_TAKEN, party.id, party.name, LEASE_S, after_epoch, alone)
    if epoch is None:
        return None
    await connection.execute(DELETE_STANDBY, party.id)
    await connection.execute(DELETE_BROUGHT, party.id)
    await connection.execute(INSERT_LEADER, epoch, party.id, party.name)
    if before is None:
        return Lease(epoch, None, None)
    return Lease(epoch, before["name"], before["unwatched_ms"])


async def _renew(connection: asyncpg.Connection, knows_standby: bool, watching: bool) -> Standby | None:
    """The fence in front has proved that the lease is still ours."""
    await connection.execute(UPDATE_RENEWED, LEASE_S, knows_standby, watching)
    row = await connection.fetchrow(SELECT_STANDBY, STANDBY_S)
    return None if row is None else Standby(row["name"], row["since"])


async def _database_id(connection: asyncpg.Connection) -> str:
    database_id: str = await connection.fetchval(SELECT_DATABASE_ID)
    return database_id


async def _others_led(connection: asyncpg.Connection, party: Party, epoch: int) -> bool:
    others: bool = await connection.fetchval(SELECT_OTHERS_LED, party.id, epoch)
    return others


async def _bring(connection: asyncpg.Connection, party: Party, brought: Sequence[Brought]) -> int:
    for one in brought:
        halt = None if one.halt is None else halt_text(one.halt)
        await connection.execute(INSERT_BROUGHT, one.id, party.id, one.name, halt, one.record)
    left: int = await connection.fetchval(SELECT_NOT_TAKEN, [one.id for one in brought])
    return left


async def _brought(connection: asyncpg.Connection) -> list[Brought]:
    rows = await connection.fetch(SELECT_BROUGHT)
    return [
        Brought(row["id"], row["name"], None if row["halt"] is None else halt_of_text(row["halt"]), row["record"])
        for row in rows
    ]


async def _taken_up(connection: asyncpg.Connection, brought_id: str) -> None:
    await connection.execute(UPDATE_TAKEN_UP, brought_id)


async def _release(connection: asyncpg.Connection, unwatched_ms: int | None, kept_s: float) -> None:
    unwatched_s = None if unwatched_ms is None else unwatched_ms / 1000
    await connection.execute(UPDATE_RELEASED, unwatched_s, kept_s)
