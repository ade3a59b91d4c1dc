"""What a landed transaction did to one wallet and one mint, read from its record; nothing is computed from a quote."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import structlog

from bot.chain import base58, layouts, pool_layouts, wire
from bot.chain.addresses import TOKEN_PROGRAM, WRAPPED_SOL_MINT, canonical_pool, key_from, token_account
from bot.chain.jupiter_check import PROGRAM as ROUTER_PROGRAM
from bot.chain.outcome import failed_program, failure_of
from bot.chain.pumpfun import InnerInstruction, events_in_instructions, events_in_logs
from bot.errors import DecodeError
from bot.trading.fill import LandedTransaction, TradeEvidence

Item = TypeVar("Item")

SYSTEM_PROGRAM = "1" * 32
SYSTEM_TRANSFER = (2).to_bytes(4, "little")
TRANSFER_BYTES = 12
ROUTER = str(ROUTER_PROGRAM)

log = structlog.get_logger()


def event_payloads(record: wire.TransactionRecord) -> tuple[bytes, ...]:
    """The launchpad's event payloads of a transaction that succeeded.

    Inner instructions come first, because they are never cut. Logs serve where a node recorded none.
    Raises DecodeError when neither can be read.
    """
    meta = _meta(record)
    if meta.err is not None:
        return ()
    payloads: tuple[bytes, ...] = ()
    if meta.inner_instructions is not None:
        payloads = events_in_instructions(_inner_instructions(account_keys(record), meta.inner_instructions))
    if not payloads and meta.log_messages is not None:
        payloads = events_in_logs(meta.log_messages).payloads
    return payloads


def account_keys(record: wire.TransactionRecord) -> list[str]:
    """All accounts of a transaction in index order: its own, then those from lookup tables, writable ones first."""
    loaded = record.meta.loaded_addresses if record.meta else None
    return record.transaction.message.account_keys + (loaded.writable + loaded.readonly if loaded else [])


def data_of(instruction: wire.Instruction) -> bytes:
    """What an instruction says; raises DecodeError for a text that is not base58."""
    return instruction.raw if isinstance(instruction, wire.HeardInstruction) else base58.decode(instruction.data)


def _inner_instructions(keys: list[str], groups: Iterable[wire.InnerInstructions]) -> Iterable[InnerInstruction]:
    for group in groups:
        for instruction in group.instructions:
            yield InnerInstruction(
                program=_at(keys, instruction.program_id_index),
                accounts=tuple(_at(keys, index) for index in instruction.accounts),
                data=data_of(instruction),
            )


def landed_from(record: wire.TransactionRecord, signature: str, address: str, mint: str) -> LandedTransaction:
    """The evidence for `address` and `mint`; raises DecodeError for a record that contradicts itself or lacks the wallet.

    A trade in a pool closes the wallet's account of wrapped SOL: what somebody had left in one counts as rent that came back.

    The block time falls back to the launchpad's own event, since a young block may not have one yet.
    """
    meta = _meta(record)
    keys = account_keys(record)
    if address not in keys:
        raise DecodeError(f"{signature} does not touch {address}")
    if not len(keys) == len(meta.pre_balances) == len(meta.post_balances):
        raise DecodeError(f"{signature} has {len(keys)} accounts and {len(meta.post_balances)} balances")
    failure = failure_of(meta.err)
    routed = not failure and ROUTER in _programs(record, keys)
    trades = [] if failure or routed else _own_trades(record, address, mint)
    wallet = keys.index(address)
    before = _own_balances(meta.pre_token_balances, address, mint)
    after = _own_balances(meta.post_token_balances, address, mint)
    wrapped = _own_balances(meta.pre_token_balances, address, str(WRAPPED_SOL_MINT)) | _own_balances(
        meta.post_token_balances, address, str(WRAPPED_SOL_MINT)
    )
    trade, traded_at_s = trades[0] if len(trades) == 1 else (None, 0)
    if len(trades) > 1:
        log.warning("several_trades_in_one_transaction", signature=signature, mint=mint, trades=len(trades))
    landed = LandedTransaction(
        signature=signature,
        slot=record.slot,
        block_time_s=record.block_time or traded_at_s,
        error=failure.text if failure else None,
        program_error=failure.program_error if failure else None,
        network_fee_lamports=meta.fee if wallet == 0 else 0,
        wallet_delta_lamports=meta.post_balances[wallet] - meta.pre_balances[wallet],
        token_delta_raw=sum(after.values()) - sum(before.values()),
        rent_delta_lamports=sum(
            _at(meta.post_balances, index) - _at(meta.pre_balances, index) for index in before | after | wrapped
        ),
        trade=trade,
        compute_units=meta.compute_units_consumed,
        tip_lamports=0 if failure else _given_away(record, keys, address),
        closed=_closed(meta, address),
        failed_program=failed_program(meta.log_messages) if failure else None,
    )
    return replace(landed, trade=_by_balances(landed)) if routed else landed


def _programs(record: wire.TransactionRecord, keys: list[str]) -> set[str]:
    """The programs that the transaction itself calls."""
    return {_at(keys, instruction.program_id_index) for instruction in record.transaction.message.instructions}


def _by_balances(landed: LandedTransaction) -> TradeEvidence | None:
    """What an aggregator's swap was, by what it did to the wallet: its fees are in its price, and no one event tells it."""
    moved_raw = landed.token_delta_raw
    around = landed.network_fee_lamports + landed.tip_lamports + landed.rent_delta_lamports
    swapped_lamports = landed.wallet_delta_lamports + around
    if moved_raw == 0 or (swapped_lamports < 0) is not (moved_raw > 0):
        return None  # nothing moved, or both in one direction: no trade
    return TradeEvidence(moved_raw > 0, abs(moved_raw), abs(swapped_lamports), 0, 0)


def _given_away(record: wire.TransactionRecord, keys: list[str], address: str) -> int:
    """Lamports that a wallet's own transfers gave to others: an order of ours makes none but a block engine's tip.

    What it puts into its own account of wrapped SOL, for a trade in a pool, is no gift.
    """
    own = {address, str(token_account(key_from(address), WRAPPED_SOL_MINT, TOKEN_PROGRAM))}
    total = 0
    for instruction in record.transaction.message.instructions:
        if _at(keys, instruction.program_id_index) != SYSTEM_PROGRAM:
            continue
        data = data_of(instruction)
        if len(data) != TRANSFER_BYTES or data[:4] != SYSTEM_TRANSFER or len(instruction.accounts) < 2:
            continue
        source, target = (_at(keys, index) for index in instruction.accounts[:2])
        if source == address and target not in own:
            total += int.from_bytes(data[4:], "little")
    return total


def _own_trades(record: wire.TransactionRecord, address: str, mint: str) -> list[tuple[TradeEvidence, int]]:
    """What this wallet traded of this mint, on its curve or in its canonical pool, each with its time."""
    found: list[tuple[TradeEvidence, int]] = []
    for payload in event_payloads(record):
        if payload[:8] == layouts.TRADE_EVENT:
            trade = layouts.decode_trade_event(payload)
            if str(trade.user) == address and str(trade.mint) == mint:
                found.append((_evidence(trade), trade.timestamp_s))
        elif payload[:8] in {pool_layouts.BUY_EVENT, pool_layouts.SELL_EVENT}:
            swap = pool_layouts.decode_pool_trade(payload)
            if str(swap.user) == address and swap.pool == canonical_pool(key_from(mint)):
                found.append((_pool_evidence(swap), swap.timestamp_s))
    return found


def _own_balances(balances: list[wire.TokenBalance] | None, address: str, mint: str) -> dict[int, int]:
    """Raw units by account index of the token accounts of this wallet and mint."""
    try:
        return {
            balance.account_index: int(balance.ui_token_amount.amount)
            for balance in balances or ()
            if balance.owner == address and balance.mint == mint
        }
    except ValueError:
        raise DecodeError(f"a token balance of {mint} is not a whole number") from None


def _closed(meta: wire.Meta, address: str) -> dict[str, int]:
    """By mint what was in those token accounts of a wallet that are not there any more."""
    return {
        balance.mint: _at(meta.pre_balances, balance.account_index)
        for balance in meta.pre_token_balances or ()
        if balance.owner == address and _at(meta.post_balances, balance.account_index) == 0
    }


def _evidence(trade: layouts.TradeEvent) -> TradeEvidence:
    return TradeEvidence(
        is_buy=trade.is_buy,
        token_raw=trade.token_raw,
        quote_lamports=trade.sol_lamports,
        protocol_fee_lamports=trade.protocol_fee_lamports,
        creator_fee_lamports=trade.creator_fee_lamports,
    )


def _pool_evidence(trade: pool_layouts.PoolTradeEvent) -> TradeEvidence:
    return TradeEvidence(
        is_buy=trade.is_buy,
        token_raw=trade.token_raw,
        quote_lamports=trade.quote_lamports,
        protocol_fee_lamports=trade.protocol_fee_lamports,
        creator_fee_lamports=trade.creator_fee_lamports,
        lp_fee_lamports=trade.lp_fee_lamports,
    )


def _meta(record: wire.TransactionRecord) -> wire.Meta:
    if record.meta is None:
        raise DecodeError("the node keeps no status of this transaction")
    return record.meta


def _at(items: list[Item], index: int) -> Item:
    if not 0 <= index < len(items):
        raise DecodeError(f"index {index} points outside {len(items)} accounts")
    return items[index]
