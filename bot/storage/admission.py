"""Admission in PostgreSQL: the facts of one moment, the gate, and the intent, in one transaction in the wallets' turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import asyncpg

from bot.ports import Gate, SnipeRun
from bot.storage.columns import by_column
from bot.storage.database import Row
from bot.storage.intent_rows import intent_from
from bot.storage.rules import WalletFacts, no_user, no_wallet, planned_intent, risk_snapshot, run_of
from bot.storage.run_rules import run_with, seen_before
from bot.storage.snipe_runs import follow_intent, row_of
from bot.storage.users import settings_from
from bot.trading.intent import Intent, Side, TradeRequest
from bot.trading.limits import Ceilings
from bot.trading.risk_gate import Refused
from bot.trading.strategy import counted_with

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
# Of each request, by its place from 1: whether its key has an intent already, its user's settings, and what WalletFacts
# says each column means. $6 is the start of the user's day, $7 the contexts that count with that of a buy, with
# commas between, and empty for a sale.
SELECT_FACTS = """
select
    asked.place,
    exists (select 1 from intents where intents.key = asked.key) as is_known,
    user_settings.*,
    facts.*
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[])
    with ordinality as asked (key, wallet_id, mint, mode, user_id, since, bought_by, place)
inner join user_settings on user_settings.user_id = asked.user_id
cross join lateral (
    with moving as (
        select mint, side, reserved_lamports, closes from intents
        where wallet_id = asked.wallet_id and mode = asked.mode and state in ('planned', 'signed', 'sent', 'unknown')
    ),
    held as (
        select mint, token_raw, cost_lamports from positions
        where wallet_id = asked.wallet_id and mode = asked.mode and state = 'open'
    ),
    -- What a user risks counts over all of his wallets.
    risked as (
        select mint, reserved_lamports as lamports from intents
        where
            wallet_id in (select id from user_wallets where user_id = asked.user_id) and mode = asked.mode
            and state in ('planned', 'signed', 'sent', 'unknown') and side <> 'withdraw'
        union all
        select mint, cost_lamports as lamports from positions
        where
            wallet_id in (select id from user_wallets where user_id = asked.user_id) and mode = asked.mode
            and state = 'open'
    ),
    -- Of a sale nothing is looked at from here on: how many positions there are, and what was spent, stops none.
    users_held as (
        select wallet_id, mint, context from positions
        where
            asked.bought_by <> '' and wallet_id in (select id from user_wallets where user_id = asked.user_id)
            and mode = asked.mode and state = 'open'
    ),
    users_coming as (
        select distinct wallet_id, mint, context from intents
        where
            asked.bought_by <> '' and wallet_id in (select id from user_wallets where user_id = asked.user_id)
            and mode = asked.mode and side = 'buy' and state in ('planned', 'signed', 'sent', 'unknown')
            and not exists (
                select 1 from users_held
                where users_held.wallet_id = intents.wallet_id and users_held.mint = intents.mint
            )
    )
    select
        (select coalesce(sum(reserved_lamports), 0) from moving) as reserved_lamports,
        (select count(*) from held) + (
            select count(distinct mint) from moving where side = 'buy' and mint not in (select mint from held)
        ) as open_positions,
        (select coalesce(sum(lamports), 0) from risked where mint = asked.mint) as mint_cost_lamports,
        (select coalesce(sum(lamports), 0) from risked) as exposure_lamports,
        (select count(*) from moving where mint = asked.mint or asked.mint = any(closes)) + (
            select count(*) from intents
            inner join attempts on intents.id = attempts.intent_id and attempts.state in ('signed', 'sent')
            where
                intents.wallet_id = asked.wallet_id and intents.mint = asked.mint and intents.mode = asked.mode
                and intents.state = 'filled'
        ) as mint_in_flight,
        (select count(*) from moving where mint = asked.mint and side = 'sell') as mint_sells_in_flight,
        (select coalesce(sum(token_raw), 0) from held where mint = asked.mint) as mint_held_raw,
        (
            select coalesce(sum(lamports), 0) from results
            where user_id = asked.user_id and mode = asked.mode and at >= asked.since
        ) as realized_today_lamports,
        (
            select count(*) from intents
            where
                user_id = asked.user_id and mode = asked.mode and context = 'sniper' and side = 'buy'
                and created_at >= asked.since and state in ('planned', 'signed', 'sent', 'unknown', 'filled')
        ) as snipes_today,
        (select count(*) from users_held) + (select count(*) from users_coming) as user_positions,
        (select count(*) from users_held where context = any(string_to_array(asked.bought_by, ',')))
        + (
            select count(*) from users_coming where context = any(string_to_array(asked.bought_by, ','))
        ) as strategy_positions,
        (
            select coalesce(sum(spend_lamports), 0) from intents
            where
                asked.bought_by <> '' and user_id = asked.user_id and mode = asked.mode
                and context = any(string_to_array(asked.bought_by, ',')) and side = 'buy' and created_at >= asked.since
                and state in ('planned', 'signed', 'sent', 'unknown', 'filled')
        ) as strategy_spent_lamports
) as facts
order by asked.place
"""
INSERT_INTENT = """
insert into intents (
    id, key, user_id, wallet_id, mode, side, mint, context, slippage_bps, protection, causation_id, reason,
    spend_lamports, token_raw, share_bps, keep_account, position_id, state, reserved_lamports, created_at, min_token_raw,
    min_lamports, evidence, closes, to_address
)
values (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25
)
on conflict (key) do nothing
returning id
"""
# Admitted intents with the runs that they brought: $1 to $12 are the runs' columns, the others the intents' and the id of
# the run that each brought, null for none. An intent whose run was not new is not written. None of them closes accounts or
# sends SOL out.
INSERT_ADMITTED = """
with opened as (
    insert into snipe_runs (
        id, user_id, mint, epoch, status, reason, confidence_bps, launch_signature, created_at, seen_at, version,
        components
    )
    select * from unnest(
        $1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::text[],
        $9::timestamptz[], $10::timestamptz[], $11::text[], $12::json[]
    )
    on conflict (user_id, mint, epoch) do nothing
    returning id
),
written as (
    insert into intents (
        id, key, user_id, wallet_id, mode, side, mint, context, slippage_bps, protection, causation_id, reason,
        spend_lamports, token_raw, share_bps, keep_account, position_id, state, reserved_lamports, created_at,
        min_token_raw, min_lamports, evidence
    )
    select
        id, key, user_id, wallet_id, mode, side, mint, context, slippage_bps, protection, causation_id, reason,
        spend_lamports, token_raw, share_bps, keep_account, position_id, state, reserved_lamports, created_at,
        min_token_raw, min_lamports, evidence
    from unnest(
        $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[],
        $21::bigint[], $22::text[], $23::text[], $24::text[], $25::bigint[], $26::numeric[], $27::bigint[],
        $28::boolean[], $29::text[], $30::text[], $31::bigint[], $32::timestamptz[], $33::bigint[], $34::bigint[],
        $35::text[], $36::text[]
    ) as admitted (
        id, key, user_id, wallet_id, mode, side, mint, context, slippage_bps, protection, causation_id, reason,
        spend_lamports, token_raw, share_bps, keep_account, position_id, state, reserved_lamports, created_at,
        min_token_raw, min_lamports, evidence, run_id
    )
    where run_id is null or run_id in (select id from opened)
    on conflict (key) do nothing
    returning id
)
select true as is_run, id from opened
union all
select false as is_run, id from written
"""
RUN_COLUMNS = 12

_FACTS = tuple(field.name for field in fields(WalletFacts))


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
    known, verdicts = await _judged(connection, admissions)
    runs, intents = _admitted(admissions, verdicts)
    if intents:
        opened, inserted = await _written(connection, runs, intents)
        for intent in intents:
            key, run_id = intent.request.key, run_of(intent.request)
            if key in runs and run_id not in opened:
                verdicts[key] = seen_before()
            elif intent.id not in inserted:
                known.append(key)  # it came through another wallet's turn, at the same moment
            elif run_id not in opened:
                await follow_intent(connection, intent)
    if known:
        existing = await connection.fetch(SELECT_BY_KEYS, known)
        verdicts.update((row["key"], intent_from(row)) for row in existing)
    return [verdicts[request.key] for request in requests]


def _admitted(
    admissions: Sequence[Admission], verdicts: Mapping[str, Intent | Refused]
) -> tuple[dict[str, SnipeRun], list[Intent]]:
    """What is to be written: the intents, and the runs that they brought by the key of their request."""
    runs: dict[str, SnipeRun] = {}
    intents: list[Intent] = []
    for admission in admissions:
        verdict = verdicts.get(admission.request.key)
        if isinstance(verdict, Intent):
            intents.append(verdict)
            if admission.run is not None:
                runs[admission.request.key] = run_with(verdict, admission.run)
    return runs, intents


async def _written(
    connection: asyncpg.Connection, runs: Mapping[str, SnipeRun], intents: Sequence[Intent]
) -> tuple[set[str], set[str]]:
    """Write them with one statement; the ids of the runs and of the intents that are new."""
    run_rows = by_column([row_of(run) for run in runs.values()]) if runs else [[]] * RUN_COLUMNS
    intent_rows = by_column([columns_of(intent)[:-2] for intent in intents])
    brought = [runs[intent.request.key].id if intent.request.key in runs else None for intent in intents]
    rows = await connection.fetch(INSERT_ADMITTED, *run_rows, *intent_rows, brought)
    opened = {row["id"] for row in rows if row["is_run"]}
    return opened, {row["id"] for row in rows if not row["is_run"]}


async def _lock_wallets(connection: asyncpg.Connection, requests: Sequence[TradeRequest]) -> None:
    asked = {(request.wallet_id, request.user_id) for request in requests}
    wallet_ids, user_ids = zip(*asked, strict=True)
    rows = await connection.fetch(LOCK_WALLETS, wallet_ids, user_ids)
    locked = {(row["id"], row["user_id"]) for row in rows}
    for request in requests:
        if (request.wallet_id, request.user_id) not in locked:
            raise no_wallet(request.user_id, request.wallet_id)


async def _judged(
    connection: asyncpg.Connection, admissions: Sequence[Admission]
) -> tuple[list[str], dict[str, Intent | Refused]]:
    """The keys that have an intent already, and of the others what the gate of each says, by the key of its request."""
    asked = [
        (
            request.key,
            request.wallet_id,
            request.mint,
            request.mode,
            request.user_id,
            admission.day_start_ms,
            _bought_by(request),
        )
        for admission in admissions
        for request in (admission.request,)
    ]
    rows = {row["place"]: row for row in await connection.fetch(SELECT_FACTS, *by_column(asked))}
    known: list[str] = []
    verdicts: dict[str, Intent | Refused] = {}
    for place, admission in enumerate(admissions, start=1):
        row = rows.get(place)
        if row is None:
            raise no_user(admission.request.user_id)
        if row["is_known"]:
            known.append(admission.request.key)
        else:
            verdicts[admission.request.key] = _verdict(admission, row)
    return known, verdicts


def _bought_by(request: TradeRequest) -> str:
    return ",".join(counted_with(request.context)) if request.side is Side.BUY else ""


def _verdict(admission: Admission, row: Row) -> Intent | Refused:
    """What the gate says to a row of SELECT_FACTS, and the intent that it lets in."""
    request = admission.request
    snapshot = risk_snapshot(
        WalletFacts(**{name: row[name] for name in _FACTS}),
        settings=settings_from(row),
        ceilings=admission.ceilings,
        pause_causes=admission.pause_causes,
        wallet_lamports=admission.wallet_lamports,
        unrealized_lamports=admission.unrealized_lamports,
    )
    verdict = admission.gate(snapshot)
    if isinstance(verdict, Refused):
        return verdict
    return planned_intent(request, admission.intent_id, verdict.reserved_lamports, admission.now_ms)


def columns_of(intent: Intent) -> tuple[object, ...]:
    """An intent as the arguments of INSERT_INTENT, what it closes and where it sends last."""
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
        request.min_lamports,
        request.evidence,
        list(request.closes),
        request.to_address,
    )
