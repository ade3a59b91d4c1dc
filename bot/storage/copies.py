"""What was decided about leaders' swaps for their followers, and what copies have spent and hold, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from bot.ports import CopyHolding, CopyTold, OutboxMessage, SpentBy, WalletSignal
from bot.storage.copy_rules import CopyRules
from bot.storage.database import Database, Row
from bot.storage.outbox import put_message
from bot.storage.rules import storable
from bot.storage.together import Together
from bot.storage.tracking import signal_of
from bot.trading.copying import Copy, CopyState, Spent
from bot.trading.intent import IntentState, Mode, Side

SELECT_DUE = """
select wallet_signals.*
from copies_due
inner join wallet_signals on copies_due.seq = wallet_signals.seq
order by wallet_signals.seq
limit $1
"""
DELETE_DUE = """
delete from copies_due
using wallet_signals
where
    copies_due.seq = wallet_signals.seq and wallet_signals.address = $1 and wallet_signals.signature = $2
    and wallet_signals.mint = $3 and wallet_signals.side = $4
"""
INSERT_COPIES = """
insert into copies (
    id, rule_id, user_id, wallet_id, mode, leader, signature, instruction, mint, side, leader_lamports,
    leader_token_raw, held_before_raw, seen_at, decided_at, state, code, reason, spend_lamports, token_raw, tries,
    ordered_at, key
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[],
    $10::text[], $11::bigint[], $12::numeric[], $13::numeric[], $14::timestamptz[], $15::timestamptz[], $16::text[],
    $17::text[], $18::text[], $19::bigint[], $20::numeric[], $21::bigint[], $22::timestamptz[], $23::text[]
)
on conflict (user_id, signature, instruction) do nothing
returning id
"""
SELECT_OWED = "select * from copies where state = 'owed' order by seq"
UPDATE_COPIES = """
update copies
set
    state = told.state, code = told.code, reason = told.reason, token_raw = told.token_raw, tries = told.tries,
    ordered_at = told.ordered_at, key = told.key
from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::bigint[], $7::timestamptz[], $8::text[]
) as told (id, state, code, reason, token_raw, tries, ordered_at, key)
where copies.id = told.id and copies.state = 'owed'
returning copies.id
"""
# A copy counts unless its order ended without a fill, and is open until its position closes.
SELECT_SPENT = """
select
    asked.place,
    coalesce(sum(counted.spend_lamports) filter (where counted.decided_at >= asked.hour_start), 0)::bigint as in_hour,
    coalesce(sum(counted.spend_lamports) filter (where counted.decided_at >= asked.day_start), 0)::bigint as in_day,
    coalesce(sum(counted.spend_lamports) filter (where counted.is_open and counted.mint = $7), 0)::bigint as in_token,
    coalesce(sum(counted.spend_lamports) filter (where counted.is_open and counted.leader = asked.leader), 0)::bigint
        as in_leader,
    coalesce(sum(counted.spend_lamports) filter (where counted.is_open), 0)::bigint as in_all,
    exists(
        select 1 from positions
        where
            positions.wallet_id = asked.wallet_id and positions.mint = $7 and positions.mode = asked.mode
            and positions.state = 'open'
    )
    or exists(
        select 1 from intents
        where
            intents.wallet_id = asked.wallet_id and intents.mint = $7 and intents.side = 'buy'
            and intents.state in ('planned', 'signed', 'sent', 'unknown')
    )
    or coalesce(bool_or(counted.is_open and counted.mint = $7), false) as holds
from
    unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[]) with ordinality
        as asked (user_id, wallet_id, mode, leader, hour_start, day_start, place)
left join lateral (
    select
        copies.spend_lamports, copies.decided_at, copies.mint, copies.leader,
        not copies.ended and coalesce(intents.state <> 'filled' or positions.state = 'open', true) as is_open
    from copies
    left join intents on copies.key = intents.key
    left join trades on intents.id = trades.intent_id
    left join positions on trades.position_id = positions.id
    where
        copies.user_id = asked.user_id and copies.mode = asked.mode and copies.side = 'buy'
        and copies.state <> 'refused' and (intents.state is null or intents.state not in ('failed', 'expired', 'cancelled'))
        and (not copies.ended or copies.decided_at >= least(asked.hour_start, asked.day_start))
) as counted on true
group by
    asked.place, asked.user_id, asked.wallet_id, asked.mode, asked.leader, asked.hour_start, asked.day_start
order by asked.place
"""
SELECT_RESULTS = """
select found.rule_id, array_agg(found.realized_lamports order by found.closed_at nulls last, found.seq) as results
from (
    select distinct copies.rule_id, positions.id, positions.realized_lamports, positions.closed_at, positions.seq
    from copies
    inner join intents on copies.key = intents.key
    inner join trades on intents.id = trades.intent_id
    inner join positions on trades.position_id = positions.id
    where
        copies.rule_id = any($1::text[]) and copies.side = 'buy' and copies.state <> 'refused'
        and positions.realized_lamports <> 0
) as found
group by found.rule_id
"""
SELECT_STAKED = """
select distinct copies.rule_id
from copies
inner join copy_rules on copies.rule_id = copy_rules.id
left join intents on copies.key = intents.key
left join trades on intents.id = trades.intent_id
left join positions on trades.position_id = positions.id
where
    copy_rules.leader = $1 and copy_rules.state <> 'stopped' and copies.mint = $2 and copies.side = 'buy'
    and copies.state <> 'refused' and not copies.ended
    and (
        intents.state is null
        or intents.state in ('planned', 'signed', 'sent', 'unknown')
        or (intents.state = 'filled' and positions.state = 'open')
    )
"""
SELECT_HOLDINGS = """
select
    copies.rule_id, copies.mint, positions.id as position_id, positions.token_raw as position_raw,
    sum(case when copies.side = 'buy' then trades.token_raw else -trades.token_raw end) as net_raw
from copies
inner join intents on copies.key = intents.key
inner join trades on intents.id = trades.intent_id
inner join positions on trades.position_id = positions.id
where copies.rule_id = any($1::text[]) and copies.state <> 'refused' and not copies.ended and positions.state = 'open'
group by copies.rule_id, copies.mint, positions.id
order by min(copies.seq)
"""
SELECT_LATEST = """
select copies.*, intents.state as order_state
from copies
left join intents on copies.key = intents.key
where copies.user_id = $1
order by copies.seq desc
limit $2
"""
END_COPIES = """
update copies set ended = true
from intents
left join trades on intents.id = trades.intent_id
left join positions on trades.position_id = positions.id
where
    copies.key = intents.key and not copies.ended and copies.state = 'ordered'
    and (
        (intents.state in ('failed', 'expired', 'cancelled') and intents.closed_at < $1)
        or (intents.state = 'filled' and positions.state = 'closed' and positions.closed_at < $1)
    )
returning copies.id
"""


class Copies(CopyRules):
    """Implements `CopyStore`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._moves = Together(database, _move_all, lambda move: (move[0].id,))

    async def swaps_due(self, limit: int) -> list[WalletSignal]:
        return [signal_of(row) for row in await self._database.read(_due, limit)]

    async def decide_copies(self, swap: WalletSignal, copies: Sequence[Copy]) -> list[Copy]:
        written = await self._database.write(_decide, swap, copies)
        return [copy for copy in copies if copy.id in written]

    async def add_copies(self, copies: Sequence[Copy]) -> list[Copy]:
        written = await self._database.write(_decide, None, copies)
        return [copy for copy in copies if copy.id in written]

    async def owed_copies(self) -> list[Copy]:
        return [_copy(row) for row in await self._database.read(_owed)]

    async def move_copy(self, after: Copy, message: OutboxMessage | None = None) -> bool:
        return await self._moves.write((after, message))

    async def copies_spent(self, asked: Sequence[SpentBy], mint: str) -> list[Spent]:
        rows = await self._database.read(_spent, asked, mint)
        return [
            Spent(row["in_hour"], row["in_day"], row["in_token"], row["in_leader"], row["in_all"], row["holds"])
            for row in rows
        ]

    async def copy_results(self, rule_ids: Sequence[str]) -> dict[str, list[int]]:
        rows = await self._database.read(_results, rule_ids)
        return {row["rule_id"]: list(row["results"]) for row in rows}

    async def staked_rules(self, leader: str, mint: str) -> set[str]:
        return {row["rule_id"] for row in await self._database.read(_staked, leader, mint)}

    async def copy_holdings(self, rule_ids: Sequence[str]) -> list[CopyHolding]:
        rows = await self._database.read(_holdings, rule_ids)
        held = [(row, max(0, min(row["position_raw"], row["net_raw"]))) for row in rows]
        return [
            CopyHolding(row["rule_id"], row["mint"], row["position_id"], raw, row["position_raw"])
            for row, raw in held
            if raw
        ]

    async def copies_of(self, user_id: str, limit: int) -> list[CopyTold]:
        rows = await self._database.read(_latest, user_id, limit)
        return [
            CopyTold(_copy(row), None if row["order_state"] is None else IntentState(row["order_state"]))
            for row in rows
        ]

    async def end_copies(self, before_ms: int) -> int:
        return await self._database.write(_end, before_ms)


async def _due(connection: asyncpg.Connection, limit: int) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_DUE, limit)
    return rows


async def _decide(connection: asyncpg.Connection, swap: WalletSignal | None, copies: Sequence[Copy]) -> set[str]:
    written: set[str] = set()
    if copies:
        columns = zip(*(_values(copy) for copy in copies), strict=True)
        written = {row["id"] for row in await connection.fetch(INSERT_COPIES, *(list(column) for column in columns))}
    if swap is not None:
        await connection.execute(DELETE_DUE, swap.address, swap.signature, swap.mint, swap.side)
    return written


def _values(copy: Copy) -> tuple[object, ...]:
    """In the order of the columns of INSERT_COPIES."""
    return (
        copy.id,
        copy.rule_id,
        copy.user_id,
        copy.wallet_id,
        copy.mode,
        copy.leader,
        copy.signature,
        copy.instruction,
        copy.mint,
        copy.side,
        copy.leader_lamports,
        copy.leader_token_raw,
        copy.held_before_raw,
        copy.seen_at_ms,
        copy.decided_at_ms,
        copy.state,
        copy.code,
        storable(copy.reason),
        copy.spend_lamports,
        copy.token_raw,
        copy.tries,
        copy.ordered_at_ms,
        copy.key,
    )


async def _owed(connection: asyncpg.Connection) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_OWED)
    return rows


async def _move_all(connection: asyncpg.Connection, moves: Sequence[tuple[Copy, OutboxMessage | None]]) -> list[bool]:
    copies = [copy for copy, _ in moves]
    moved = await connection.fetch(
        UPDATE_COPIES,
        [copy.id for copy in copies],
        [copy.state for copy in copies],
        [copy.code for copy in copies],
        [storable(copy.reason) for copy in copies],
        [copy.token_raw for copy in copies],
        [copy.tries for copy in copies],
        [copy.ordered_at_ms for copy in copies],
        [copy.key for copy in copies],
    )
    known = {row["id"] for row in moved}
    for copy, message in moves:
        if message is not None and copy.id in known:
            await put_message(connection, message)
    return [copy.id in known for copy in copies]


async def _spent(connection: asyncpg.Connection, asked: Sequence[SpentBy], mint: str) -> list[Row]:
    """Prepared anew each time, because the server plans it for so many followers then.

    A statement that it knows gets, after some executions, a plan for any number of them, which goes over all copies once
    for each follower.
    """
    statement = await connection.prepare(SELECT_SPENT)
    rows: list[Row] = await statement.fetch(
        [one.rule.user_id for one in asked],
        [one.rule.wallet_id for one in asked],
        [one.rule.mode for one in asked],
        [one.rule.leader for one in asked],
        [one.hour_start_ms for one in asked],
        [one.day_start_ms for one in asked],
        mint,
    )
    return rows


async def _results(connection: asyncpg.Connection, rule_ids: Sequence[str]) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_RESULTS, list(rule_ids))
    return rows


async def _staked(connection: asyncpg.Connection, leader: str, mint: str) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_STAKED, leader, mint)
    return rows


async def _holdings(connection: asyncpg.Connection, rule_ids: Sequence[str]) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_HOLDINGS, list(rule_ids))
    return rows


async def _latest(connection: asyncpg.Connection, user_id: str, limit: int) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_LATEST, user_id, limit)
    return rows


async def _end(connection: asyncpg.Connection, before_ms: int) -> int:
    return len(await connection.fetch(END_COPIES, before_ms))


def _copy(row: Row) -> Copy:
    return Copy(
        id=row["id"],
        rule_id=row["rule_id"],
        user_id=row["user_id"],
        wallet_id=row["wallet_id"],
        mode=Mode(row["mode"]),
        leader=row["leader"],
        signature=row["signature"],
        instruction=row["instruction"],
        mint=row["mint"],
        side=Side(row["side"]),
        leader_lamports=row["leader_lamports"],
        leader_token_raw=row["leader_token_raw"],
        held_before_raw=row["held_before_raw"],
        seen_at_ms=row["seen_at"],
        decided_at_ms=row["decided_at"],
        state=CopyState(row["state"]),
        code=row["code"],
        reason=row["reason"],
        spend_lamports=row["spend_lamports"],
        token_raw=row["token_raw"],
        tries=row["tries"],
        ordered_at_ms=row["ordered_at"],
    )
