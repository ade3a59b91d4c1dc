"""Automated traders and their decisions in PostgreSQL."""

from __future__ import annotations

import asyncpg

from bot.ports import AutoDecision, Verdict
from bot.storage.database import Repository, Row
from bot.storage.rules import storable
from bot.trading.intent import Mode
from bot.trading.opportunity import AutoPlan

SELECT_PLAN = "select * from auto_plans where user_id = $1"
SELECT_PLANS = "select * from auto_plans where is_on order by user_id"
UPSERT_PLAN = """
insert into auto_plans (
    user_id, is_on, entry_lamports, min_confidence_bps, window_s, min_wallets, max_daily, epoch
)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (user_id) do update set
    is_on = excluded.is_on,
    entry_lamports = excluded.entry_lamports,
    min_confidence_bps = excluded.min_confidence_bps,
    window_s = excluded.window_s,
    min_wallets = excluded.min_wallets,
    max_daily = excluded.max_daily,
    epoch = excluded.epoch
"""
STOP_PLAN = "update auto_plans set is_on = false where user_id = $1 and is_on returning user_id"
INSERT_DECISION = """
insert into auto_decisions (
    id, user_id, mint, mode, epoch, verdict, reason, confidence_bps, wallets, spend_lamports, key, decided_at, evidence
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict (id) do nothing
returning id
"""
END_DECISION = """
update auto_decisions set verdict = $2, reason = $3 where id = $1 and verdict = 'planned' returning id
"""
SELECT_DECISIONS = """
select * from auto_decisions where user_id = $1 and ($2::text is null or mint = $2) order by seq desc limit $3
"""
SELECT_PLANNED = "select * from auto_decisions where user_id = $1 and verdict = 'planned' order by seq"
COUNT_ENTRIES = """
select count(*) from auto_decisions
where user_id = $1 and decided_at >= $2 and verdict in ('planned', 'entered')
"""


class AutoTrading(Repository):
    """Implements `AutoTradingStore`."""

    async def auto_plan(self, user_id: str) -> AutoPlan:
        rows = await self._database.read(_plan, user_id)
        return _plan_from(rows[0]) if rows else AutoPlan(user_id)

    async def auto_plans(self) -> list[AutoPlan]:
        return [_plan_from(row) for row in await self._database.read(_plans)]

    async def save_auto_plan(self, plan: AutoPlan) -> None:
        await self._database.write(_save, plan)

    async def stop_auto(self, user_id: str) -> bool:
        return await self._database.write(_stop, user_id)

    async def record_decision(self, decision: AutoDecision) -> bool:
        return await self._database.write(_record, decision)

    async def end_decision(self, decision_id: str, verdict: Verdict, reason: str) -> bool:
        return await self._database.write(_end, decision_id, verdict, reason)

    async def decisions(self, user_id: str, limit: int, mint: str | None = None) -> list[AutoDecision]:
        return [_decision_from(row) for row in await self._database.read(_decisions, user_id, mint, limit)]

    async def planned_decisions(self, user_id: str) -> list[AutoDecision]:
        return [_decision_from(row) for row in await self._database.read(_planned, user_id)]

    async def entries_since(self, user_id: str, since_ms: int) -> int:
        return await self._database.read(_entries, user_id, since_ms)


async def _plan(connection: asyncpg.Connection, user_id: str) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_PLAN, user_id)
    return rows


async def _plans(connection: asyncpg.Connection) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_PLANS)
    return rows


async def _save(connection: asyncpg.Connection, plan: AutoPlan) -> None:
    await connection.execute(
        UPSERT_PLAN,
        plan.user_id,
        plan.is_on,
        plan.entry_lamports,
        plan.min_confidence_bps,
        plan.window_s,
        plan.min_wallets,
        plan.max_daily,
        plan.epoch,
    )


async def _stop(connection: asyncpg.Connection, user_id: str) -> bool:
    return await connection.fetchval(STOP_PLAN, user_id) is not None


async def _record(connection: asyncpg.Connection, decision: AutoDecision) -> bool:
    inserted = await connection.fetchval(
        INSERT_DECISION,
        decision.id,
        decision.user_id,
        decision.mint,
        decision.mode,
        decision.epoch,
        decision.verdict,
        storable(decision.reason),
        decision.confidence_bps,
        decision.wallets,
        decision.spend_lamports,
        decision.key,
        decision.at_ms,
        [storable(line) for line in decision.evidence],
    )
    return inserted is not None


async def _end(connection: asyncpg.Connection, decision_id: str, verdict: Verdict, reason: str) -> bool:
    return await connection.fetchval(END_DECISION, decision_id, verdict, storable(reason)) is not None


async def _decisions(connection: asyncpg.Connection, user_id: str, mint: str | None, limit: int) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_DECISIONS, user_id, mint, limit)
    return rows


async def _planned(connection: asyncpg.Connection, user_id: str) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_PLANNED, user_id)
    return rows


async def _entries(connection: asyncpg.Connection, user_id: str, since_ms: int) -> int:
    count: int = await connection.fetchval(COUNT_ENTRIES, user_id, since_ms)
    return count


def _plan_from(row: Row) -> AutoPlan:
    return AutoPlan(
        user_id=row["user_id"],
        is_on=row["is_on"],
        entry_lamports=row["entry_lamports"],
        min_confidence_bps=row["min_confidence_bps"],
        window_s=row["window_s"],
        min_wallets=row["min_wallets"],
        max_daily=row["max_daily"],
        epoch=row["epoch"],
    )


def _decision_from(row: Row) -> AutoDecision:
    return AutoDecision(
        id=row["id"],
        user_id=row["user_id"],
        mint=row["mint"],
        mode=Mode(row["mode"]),
        epoch=row["epoch"],
        verdict=Verdict(row["verdict"]),
        reason=row["reason"],
        confidence_bps=row["confidence_bps"],
        wallets=row["wallets"],
        spend_lamports=row["spend_lamports"],
        key=row["key"],
        at_ms=row["decided_at"],
        evidence=tuple(row["evidence"]),
    )
