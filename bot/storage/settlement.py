"""Settlement in PostgreSQL: a fill becomes a trade, a position, a ledger entry and a message, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from bot.ports import MakeMessage, Settled
from bot.storage.intent_rows import lock_intents, move_intent, resolve_attempt
from bot.storage.ledger import tokens_at_cost, write_entry
from bot.storage.ledger_rules import fill_entry
from bot.storage.outbox import put_message
from bot.storage.outside import unadjusted
from bot.storage.position_rules import check_fill, opens_position, position_after
from bot.storage.positions import insert_position, position_of, standing_position, update_position
from bot.storage.reversal_rules import Moved, moved_by
from bot.storage.rules import no_position, other_intent, wrong_state
from bot.storage.users import settings_of
from bot.trading.fill import Fill
from bot.trading.intent import AttemptState, Intent, IntentState, sources_of
from bot.trading.ledger import Leg

# Before the intents' own rows, as everywhere; see the lock in positions.py for what it is good for.
LOCK_WALLETS_OF_INTENTS = """
select user_wallets.id from user_wallets
where user_wallets.id in (select intents.wallet_id from intents where intents.id = any($1::text[]))
order by user_wallets.id
for no key update
"""
SELECT_TRADE = "select intent_id, position_id, realized_lamports from trades where signature = $1"
INSERT_TRADE = """
insert into settled_trades (
    signature, intent_id, position_id, user_id, wallet_id, mint, mode, context, side, slot, block_time, token_raw,
    quote_lamports, protocol_fee_lamports, creator_fee_lamports, network_fee_lamports, rent_lamports, other_lamports,
    wallet_delta_lamports, realized_lamports, lp_fee_lamports, tip_lamports, basis_lamports, landing,
    position_raw
)
values (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
    $25
)
"""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The arguments of `IntentStore.settle` as one record."""

    intent_id: str
    fill: Fill
    legs: tuple[Leg, ...]
    position_id: str
    message: MakeMessage


async def settle_all(connection: asyncpg.Connection, settlements: Sequence[Settlement]) -> list[Settled]:
    """Settle one after the other. Raises LookupError for no such intent or attempt, Conflict for one that ended another way.

    The messages are made here, on the island's thread: `message` must be pure and short.
    """
    intent_ids = [settlement.intent_id for settlement in settlements]
    await connection.execute(LOCK_WALLETS_OF_INTENTS, intent_ids)
    intents = await lock_intents(connection, intent_ids)
    return [await _settle(connection, intents[one.intent_id], one) for one in settlements]


async def _settle(connection: asyncpg.Connection, intent: Intent, settlement: Settlement) -> Settled:
    """Once per signature. Whoever settled before it in the same transaction may have moved its position, not its intent."""
    intent_id, fill = intent.id, settlement.fill
    done = await _already_done(connection, intent_id, fill.signature)
    if done is not None:
        return done
    check_fill(intent, fill)
    if intent.state not in sources_of(IntentState.FILLED):
        raise wrong_state(intent_id, intent.state, IntentState.FILLED)
    landing = await resolve_attempt(connection, intent_id, fill.signature, AttemptState.LANDED, slot=fill.slot)
    standing = await unadjusted(connection, intent, fill.signature, fill.block_time_s * 1000)
    standing = standing or await standing_position(connection, intent.request)
    settings = await settings_of(connection, intent.request.user_id)
    position, realized = position_after(standing, intent, fill, position_id=settlement.position_id, settings=settings)
    write_position = insert_position if opens_position(standing, fill) else update_position
    await write_position(connection, position)
    await put_message(connection, settlement.message(position, realized))
    effect = _Effect(position.id, realized, moved_by(fill, standing, position), landing)
    await _insert_trade(connection, intent, fill, effect)
    entry = fill_entry(
        intent,
        fill,
        settlement.legs,
        standing=standing,
        position_id=position.id,
        cost_lamports=await tokens_at_cost(connection, position.id),
        landing=landing,
    )
    await write_entry(connection, entry)
    await move_intent(connection, intent, IntentState.FILLED, closed_at_ms=fill.block_time_s * 1000)
    return Settled(position, realized)


async def _already_done(connection: asyncpg.Connection, intent_id: str, signature: str) -> Settled | None:
    trade = await connection.fetchrow(SELECT_TRADE, signature)
    if trade is None:
        return None
    if trade["intent_id"] != intent_id:
        raise other_intent(signature, trade["intent_id"], intent_id)
    position = await position_of(connection, trade["position_id"])
    if position is None:
        raise no_position(trade["position_id"])
    return Settled(position, trade["realized_lamports"])


@dataclass(frozen=True, slots=True)
class _Effect:
    """What a fill did to its position, and how often the network had taken it back before."""

    position_id: str
    realized_lamports: int
    moved: Moved
    landing: int


async def _insert_trade(connection: asyncpg.Connection, intent: Intent, fill: Fill, effect: _Effect) -> None:
    request = intent.request
    await connection.execute(
        INSERT_TRADE,
        fill.signature,
        intent.id,
        effect.position_id,
        request.user_id,
        request.wallet_id,
        request.mint,
        request.mode,
        request.context,
        fill.side,
        fill.slot,
        fill.block_time_s * 1000,
        fill.token_raw,
        fill.quote_lamports,
        fill.protocol_fee_lamports,
        fill.creator_fee_lamports,
        fill.network_fee_lamports,
        fill.rent_lamports,
        fill.other_lamports,
        fill.wallet_delta_lamports,
        effect.realized_lamports,
        fill.lp_fee_lamports,
        fill.tip_lamports,
        effect.moved.basis_lamports,
        effect.landing,
        effect.moved.token_raw,
    )
