"""Admission in PostgreSQL: the facts of one moment, the gate, and the intent, in one transaction in the wallets' turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from bot.ports import Gate, SnipeRun
from bot.storage.intent_rows import intent_from
from bot.storage.rules import WalletFacts, no_wallet, planned_intent, risk_snapshot, run_of
from bot.storage.run_rules import run_with, seen_before
from bot.storage.snipe_runs import follow_intent, insert_runs
from bot.storage.users import settings_of_all
from bot.trading.intent import Intent, TradeRequest
from bot.trading.limits import Ceilings
from bot.trading.risk_gate import Refused

# The user's row is taken too: counts of a day belong to the user, who may have several wallets.
LOCK_WALLETS = """
select user_wallets.id, users.id as user_id from user_wallets
inner join users on user_wallets.user_id = users.id
where user_wallets.id = any($1::text[]) and users.id = any($2::text[])
order by user_wallets.id
for no key update
"""
SELECT_BY_KEY = "select * from intents where key = $1"
SELECT_BY_KEYS = "select * from intents where key = any($1::text[])"
# $1 wallet, $2 mint, $3 mode, $4 user, $5 start of the user's day. See WalletFacts for what each column means.
SELECT_FACTS = """
with moving as (
    select mint, side, reserved_lamports, closes from intents
    where wallet_id = $1 and mode = $3 and state in ('planned', 'signed', 'sent', 'unknown')
),
held as (
    select mint, token_raw, cost_lamports from positions
    where wallet_id = $1 and mode = $3 and state = 'open'
)
select
    (select coalesce(sum(reserved_lamports), 0) from moving) as reserved_lamports,
    (select count(*) from held) + (
        select count(distinct mint) from moving where side = 'buy' and mint not in (select mint from held)
    ) as open_positions,
    (select coalesce(sum(cost_lamports), 0) from held where mint = $2)
    + (select coalesce(sum(reserved_lamports), 0) from moving where mint = $2) as mint_cost_lamports,
    (select coalesce(sum(cost_lamports), 0) from held)
    + (select coalesce(sum(reserved_lamports), 0) from moving) as exposure_lamports,
    (select count(*) from moving where mint = $2 or $2 = any(closes)) + (
        select count(*) from intents
        inner join attempts on intents.id = attempts.intent_id and attempts.state in ('signed', 'sent')
        where intents.wallet_id = $1 and intents.mint = $2 and intents.mode = $3 and intents.state = 'filled'
    ) as mint_in_flight,
    (select count(*) from moving where mint = $2 and side = 'sell') as mint_sells_in_flight,
    (select coalesce(sum(token_raw), 0) from held where mint = $2) as mint_held_raw,
    (
        select coalesce(sum(lamports), 0) from results
        where user_id = $4 and mode = $3 and at >= $5
    ) as realized_today_lamports,
    (
        select count(*) from intents
        where
            user_id = $4 and mode = $3 and context = 'sniper' and side = 'buy' and created_at >= $5
            and state in ('planned', 'signed', 'sent', 'unknown', 'filled')
    ) as snipes_today
"""
INSERT_INTENT = """
insert into intents (
    id, key, user_id, wallet_id, mode, side, mint, context, slippage_bps, protection, causation_id, reason,
    spend_lamports, token_raw, share_bps, keep_account, position_id, state, reserved_lamports, created_at, min_token_raw,
    closes, min_lamports
)
values (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23
)
on conflict (key) do nothing
returning id
"""


@dataclass(frozen=True, slots=True)
class Admission:
    """A request and what the caller knows of the moment; the arguments of `IntentStore.admit` as one record."""

    request: TradeRequest
    intent_id: str
    now_ms: int
    wallet_lamports: int
    unrealized_lamports: int
    ceilings: Ceilings
    pause_causes: tuple[str, ...]
    day_start_ms: int
    gate: Gate
    run: SnipeRun | None = None


async def admit_all(connection: asyncpg.Connection, admissions: Sequence[Admission]) -> list[Intent | Refused]:
    """Judge and write requests of different users, each by itself.

    Raises LookupError for a wallet that the user does not have, Conflict when an id is taken. The gates are called here,
    on the island's thread, while the wallets' rows are held: they must be pure and short.
    """
    requests = [admission.request for admission in admissions]
    await _lock_wallets(connection, requests)
    keys = [request.key for request in requests]
    existing = {row["key"]: intent_from(row) for row in await connection.fetch(SELECT_BY_KEYS, keys)}
    new = [admission for admission in admissions if admission.request.key not in existing]
    verdicts = await _judged(connection, new) if new else {}
    opened = await _open_runs(connection, new, verdicts)
    intents = {intent.id: intent for intent in verdicts.values() if isinstance(intent, Intent)}
    inserted = {
        row["id"] for row in await connection.fetchmany(INSERT_INTENT, [columns_of(one) for one in intents.values()])
    }
    for intent in intents.values():
        if intent.id in inserted:
            if run_of(intent.request) not in opened:
                await follow_intent(connection, intent)
        else:
            # The same key came through another wallet's turn, at the same moment.
            verdicts[intent.request.key] = intent_from(await connection.fetchrow(SELECT_BY_KEY, intent.request.key))
    return [existing.get(key) or verdicts[key] for key in keys]


async def _open_runs(
    connection: asyncpg.Connection, admissions: Sequence[Admission], verdicts: dict[str, Intent | Refused]
) -> set[str]:
    """Write the runs that admitted requests brought; who has looked at the token before is refused after all."""
    runs = {
        intent.request.key: run_with(intent, admission.run)
        for admission in admissions
        if admission.run is not None and isinstance(intent := verdicts[admission.request.key], Intent)
    }
    opened = await insert_runs(connection, list(runs.values())) if runs else set()
    for key, run in runs.items():
        if run.id not in opened:
            verdicts[key] = seen_before()
    return opened


async def _lock_wallets(connection: asyncpg.Connection, requests: Sequence[TradeRequest]) -> None:
    asked = {(request.wallet_id, request.user_id) for request in requests}
    wallet_ids, user_ids = zip(*asked, strict=True)
    rows = await connection.fetch(LOCK_WALLETS, wallet_ids, user_ids)
    locked = {(row["id"], row["user_id"]) for row in rows}
    for request in requests:
        if (request.wallet_id, request.user_id) not in locked:
            raise no_wallet(request.user_id, request.wallet_id)


async def _judged(connection: asyncpg.Connection, admissions: Sequence[Admission]) -> dict[str, Intent | Refused]:
    """What the gate of each says, by the key of its request."""
    settings = await settings_of_all(connection, [admission.request.user_id for admission in admissions])
    facts = await connection.fetchmany(
        SELECT_FACTS,
        [
            (request.wallet_id, request.mint, request.mode, request.user_id, admission.day_start_ms)
            for admission in admissions
            for request in (admission.request,)
        ],
    )
    verdicts: dict[str, Intent | Refused] = {}
    for admission, row in zip(admissions, facts, strict=True):
        request = admission.request
        snapshot = risk_snapshot(
            WalletFacts(**row),
            settings=settings[request.user_id],
            ceilings=admission.ceilings,
            pause_causes=admission.pause_causes,
            wallet_lamports=admission.wallet_lamports,
            unrealized_lamports=admission.unrealized_lamports,
        )
        verdict = admission.gate(snapshot)
        verdicts[request.key] = (
            verdict
            if isinstance(verdict, Refused)
            else planned_intent(request, admission.intent_id, verdict.reserved_lamports, admission.now_ms)
        )
    return verdicts


def columns_of(intent: Intent) -> tuple[object, ...]:
    """An intent as the arguments of INSERT_INTENT."""
    request = intent.request
    return (
        intent.id,
        request.key,
        request.user_id,
        request.wallet_id,
        request.mode,
        request.side,
        request.mint,
        request.context,
        request.slippage_bps,
        request.protection,
        request.causation_id,
        request.reason,
        request.spend_lamports,
        request.token_raw,
        request.share_bps,
        request.keep_account,
        request.position_id,
        intent.state,
        intent.reserved_lamports,
        intent.created_at_ms,
        request.min_token_raw,
        list(request.closes),
        request.min_lamports,
    )
