"""A user's own books in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import asyncpg

from bot.ports import BookedEntry, ClosedSums, PeriodSums, ReasonSums, ResultSums
from bot.storage.database import Repository, Row
from bot.trading.intent import Context, Mode, Side
from bot.trading.ledger import Account, Entry, EntryKind, Leg

# $3 are the bounds, $4 the first and $5 the last of them; the span that begins with the first bound has number 1.
SELECT_PERIODS = """
select
    span,
    sum(buys)::bigint as buys,
    sum(sells)::bigint as sells,
    sum(failed)::bigint as failed,
    sum(realized_lamports)::bigint as realized_lamports,
    sum(fees_lamports)::bigint as fees_lamports
from (
    select
        width_bucket(trades.block_time, $3::timestamptz[]) as span,
        (trades.side = 'buy')::int as buys,
        (trades.side = 'sell')::int as sells,
        0 as failed,
        0::bigint as realized_lamports,
        trades.protocol_fee_lamports + trades.creator_fee_lamports + trades.lp_fee_lamports + trades.network_fee_lamports
        + trades.tip_lamports + trades.other_lamports as fees_lamports
    from trades
    where
        trades.user_id = $1 and trades.mode = $2
        and trades.block_time >= $4::timestamptz and trades.block_time < $5::timestamptz
    union all
    select width_bucket(results.at, $3::timestamptz[]), 0, 0, 0, results.lamports, 0
    from results
    where
        results.user_id = $1 and results.mode = $2
        and results.at >= $4::timestamptz and results.at < $5::timestamptz
    union all
    select
        width_bucket(intents.closed_at, $3::timestamptz[]),
        0,
        0,
        (intents.side in ('buy', 'sell'))::int,
        0,
        coalesce(
            (
                select -sum(ledger_legs.lamports)
                from ledger_entries
                inner join ledger_legs on ledger_entries.id = ledger_legs.entry_id
                where ledger_entries.intent_id = intents.id and ledger_legs.account = 'wallet'
            ),
            0
        )
    from intents
    where
        intents.user_id = $1 and intents.mode = $2 and intents.state in ('failed', 'expired')
        and intents.closed_at >= $4::timestamptz and intents.closed_at < $5::timestamptz
    union all
    select width_bucket(closing_costs.at, $3::timestamptz[]), 0, 0, 0, 0, closing_costs.lamports
    from closing_costs
    where
        closing_costs.user_id = $1 and closing_costs.mode = $2
        and closing_costs.at >= $4::timestamptz and closing_costs.at < $5::timestamptz
    union all
    select width_bucket(fees_beside.at, $3::timestamptz[]), 0, 0, 0, 0, fees_beside.lamports
    from fees_beside
    where
        fees_beside.user_id = $1 and fees_beside.mode = $2
        and fees_beside.at >= $4::timestamptz and fees_beside.at < $5::timestamptz
) as told
group by span
"""
SELECT_REASONS = """
select
    intents.reason,
    count(*) as sales,
    count(*) filter (where trades.realized_lamports > 0) as won,
    sum(trades.realized_lamports)::bigint as realized_lamports
from trades
inner join intents on trades.intent_id = intents.id
where trades.user_id = $1 and trades.mode = $2 and trades.block_time >= $3 and trades.side = 'sell'
group by intents.reason
order by count(*) desc, intents.reason collate "C"
limit $4
"""
# All of it, and three of its four parts; a buy has a result of zero. What is left is tokens that left without an order. What
# was swept to a safe address stands beside it.
SELECT_RESULT = """
select
    (
        select coalesce(sum(results.lamports), 0) from results
        where results.user_id = $1 and results.mode = $2 and results.at >= $3
    ) as realized_lamports,
    (
        select coalesce(sum(trades.realized_lamports), 0) from trades
        where trades.user_id = $1 and trades.mode = $2 and trades.block_time >= $3
    ) as sold_lamports,
    (
        select coalesce(sum(ledger_legs.lamports), 0)
        from intents
        inner join ledger_entries on intents.id = ledger_entries.intent_id
        inner join ledger_legs on ledger_entries.id = ledger_legs.entry_id
        where
            intents.user_id = $1 and intents.mode = $2 and intents.state in ('failed', 'expired')
            and intents.closed_at >= $3 and ledger_legs.account = 'wallet'
    ) - (
        select coalesce(sum(fees_beside.lamports), 0) from fees_beside
        where fees_beside.user_id = $1 and fees_beside.mode = $2 and fees_beside.at >= $3
    ) as untraded_lamports,
    (
        select coalesce(-sum(closing_costs.lamports), 0) from closing_costs
        where closing_costs.user_id = $1 and closing_costs.mode = $2 and closing_costs.at >= $3
    ) as closings_lamports,
    (
        select coalesce(sum(adjustments.before_cost_lamports - adjustments.after_cost_lamports), 0)
        from adjustments
        inner join positions on adjustments.position_id = positions.id
        where
            positions.user_id = $1 and positions.mode = $2 and adjustments.adjusted_at >= $3
            and adjustments.sweep_id is not null
    ) as swept_lamports
"""
# The earliest of equal results is shown. One whose only buy was taken back by the network has neither won nor lost.
SELECT_CLOSED = """
select
    positions.context,
    count(*) filter (where positions.realized_lamports > 0) as won,
    count(*) filter (where positions.realized_lamports <= 0) as lost,
    coalesce(sum(positions.realized_lamports) filter (where positions.realized_lamports > 0), 0) as won_lamports,
    coalesce(sum(positions.realized_lamports) filter (where positions.realized_lamports <= 0), 0) as lost_lamports,
    sum((extract(epoch from positions.closed_at - positions.opened_at) * 1000)::bigint)::bigint as held_ms,
    (array_agg(positions.mint order by positions.realized_lamports desc, positions.seq))[1] as best_mint,
    max(positions.realized_lamports) as best_lamports,
    (array_agg(positions.mint order by positions.realized_lamports, positions.seq))[1] as worst_mint,
    min(positions.realized_lamports) as worst_lamports
from positions
where
    positions.user_id = $1 and positions.mode = $2 and positions.state = 'closed'
    and exists (select 1 from trades where trades.position_id = positions.id)
    -- One of which all was swept to its user's safe address, and nothing sold, has neither won nor lost.
    and (
        positions.realized_lamports <> 0
        or not exists (
            select 1 from adjustments where adjustments.position_id = positions.id and adjustments.sweep_id is not null
        )
    )
group by positions.context
"""
SELECT_LEDGER_SUMS = """
select ledger_legs.account, sum(ledger_legs.lamports)::bigint as lamports
from user_wallets
inner join ledger_entries on user_wallets.id = ledger_entries.wallet_id
inner join ledger_legs on ledger_entries.id = ledger_legs.entry_id
where
    user_wallets.user_id = $1 and user_wallets.mode = $2
    and ($3::bigint is null or ledger_entries.id < $3)
group by ledger_legs.account
having sum(ledger_legs.lamports) <> 0
"""
# A user has one wallet of a mode; named so, its entries are read from an index, newest first, and no others.
SELECT_BOOKED = """
select
    ledger_entries.*,
    intents.side,
    coalesce(intents.reason, '') as reason,
    coalesce(intents.mint, positions.mint, '') as mint,
    case when ledger_entries.kind = 'fill' then settled_trades.token_raw else 0 end as token_raw,
    case
        when ledger_entries.kind = 'fill' then coalesce(settled_trades.block_time, ledger_entries.written_at)
        when ledger_entries.kind = 'reversal' then ledger_entries.written_at
        else coalesce(intents.closed_at, ledger_entries.written_at)
    end as at
from ledger_entries
left join intents on ledger_entries.intent_id = intents.id
left join positions on ledger_entries.position_id = positions.id
left join settled_trades
    on
        ledger_entries.signature = settled_trades.signature
        and ledger_entries.landing = settled_trades.landing
        and ledger_entries.intent_id = settled_trades.intent_id
where
    ledger_entries.wallet_id = (
        select user_wallets.id from user_wallets where user_wallets.user_id = $1 and user_wallets.mode = $2
    )
    and ($3::bigint is null or ledger_entries.id < $3)
order by ledger_entries.id desc
limit $4
"""
SELECT_LEGS = "select entry_id, account, lamports from ledger_legs where entry_id = any($1::bigint[]) order by id"


class Books(Repository):
    """Implements `BookStore`."""

    async def period_sums(self, user_id: str, mode: Mode, bounds_ms: Sequence[int]) -> list[PeriodSums]:
        bounds = list(bounds_ms)
        rows = await self._database.read(_fetch, SELECT_PERIODS, user_id, mode, bounds, bounds[0], bounds[-1])
        found = {row["span"]: _period_from(row) for row in rows}
        return [found.get(number, PeriodSums()) for number in range(1, len(bounds))]

    async def result_sums(self, user_id: str, mode: Mode, since_ms: int, limit: int) -> ResultSums:
        return await self._database.read(_result_sums, user_id, mode, since_ms, limit)

    async def closed_sums(self, user_id: str, mode: Mode) -> list[ClosedSums]:
        rows = {row["context"]: row for row in await self._database.read(_fetch, SELECT_CLOSED, user_id, mode)}
        return [_closed_from(rows[context]) for context in Context if context in rows]

    async def ledger_sums(self, user_id: str, mode: Mode, before: int | None = None) -> Mapping[Account, int]:
        rows = await self._database.read(_fetch, SELECT_LEDGER_SUMS, user_id, mode, before)
        return {Account(row["account"]): row["lamports"] for row in rows}

    async def booked(self, user_id: str, mode: Mode, limit: int, before: int | None = None) -> list[BookedEntry]:
        return await self._database.read(_booked, user_id, mode, limit, before)


async def _fetch(connection: asyncpg.Connection, query: str, *args: str | int | list[int] | None) -> list[Row]:
    rows: list[Row] = await connection.fetch(query, *args)
    return rows


async def _result_sums(
    connection: asyncpg.Connection, user_id: str, mode: Mode, since_ms: int, limit: int
) -> ResultSums:
    """Both reads see one moment: a sale between them would be in one of them alone."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        reasons = await connection.fetch(SELECT_REASONS, user_id, mode, since_ms, limit)
        whole = await connection.fetchrow(SELECT_RESULT, user_id, mode, since_ms)
    parts = {name: int(whole[name]) for name in ("sold_lamports", "untraded_lamports", "closings_lamports")}
    moved_lamports = int(whole["realized_lamports"]) - sum(parts.values())
    swept_lamports = int(whole["swept_lamports"])
    return ResultSums(
        tuple(ReasonSums(**row) for row in reasons),
        moved_lamports=moved_lamports,
        swept_lamports=swept_lamports,
        **parts,
    )


async def _booked(
    connection: asyncpg.Connection, user_id: str, mode: Mode, limit: int, before: int | None
) -> list[BookedEntry]:
    """An entry and its legs are committed together and never change, so that two reads see no half of one."""
    rows = await connection.fetch(SELECT_BOOKED, user_id, mode, before, limit)
    legs: dict[int, list[Leg]] = {row["id"]: [] for row in rows}
    for leg in await connection.fetch(SELECT_LEGS, list(legs)):
        legs[leg["entry_id"]].append(Leg(Account(leg["account"]), leg["lamports"]))
    return [_booked_from(row, tuple(legs[row["id"]])) for row in rows]


def _period_from(row: Row) -> PeriodSums:
    return PeriodSums(
        buys=row["buys"],
        sells=row["sells"],
        failed=row["failed"],
        realized_lamports=row["realized_lamports"],
        fees_lamports=row["fees_lamports"],
    )


def _booked_from(row: Row, legs: tuple[Leg, ...]) -> BookedEntry:
    entry = Entry(
        kind=EntryKind(row["kind"]),
        wallet_id=row["wallet_id"],
        legs=legs,
        intent_id=row["intent_id"],
        position_id=row["position_id"],
        signature=row["signature"],
        slot=row["slot"],
        evidence=row["evidence"],
        landing=row["landing"],
    )
    side = None if row["side"] is None else Side(row["side"])
    return BookedEntry(row["id"], row["at"], entry, side, row["mint"], row["token_raw"] or 0, row["reason"])


def _closed_from(row: Row) -> ClosedSums:
    return ClosedSums(
        context=Context(row["context"]),
        won=row["won"],
        lost=row["lost"],
        won_lamports=int(row["won_lamports"]),
        lost_lamports=int(row["lost_lamports"]),
        held_ms=row["held_ms"],
        best=(row["best_mint"], row["best_lamports"]),
        worst=(row["worst_mint"], row["worst_lamports"]),
    )
