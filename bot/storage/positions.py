"""Positions, their adjustments and the sums of a day, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from bot.ports import Day, OutboxMessage, WalletMove
from bot.storage.database import Database, Repository, Row
from bot.storage.ledger import ours, tokens_at_cost, write_entry
from bot.storage.ledger_rules import adjustment_entry, proceeds_of
from bot.storage.outbox import put_message
from bot.storage.position_rules import check_evidence, position_adjusted
from bot.storage.read_together import ReadTogether
from bot.storage.rules import no_position, storable
from bot.trading.breaker import UserDay
from bot.trading.intent import Context, Mode, TradeRequest
from bot.trading.position import ExitPlan, Position, PositionState

SELECT_POSITION = "select * from positions where id = $1"
SELECT_POSITIONS = "select * from positions where id = any($1::text[])"
SELECT_OPEN = """
select * from positions
where state = 'open' and ($1::text[] is null or user_id = any($1))
order by opened_at, seq
"""
SELECT_RECENT = """
select * from positions
where user_id = $1
order by closed_at desc nulls first, opened_at desc, seq desc
limit $2
"""
# An older one may be the open one: its sale was taken back, and so were the buys after it.
SELECT_STANDING = """
select *
from positions
where wallet_id = $1 and mint = $2 and mode = $3
order by state = 'open' desc, seq desc
limit 1
"""
INSERT_POSITION = """
insert into positions (
    id, user_id, wallet_id, mint, mode, context, state, token_raw, cost_lamports, realized_lamports,
    take_profit_bps, stop_loss_bps, max_hold_s, trailing_stop_bps, take_profit_share_bps, opened_at, closed_at,
    peak_lamports, took_profit, basis_lamports, take_profit_levels, bought_raw, levels_taken,
    rug_share_bps, rug_within_s
)
values (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
    $24, $25
)
"""
UPDATE_POSITION = """
update positions
set
    state = $2, token_raw = $3, cost_lamports = $4, realized_lamports = $5, closed_at = $6, peak_lamports = $7,
    took_profit = $8, basis_lamports = $9, bought_raw = $10, levels_taken = $11
where id = $1
"""
# The quantity makes a quote for what was held before a sale harmless.
UPDATE_PEAK = """
update positions
set peak_lamports = greatest(peak_lamports, $2)
where id = $1 and state = 'open' and token_raw = $3
returning id
"""
# Whoever judges or changes what a wallet holds takes its row first, and so takes turns. `no key` lets other rows that
# refer to the wallet be written meanwhile.
LOCK_WALLET_OF_POSITION = """
select user_wallets.id from user_wallets
inner join positions on positions.wallet_id = user_wallets.id
where positions.id = $1
for no key update of user_wallets
"""
INSERT_ADJUSTMENT = """
insert into adjustments (
    position_id, before_token_raw, after_token_raw, before_cost_lamports, after_cost_lamports, evidence, adjusted_at,
    signature, proceeds_lamports, basis_lamports, sweep_id
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
SELECT_DAY = """
select
    count(*) filter (where trades.side = 'buy') as buys,
    count(*) filter (where trades.side = 'sell') as sells,
    (
        select coalesce(sum(results.lamports), 0) from results
        where
            results.at >= $1
            and ($2::text is null or results.user_id = $2)
            and ($3::text is null or results.mode = $3)
    ) as realized_lamports,
    (
        select count(*) from intents
        where
            intents.state in ('failed', 'expired')
            and intents.side in ('buy', 'sell')
            and intents.closed_at >= $1
            and ($2::text is null or intents.user_id = $2)
            and ($3::text is null or intents.mode = $3)
    ) as failed
from trades
where
    trades.block_time >= $1
    and ($2::text is null or trades.user_id = $2)
    and ($3::text is null or trades.mode = $3)
"""
# One row per user that is asked for, each with a moment of his own.
SELECT_USER_DAYS = """
select
    users.id,
    (
        select coalesce(sum(results.lamports), 0) from results
        where results.user_id = users.id and results.mode = users.mode and results.at >= asked.since
    ) as realized_lamports,
    (
        select count(*) from intents
        where
            intents.user_id = users.id and intents.mode = users.mode and intents.state in ('failed', 'expired')
            and intents.side in ('buy', 'sell')
            and intents.closed_at >= asked.since
            and intents.closed_at > coalesce(
                (
                    select max(filled.closed_at) from intents as filled
                    where filled.user_id = users.id and filled.mode = users.mode and filled.state = 'filled'
                    and filled.side in ('buy', 'sell')
                ),
                '-infinity'
            )
    ) as failures_in_row
from unnest($1::text[], $2::timestamptz[]) as asked (user_id, since)
inner join users on asked.user_id = users.id
"""


# Ten thousand rows at a time: to ask an enumeration for each takes longer than all the rest of a row.
_MODES = {one.value: one for one in Mode}
_CONTEXTS = {one.value: one for one in Context}
_STATES = {one.value: one for one in PositionState}


@dataclass(frozen=True, slots=True)
class _Adjustment:
    """The arguments of `PositionStore.adjust` as one record."""

    position_id: str
    chain_token_raw: int
    evidence: str
    now_ms: int
    message: OutboxMessage
    by: WalletMove | None
    sweep_id: str | None


class Positions(Repository):
    """Implements `PositionStore`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._positions_read = ReadTogether(self._positions_of)
        self._open_read = ReadTogether(self._open_of)

    async def position(self, position_id: str) -> Position | None:
        return await self._positions_read.read(position_id)

    async def _positions_of(self, position_ids: list[str]) -> dict[str, Position]:
        return await self._database.read(_some, position_ids)

    async def open_positions(self, user_id: str | None = None) -> list[Position]:
        if user_id is not None:
            return await self._open_read.read(user_id) or []
        return await self._database.read(_open, None)

    async def _open_of(self, user_ids: list[str]) -> dict[str, list[Position]]:
        found: dict[str, list[Position]] = {}
        for position in await self._database.read(_open, user_ids):
            found.setdefault(position.user_id, []).append(position)
        return found

    async def remembered_positions(self, user_id: str) -> list[Position]:
        """It remembers nothing."""
        return await self.open_positions(user_id)

    async def remembered_position(self, position_id: str) -> Position | None:
        """It remembers nothing."""
        found = await self.position(position_id)
        return found if found is not None and found.state is PositionState.OPEN else None

    def is_remembered(self, position: Position) -> bool:  # noqa: ARG002
        """It remembers nothing."""
        return False

    async def recent_positions(self, user_id: str, limit: int) -> list[Position]:
        return await self._database.read(_recent, user_id, limit)

    async def day(self, since_ms: int, user_id: str | None = None, mode: Mode | None = None) -> Day:
        return await self._database.read(_day, since_ms, user_id, mode)

    async def user_days(self, since_ms: Mapping[str, int]) -> dict[str, UserDay]:
        rows = await self._database.read(_user_days, list(since_ms), list(since_ms.values()))
        return {row["id"]: UserDay(row["realized_lamports"], row["failures_in_row"]) for row in rows}

    async def note_peak(self, position_id: str, peak_lamports: int, *, token_raw: int) -> None:
        await self._database.write(_note_peak, position_id, peak_lamports, token_raw)

    async def adjust(
        self,
        position_id: str,
        chain_token_raw: int,
        *,
        evidence: str,
        now_ms: int,
        message: OutboxMessage,
        by: WalletMove | None = None,
        sweep_id: str | None = None,
    ) -> Position:
        check_evidence(evidence)
        adjustment = _Adjustment(position_id, chain_token_raw, storable(evidence), now_ms, message, by, sweep_id)
        return await self._database.write(_adjust, adjustment)


async def position_of(connection: asyncpg.Connection, position_id: str) -> Position | None:
    """A position by its id, inside a unit of work."""
    row = await connection.fetchrow(SELECT_POSITION, position_id)
    return None if row is None else position_from(row)


async def standing_position(connection: asyncpg.Connection, request: TradeRequest) -> Position | None:
    """The open position of a request's wallet, mint and mode, or the newest closed one."""
    row = await connection.fetchrow(SELECT_STANDING, request.wallet_id, request.mint, request.mode)
    return None if row is None else position_from(row)


async def insert_position(connection: asyncpg.Connection, position: Position) -> None:
    """Write a new position; a Conflict when its id, or an open one of its wallet, mint and mode, is there."""
    await connection.execute(
        INSERT_POSITION,
        position.id,
        position.user_id,
        position.wallet_id,
        position.mint,
        position.mode,
        position.context,
        position.state,
        position.token_raw,
        position.cost_lamports,
        position.realized_lamports,
        position.plan.take_profit_bps,
        position.plan.stop_loss_bps,
        position.plan.max_hold_s,
        position.plan.trailing_stop_bps,
        position.plan.take_profit_share_bps,
        position.opened_at_ms,
        position.closed_at_ms,
        position.peak_lamports,
        position.took_profit,
        position.basis_lamports,
        list(position.plan.take_profit_levels),
        position.bought_raw,
        position.levels_taken,
        position.plan.rug_share_bps,
        position.plan.rug_within_s,
    )


async def update_position(connection: asyncpg.Connection, position: Position) -> None:
    """Write what a fill or an adjustment can change of a position."""
    await connection.execute(
        UPDATE_POSITION,
        position.id,
        position.state,
        position.token_raw,
        position.cost_lamports,
        position.realized_lamports,
        position.closed_at_ms,
        position.peak_lamports,
        position.took_profit,
        position.basis_lamports,
        position.bought_raw,
        position.levels_taken,
    )


async def _note_peak(connection: asyncpg.Connection, position_id: str, peak_lamports: int, token_raw: int) -> None:
    if await connection.fetchval(UPDATE_PEAK, position_id, peak_lamports, token_raw) is not None:
        return
    if await position_of(connection, position_id) is None:
        raise no_position(position_id)


async def _open(connection: asyncpg.Connection, user_ids: list[str] | None) -> list[Position]:
    """Made of their rows here, in the island's thread: ten thousand of them would hold up whoever else runs in trio's."""
    return [position_from(row) for row in await connection.fetch(SELECT_OPEN, user_ids)]


async def _some(connection: asyncpg.Connection, position_ids: list[str]) -> dict[str, Position]:
    return {row["id"]: position_from(row) for row in await connection.fetch(SELECT_POSITIONS, position_ids)}


async def _recent(connection: asyncpg.Connection, user_id: str, limit: int) -> list[Position]:
    return [position_from(row) for row in await connection.fetch(SELECT_RECENT, user_id, limit)]


async def _user_days(connection: asyncpg.Connection, user_ids: list[str], since_ms: list[int]) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_USER_DAYS, user_ids, since_ms)
    return rows


async def _day(connection: asyncpg.Connection, since_ms: int, user_id: str | None, mode: Mode | None) -> Day:
    return Day(**await connection.fetchrow(SELECT_DAY, since_ms, user_id, mode))


async def _adjust(connection: asyncpg.Connection, adjustment: _Adjustment) -> Position:
    position_id, now_ms = adjustment.position_id, adjustment.now_ms
    await connection.fetchval(LOCK_WALLET_OF_POSITION, position_id)
    before = await position_of(connection, position_id)
    if before is None:
        raise no_position(position_id)
    by, sweep_id = adjustment.by, adjustment.sweep_id
    after = position_adjusted(before, adjustment.chain_token_raw, now_ms, by, is_swept=sweep_id is not None)
    if after == before or (by is not None and await ours(connection, before.wallet_id, [by.signature])):
        return before
    await put_message(connection, adjustment.message)
    await update_position(connection, after)
    await connection.execute(
        INSERT_ADJUSTMENT,
        position_id,
        before.token_raw,
        after.token_raw,
        before.cost_lamports,
        after.cost_lamports,
        adjustment.evidence,
        now_ms,
        None if by is None else by.signature,
        proceeds_of(before, after, by),
        before.basis_lamports - after.basis_lamports,
        sweep_id,
    )
    cost_lamports = await tokens_at_cost(connection, position_id)
    entry = adjustment_entry(before, after, adjustment.evidence, cost_lamports, by, is_swept=sweep_id is not None)
    if entry is not None:
        await write_entry(connection, entry)
    return after


def position_from(row: Row) -> Position:
    """The position of a row."""
    return Position(
        id=row["id"],
        user_id=row["user_id"],
        wallet_id=row["wallet_id"],
        mint=row["mint"],
        mode=_MODES[row["mode"]],
        context=_CONTEXTS[row["context"]],
        state=_STATES[row["state"]],
        token_raw=row["token_raw"],
        cost_lamports=row["cost_lamports"],
        basis_lamports=row["basis_lamports"],
        realized_lamports=row["realized_lamports"],
        plan=ExitPlan(
            take_profit_bps=row["take_profit_bps"],
            stop_loss_bps=row["stop_loss_bps"],
            max_hold_s=row["max_hold_s"],
            trailing_stop_bps=row["trailing_stop_bps"],
            take_profit_share_bps=row["take_profit_share_bps"],
            take_profit_levels=tuple(row["take_profit_levels"]),
            rug_share_bps=row["rug_share_bps"],
            rug_within_s=row["rug_within_s"],
        ),
        opened_at_ms=row["opened_at"],
        closed_at_ms=row["closed_at"],
        peak_lamports=row["peak_lamports"],
        took_profit=row["took_profit"],
        bought_raw=row["bought_raw"],
        levels_taken=row["levels_taken"],
    )
