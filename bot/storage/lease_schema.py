"""The lease's own tables, and the guard in front of every write.

They are no part of the migrations and their shape never changes (what is to be known beside them gets a table of its own):
a program takes the lease before it brings the schema to its own version, and two programs of different versions meet here
while one hands over to the other.

A writer holds a lock of its transaction in shared mode and then reads the epoch; whoever takes the lease holds the same
lock alone while he raises it. So each write comes either before the change, whole, or after it, and is refused.
"""

from __future__ import annotations

import asyncpg

from bot.storage.migrate import locked

# What the server answers to a write of a process that leads no more; no class of PostgreSQL's own begins with T.
STALE_EPOCH = "TB001"
LOCK_HIGH, LOCK_LOW = 0x626F745F, 0x6C656173  # "bot_leas"
LOCK_KEY = LOCK_HIGH << 32 | LOCK_LOW

IS_PREPARED = "select to_regprocedure('hold_lease(bigint)') is not null and to_regclass('brought') is not null"
# `holder` names a data directory, `name` is for people. One row of `lease` and of `database_identity` at most.
# `leaders` has every epoch that a program which knows this table has led. `brought` is what the disk of one bot alone knew.
_CREATE = """
create table if not exists lease (
    only_row boolean primary key default true check (only_row),
    epoch bigint not null,
    holder text not null,
    name text not null,
    since timestamptz not null default now(),
    until timestamptz not null,
    released boolean not null default false,
    knows_standby boolean not null default false,
    watched_until timestamptz not null default now()
);
create table if not exists standbys (
    holder text primary key,
    name text not null,
    since timestamptz not null default now(),
    seen_at timestamptz not null default now()
);
create table if not exists database_identity (
    only_row boolean primary key default true check (only_row),
    id uuid not null default gen_random_uuid()
);
insert into database_identity default values on conflict do nothing;
create table if not exists leaders (
    epoch bigint primary key,
    holder text not null,
    name text not null,
    since timestamptz not null default now()
);
create or replace function hold_lease(held bigint) returns void language plpgsql as $$
declare
    leader lease;
begin
    perform pg_advisory_xact_lock_shared(LOCK_KEY);
    select * into leader from lease;
    if leader.epoch is distinct from held then
        raise exception using
            errcode = 'STALE_EPOCH',
            message = format('another bot leads on this database: %s', leader.name);
    end if;
end $$;
create table if not exists brought (
    id text primary key,
    seq bigint generated always as identity,
    holder text not null,
    name text not null,
    halt text,
    record bytea not null,
    at timestamptz not null default now(),
    taken_at timestamptz
);
""".replace("LOCK_KEY", str(LOCK_KEY)).replace("STALE_EPOCH", STALE_EPOCH)


async def prepare_lease(connection: asyncpg.Connection) -> None:
    """Make the tables where they are not there."""
    if await connection.fetchval(IS_PREPARED):
        return
    async with locked(connection):
        if not await connection.fetchval(IS_PREPARED):
            await connection.execute(_CREATE)
