"""Who copies whom, in PostgreSQL."""

from __future__ import annotations

import asyncpg

from bot.ports import OutboxMessage
from bot.storage.database import Database, Repository, Row
from bot.storage.outbox import put_message
from bot.storage.read_together import ReadTogether
from bot.storage.rules import no_wallet, storable
from bot.storage.standing import LOCK_OWNER
from bot.trading.copying import CopyCaps, CopyFilter, CopyRule, RuleState, Sizing
from bot.trading.intent import Mode

SELECT_RULE = "select * from copy_rules where id = $1"
SELECT_SOME_RULES = "select * from copy_rules where id = any($1::text[])"
COUNT_RULES = """
select count(*) as rules, count(*) filter (where leader = $2) as of_this_leader
from copy_rules
where user_id = $1 and state <> 'stopped'
"""
SELECT_RULES = """
select * from copy_rules
where state <> 'stopped' and ($1::text is null or user_id = $1) and ($2::text is null or leader = $2)
order by seq
"""
INSERT_RULE = """
insert into copy_rules (
    id, code, user_id, wallet_id, mode, leader, leader_user_id, label, sizing, amount, trade_lamports, hour_lamports,
    day_lamports, token_lamports, leader_lamports, total_lamports, least_lamports, most_lamports, blocked, first_hour,
    after_hour, drawdown_lamports, again, since, state, why, version, closed_at, by_handle
)
values (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
    $26, $27, $28, $29
)
"""
UPDATE_RULE = """
update copy_rules set state = $2, why = $3, version = $4, closed_at = $5
where id = $1 and state <> 'stopped' and version = $4 - 1
returning id
"""
CHANGE_RULE = """
update copy_rules set
    code = $2, sizing = $3, amount = $4, trade_lamports = $5, hour_lamports = $6, day_lamports = $7, token_lamports = $8,
    leader_lamports = $9, total_lamports = $10, least_lamports = $11, most_lamports = $12, blocked = $13, first_hour = $14,
    after_hour = $15, drawdown_lamports = $16, again = $17, version = $18, state = 'active', why = ''
where id = $1 and state <> 'stopped' and version = $18 - 1
returning id
"""


class CopyRules(Repository):
    """Implements the part of `CopyStore` that is about rules."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._rules_read = ReadTogether(self._some_rules)

    async def place_copy_rule(self, rule: CopyRule, *, most: int) -> bool:
        return await self._database.write(_place, rule, most)

    async def copy_rule(self, rule_id: str) -> CopyRule | None:
        return await self._rules_read.read(rule_id)

    async def _some_rules(self, rule_ids: list[str]) -> dict[str, CopyRule]:
        return {row["id"]: _rule(row) for row in await self._database.read(_some, rule_ids)}

    async def copy_rules(self, user_id: str | None = None, leader: str | None = None) -> list[CopyRule]:
        return [_rule(row) for row in await self._database.read(_all, user_id, leader)]

    async def move_copy_rule(self, after: CopyRule, message: OutboxMessage | None = None) -> bool:
        return await self._database.write(_move, after, message)

    async def change_copy_rule(self, after: CopyRule) -> bool:
        return await self._database.write(_change, after)


async def _place(connection: asyncpg.Connection, rule: CopyRule, most: int) -> bool:
    if await connection.fetchval(LOCK_OWNER, rule.user_id, rule.wallet_id) is None:
        raise no_wallet(rule.user_id, rule.wallet_id)
    if await connection.fetch(SELECT_RULE, rule.id):
        return True
    counted = await connection.fetchrow(COUNT_RULES, rule.user_id, rule.leader)
    if counted["rules"] >= most or counted["of_this_leader"]:
        return False
    await connection.execute(
        INSERT_RULE,
        rule.id,
        rule.code,
        rule.user_id,
        rule.wallet_id,
        rule.mode,
        rule.leader,
        rule.leader_user_id,
        storable(rule.label),
        *_terms(rule),
        rule.since_ms,
        rule.state,
        storable(rule.why),
        rule.version,
        rule.closed_at_ms,
        rule.by_handle,
    )
    return True


async def _change(connection: asyncpg.Connection, after: CopyRule) -> bool:
    changed = await connection.fetchval(CHANGE_RULE, after.id, after.code, *_terms(after), after.version)
    return changed is not None


def _terms(rule: CopyRule) -> tuple[object, ...]:
    """How a rule sizes, its caps and its filter, in the order of their columns."""
    caps, chosen = rule.caps, rule.filter
    first_hour, after_hour = chosen.hours or (None, None)
    return (
        rule.sizing,
        rule.amount,
        caps.trade_lamports,
        caps.hour_lamports,
        caps.day_lamports,
        caps.token_lamports,
        caps.leader_lamports,
        caps.total_lamports,
        chosen.least_lamports,
        chosen.most_lamports,
        list(chosen.blocked),
        first_hour,
        after_hour,
        chosen.drawdown_lamports,
        chosen.again,
    )


async def _some(connection: asyncpg.Connection, rule_ids: list[str]) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_SOME_RULES, rule_ids)
    return rows


async def _all(connection: asyncpg.Connection, user_id: str | None, leader: str | None) -> list[Row]:
    rows: list[Row] = await connection.fetch(SELECT_RULES, user_id, leader)
    return rows


async def _move(connection: asyncpg.Connection, after: CopyRule, message: OutboxMessage | None) -> bool:
    moved = await connection.fetchval(
        UPDATE_RULE, after.id, after.state, storable(after.why), after.version, after.closed_at_ms
    )
    if moved is None:
        return False
    if message is not None:
        await put_message(connection, message)
    return True


def _rule(row: Row) -> CopyRule:
    hours = None if row["first_hour"] is None else (row["first_hour"], row["after_hour"])
    return CopyRule(
        id=row["id"],
        code=row["code"],
        user_id=row["user_id"],
        wallet_id=row["wallet_id"],
        mode=Mode(row["mode"]),
        leader=row["leader"],
        leader_user_id=row["leader_user_id"],
        by_handle=row["by_handle"],
        label=row["label"],
        sizing=Sizing(row["sizing"]),
        amount=row["amount"],
        caps=CopyCaps(
            row["trade_lamports"],
            row["hour_lamports"],
            row["day_lamports"],
            row["token_lamports"],
            row["leader_lamports"],
            row["total_lamports"],
        ),
        filter=CopyFilter(
            row["least_lamports"],
            row["most_lamports"],
            tuple(row["blocked"]),
            hours,
            row["drawdown_lamports"],
            row["again"],
        ),
        since_ms=row["since"],
        state=RuleState(row["state"]),
        why=row["why"],
        version=row["version"],
        closed_at_ms=row["closed_at"],
    )
