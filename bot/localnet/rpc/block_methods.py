"""RPC methods about blocks: which slots have one, when it was, and what is in it.

Shapes, limits and errors: Agave's `rpc/src/rpc.rs`, and `rpc-client-api/src/custom_error.rs`.
"""

from __future__ import annotations

from typing import Any

from bot.localnet.chain import Commitment
from bot.localnet.records import BlockHeader, ExecutedTransaction
from bot.localnet.rpc.node import RpcNode
from bot.localnet.rpc.params import (
    BLOCK_CLEANED_UP,
    BLOCK_NOT_AVAILABLE,
    SLOT_SKIPPED,
    Config,
    Params,
    RpcError,
    invalid,
)
from bot.localnet.rpc.transaction_encoding import encode_accounts, encode_meta, encode_transaction
from bot.localnet.rpc.transaction_methods import version_for

MAX_SLOT_RANGE = 500_000
DETAILS = ("full", "accounts", "signatures", "none")


def get_block(node: RpcNode, params: Params) -> Any:
    options = params.value(1) if params.has(1) else None
    config = Config({"encoding": options}) if isinstance(options, str) else params.config(1)
    header = _block(node, params.integer(0), _rooted(config))
    answer: dict[str, Any] = {
        "blockhash": header.blockhash,
        "previousBlockhash": str(node.chain.genesis_hash),
        "parentSlot": header.slot - 1,
        "blockTime": header.block_time_s,
        "blockHeight": header.height,
    }
    if (parent := node.store.block_before(header.slot)) is not None:
        answer |= {"previousBlockhash": parent.blockhash, "parentSlot": parent.slot}
    answer |= _content(node.view.transactions_in(header.slot), config)
    rewards = config.fields.get("rewards")
    return answer if rewards is False else answer | {"rewards": []}


def _content(records: list[ExecutedTransaction], config: Config) -> dict[str, Any]:
    """What is told of a block's transactions."""
    details = config.text("transactionDetails", "full")
    if details not in DETAILS:
        raise invalid(f"Invalid params: unknown variant `{details}`, expected one of {', '.join(DETAILS)}.")
    if details == "none":
        return {}
    if details == "signatures":
        return {"signatures": [record.signature for record in records]}
    encoding = config.text("encoding", "json")
    told: list[dict[str, Any]] = []
    for record in records:
        version = version_for(record, config)
        if details == "accounts":
            told.append(encode_accounts(record) | version)
            continue
        told.append(
            {"transaction": encode_transaction(record, encoding), "meta": encode_meta(record, encoding), **version}
        )
    return {"transactions": told}


def get_block_time(node: RpcNode, params: Params) -> Any:
    return _block(node, params.integer(0), "processed").block_time_s


def get_blocks(node: RpcNode, params: Params) -> Any:
    """The slots with a block from the first to the last of a range; without a last one, to the newest."""
    first = params.integer(0)
    has_last = params.has(1) and not isinstance(params.value(1), dict)
    newest = node.view.slot_at(_rooted(params.config(2 if has_last else 1)))
    last = min(params.integer(1), newest) if has_last else newest
    if last - first > MAX_SLOT_RANGE:
        raise invalid(f"Slot range too large; max {MAX_SLOT_RANGE}")
    return [] if last < first else node.store.slots_with_blocks(first, last, MAX_SLOT_RANGE)


def get_blocks_with_limit(node: RpcNode, params: Params) -> Any:
    limit = params.integer(1)
    if limit > MAX_SLOT_RANGE:
        raise invalid(f"Limit too large; max {MAX_SLOT_RANGE}")
    newest = node.view.slot_at(_rooted(params.config(2)))
    return node.store.slots_with_blocks(params.integer(0), newest, limit)


def get_first_available_block(node: RpcNode, _params: Params) -> Any:
    first = node.store.first_block()
    return node.view.position.slot if first is None else first.slot


def _rooted(config: Config) -> Commitment:
    """The commitment of a request for blocks, which are not told before they are confirmed."""
    commitment = config.commitment()
    if commitment == "processed":
        raise invalid("Method does not support commitment below `confirmed`")
    return commitment


def _block(node: RpcNode, slot: int, commitment: Commitment) -> BlockHeader:
    """The block of a slot; raises RpcError for one that is still to come, was skipped or is not kept any more."""
    if slot > node.view.slot_at(commitment):
        raise RpcError(BLOCK_NOT_AVAILABLE, f"Block not available for slot {slot}")
    if (header := node.view.block(slot)) is not None:
        return header
    first = node.store.first_block()
    if first is not None and slot >= first.slot:
        raise RpcError(SLOT_SKIPPED, f"Slot {slot} was skipped, or missing due to ledger jump to recent snapshot")
    oldest = node.view.position.slot if first is None else first.slot
    raise RpcError(
        BLOCK_CLEANED_UP, f"Block {slot} cleaned up, does not exist on node. First available block: {oldest}"
    )


METHODS = {
    "getBlock": get_block,
    "getBlockTime": get_block_time,
    "getBlocks": get_blocks,
    "getBlocksWithLimit": get_blocks_with_limit,
    "getFirstAvailableBlock": get_first_available_block,
    "minimumLedgerSlot": get_first_available_block,
}
