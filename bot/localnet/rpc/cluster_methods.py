"""RPC methods about the cluster: slots, heights, blockhashes, fees, health."""

from __future__ import annotations

import base64
from typing import Any

from solders.message import from_bytes_versioned

from bot.localnet.blockhashes import LAMPORTS_PER_SIGNATURE
from bot.localnet.chain import SLOTS_PER_EPOCH
from bot.localnet.faucet import MAX_AIRDROP_LAMPORTS
from bot.localnet.landing import priority_fee
from bot.localnet.rpc.node import API_VERSION, RpcNode
from bot.localnet.rpc.params import Params, invalid, parse_hash, parse_pubkey

FEATURE_SET = 3_294_202_862


def get_health(_node: RpcNode, _params: Params) -> Any:
    return "ok"


def get_version(_node: RpcNode, _params: Params) -> Any:
    return {"solana-core": API_VERSION, "feature-set": FEATURE_SET}


def get_genesis_hash(node: RpcNode, _params: Params) -> Any:
    return str(node.view.genesis_hash)


def get_slot(node: RpcNode, params: Params) -> Any:
    return node.view.slot_at(node.checked_commitment(params.config(0)))


def get_block_height(node: RpcNode, params: Params) -> Any:
    return node.view.height_at(node.checked_commitment(params.config(0)))


def get_transaction_count(node: RpcNode, params: Params) -> Any:
    node.checked_commitment(params.config(0))
    return node.view.position.transactions


def get_epoch_info(node: RpcNode, params: Params) -> Any:
    commitment = node.checked_commitment(params.config(0))
    slot = node.view.slot_at(commitment)
    return {
        "absoluteSlot": slot,
        "blockHeight": node.view.height_at(commitment),
        "epoch": slot // SLOTS_PER_EPOCH,
        "slotIndex": slot % SLOTS_PER_EPOCH,
        "slotsInEpoch": SLOTS_PER_EPOCH,
        "transactionCount": node.view.position.transactions,
    }


def get_latest_blockhash(node: RpcNode, params: Params) -> Any:
    commitment = node.checked_commitment(params.config(0))
    blockhash, last_valid_height = node.view.blockhash_at(commitment)
    return node.in_context(commitment, {"blockhash": str(blockhash), "lastValidBlockHeight": last_valid_height})


def is_blockhash_valid(node: RpcNode, params: Params) -> Any:
    commitment = node.checked_commitment(params.config(1))
    blockhash = parse_hash(params.value(0))
    return node.in_context(commitment, node.chain.blockhashes.accepts(blockhash, node.view.height_at(commitment)))


def get_fee_for_message(node: RpcNode, params: Params) -> Any:
    commitment = node.checked_commitment(params.config(1))
    try:
        message = from_bytes_versioned(base64.b64decode(params.text(0), validate=True))
    except ValueError as error:
        raise invalid(f"failed to deserialize solana_message::versioned::VersionedMessage: {error}") from error
    known = node.chain.blockhashes.height_of(message.recent_blockhash) is not None
    fee = LAMPORTS_PER_SIGNATURE * message.header.num_required_signatures + priority_fee(message).lamports
    return node.in_context(commitment, fee if known else None)


def get_recent_prioritization_fees(node: RpcNode, params: Params) -> Any:
    """Per recent block: the least price in micro-lamports that a transaction writing these accounts paid; 0 if none."""
    wanted = {str(parse_pubkey(key)) for key in params.items(0, 128)} if params.has(0) else set[str]()
    answer = []
    for block in node.view.blocks:
        prices = [
            landed.price_micro_lamports
            for landed in block.transactions
            if wanted <= _written_keys(landed.record.account_keys, landed.record.writable)
        ]
        answer.append({"slot": block.slot, "prioritizationFee": min(prices, default=0)})
    return answer


def get_priority_fee_estimate(node: RpcNode, params: Params) -> Any:
    """A provider's own method (Helius, January 2026): a price by level for transactions that write these accounts."""
    asked = params.config(0)
    keys = asked.fields.get("accountKeys")
    if not isinstance(keys, list):
        raise invalid("Invalid params: `accountKeys` must be a list.")
    wanted = {str(parse_pubkey(key)) for key in keys}
    level = asked.mapping("options") or {}
    prices = sorted(
        landed.price_micro_lamports
        for block in node.view.blocks
        for landed in block.transactions
        if wanted <= _written_keys(landed.record.account_keys, landed.record.writable)
    )
    share = {"Min": 0, "Low": 25, "Medium": 50, "High": 75, "VeryHigh": 95, "UnsafeMax": 100}
    place = share.get(str(level.get("priorityLevel", "Medium")), 50)
    estimate = prices[min(len(prices) * place // 100, len(prices) - 1)] if prices else 0
    return {"priorityFeeEstimate": float(estimate)}


def _written_keys(keys: tuple[str, ...], writable: tuple[bool, ...]) -> set[str]:
    return {key for key, written in zip(keys, writable, strict=True) if written}


def get_minimum_balance_for_rent_exemption(node: RpcNode, params: Params) -> Any:
    return node.chain.svm.minimum_balance_for_rent_exemption(params.integer(0))


def request_airdrop(node: RpcNode, params: Params) -> Any:
    recipient, lamports = params.pubkey(0), params.integer(1)
    if not 0 < lamports <= MAX_AIRDROP_LAMPORTS:
        raise invalid(f"Invalid params: the local faucet gives up to {MAX_AIRDROP_LAMPORTS} lamports at once.")
    blockhash, _ = node.view.blockhash_at("processed")
    transaction = node.faucet.airdrop(recipient, lamports, blockhash)
    return str(node.chain.submit(transaction, bytes(transaction)))


METHODS = {
    "getHealth": get_health,
    "getVersion": get_version,
    "getGenesisHash": get_genesis_hash,
    "getSlot": get_slot,
    "getBlockHeight": get_block_height,
    "getTransactionCount": get_transaction_count,
    "getEpochInfo": get_epoch_info,
    "getLatestBlockhash": get_latest_blockhash,
    "isBlockhashValid": is_blockhash_valid,
    "getFeeForMessage": get_fee_for_message,
    "getRecentPrioritizationFees": get_recent_prioritization_fees,
    "getPriorityFeeEstimate": get_priority_fee_estimate,
    "getMinimumBalanceForRentExemption": get_minimum_balance_for_rent_exemption,
    "requestAirdrop": request_airdrop,
}
