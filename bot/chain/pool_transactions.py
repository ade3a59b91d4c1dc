"""Transactions of one trade in a pool: SOL is wrapped for it and unwrapped behind it, all in one transaction.

A buy spends an exact amount for at least so many tokens (`buy_exact_quote_in`), a sale gives exact tokens for at least so
many lamports (`sell`). Account order: interface description of the pool SDK 1.20.0, and behind the described accounts those
that its instructions of 2026 append: cashback, the pool's second account, the buyback recipient and its token account.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain import pool_layouts
from bot.chain.instructions import (
    close_token_account,
    create_token_account,
    reads,
    signs,
    unwrap_sol,
    wrap_sol,
    writes,
)
from bot.chain.transactions import (
    BUDGET_INSTRUCTIONS,
    Recipients,
    compile_message,
    draw_recipients,
    sale_behind,
    trial_of,
)
from bot.ports import SwapOrder
from bot.trading.intent import Side


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """What a transaction needs to know of a pool and never changes."""

    token_program: Pubkey
    is_mayhem: bool
    is_cashback: bool


def pick_recipients(config: pool_layouts.PoolConfigAccount, mint: Pubkey, *, is_mayhem: bool) -> Recipients:
    """The fee accounts that a trade of this mint names; raises DecodeError for a configuration that names none."""
    protocol = config.reserved_fee_recipients if is_mayhem else config.fee_recipients
    return draw_recipients(protocol, config.buyback_fee_recipients, mint)


def build_message(order: SwapOrder, facts: PoolFacts, recipients: Recipients, blockhash: Hash) -> bytes:
    """The message bytes of one trade, to be signed by the wallet; raises SendRejected for an order that fits no packet."""
    user, mint = at.key_from(order.wallet_address), at.key_from(order.mint)
    if order.side is Side.BUY:
        instructions = [
            *wrap_sol(user, order.spend_lamports),
            create_token_account(user, mint, facts.token_program),
            _trade(order, user, mint, facts, recipients),
            unwrap_sol(user),
        ]
    else:
        instructions = [*wrap_sol(user, 0), _trade(order, user, mint, facts, recipients), unwrap_sol(user)]
        if order.close_account:
            instructions.append(close_token_account(user, mint, facts.token_program))
    return compile_message(order, user, instructions, blockhash)


def build_round_trip(
    order: SwapOrder, facts: PoolFacts, recipients: Recipients, blockhash: Hash, receive_lamports: int
) -> tuple[bytes, int]:
    """A buy and behind it the sale of the least that it brings, as `transactions.build_round_trip`."""
    user, mint = at.key_from(order.wallet_address), at.key_from(order.mint)
    wrapped = wrap_sol(user, order.spend_lamports)
    instructions = [
        *wrapped,
        create_token_account(user, mint, facts.token_program),
        _trade(order, user, mint, facts, recipients),
        _trade(sale_behind(order, receive_lamports), user, mint, facts, recipients),
        unwrap_sol(user),
    ]
    return compile_message(trial_of(order), user, instructions, blockhash), BUDGET_INSTRUCTIONS + len(wrapped) + 2


def _trade(order: SwapOrder, user: Pubkey, mint: Pubkey, facts: PoolFacts, recipients: Recipients) -> Instruction:
    """Two u64 after the discriminator; a buy says in one byte more that its volume is not counted."""
    if order.side is Side.BUY:
        data = pool_layouts.BUY_EXACT_QUOTE_IN + struct.pack("<2QB", order.spend_lamports, order.limit_raw, 0)
    else:
        data = pool_layouts.SELL + struct.pack("<2Q", order.token_raw, order.limit_raw)
    accounts = _described(order, user, mint, facts, recipients) + _appended(order, user, mint, facts, recipients)
    return Instruction(at.POOL_PROGRAM, data, accounts)


def _described(
    order: SwapOrder, user: Pubkey, mint: Pubkey, facts: PoolFacts, recipients: Recipients
) -> list[AccountMeta]:
    """The accounts of the interface description: 23 for a buy, 21 for a sale."""
    pool = at.canonical_pool(mint)
    creator_authority = at.pool_creator_authority(at.key_from(order.venue.creator))
    accounts = [
        writes(pool),
        signs(user),
        reads(at.POOL_CONFIG),
        reads(mint),
        reads(at.WRAPPED_SOL_MINT),
        writes(at.token_account(user, mint, facts.token_program)),
        writes(at.wrapped_sol(user)),
        writes(at.token_account(pool, mint, facts.token_program)),
        writes(at.wrapped_sol(pool)),
        reads(recipients.protocol),
        writes(at.wrapped_sol(recipients.protocol)),
        reads(facts.token_program),
        reads(at.TOKEN_PROGRAM),
        reads(at.SYSTEM_PROGRAM),
        reads(at.ATA_PROGRAM),
        reads(at.POOL_EVENT_AUTHORITY),
        reads(at.POOL_PROGRAM),
        writes(at.wrapped_sol(creator_authority)),
        reads(creator_authority),
    ]
    if order.side is Side.BUY:
        accounts += [reads(at.POOL_GLOBAL_VOLUME_ACCUMULATOR), writes(at.pool_volume_accumulator(user))]
    return [*accounts, reads(at.POOL_FEE_CONFIG), reads(at.FEES_PROGRAM)]


def _appended(
    order: SwapOrder, user: Pubkey, mint: Pubkey, facts: PoolFacts, recipients: Recipients
) -> list[AccountMeta]:
    """What canonical pools want behind the described accounts, in this order; cashback coins the most."""
    volume = at.pool_volume_accumulator(user)
    accounts = [writes(at.wrapped_sol(volume))] if facts.is_cashback else []
    if facts.is_cashback and order.side is Side.SELL:
        accounts.append(writes(volume))
    return [
        *accounts,
        reads(at.pool_v2(mint)),
        reads(recipients.buyback),
        writes(at.wrapped_sol(recipients.buyback)),
    ]
