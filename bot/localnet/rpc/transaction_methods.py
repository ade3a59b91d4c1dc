"""RPC methods that simulate, send and look up transactions."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from solders.signature import Signature
from solders.transaction import VersionedTransaction

from bot.localnet.chain import QueueFull, Simulation
from bot.localnet.execution import inner_records, resolve_keys
from bot.localnet.faults import DROP_TX
from bot.localnet.records import ExecutedTransaction, TransactionStatus
from bot.localnet.rpc import base58
from bot.localnet.rpc.node import RpcNode
from bot.localnet.rpc.params import (
    INTERNAL_ERROR,
    PREFLIGHT_FAILURE,
    SIGNATURE_VERIFICATION_FAILURE,
    UNSUPPORTED_TRANSACTION_VERSION,
    Config,
    Params,
    RpcError,
    invalid,
    parse_pubkey,
    parse_signature,
)
from bot.localnet.rpc.transaction_encoding import (
    encode_inner,
    encode_meta,
    encode_transaction,
    error_text,
    message_version,
    status_of,
)

PACKET_BYTES = 1232
V1_PACKET_BYTES = 4096
V1_PREFIX = 0x81
STATUS_CACHE_SLOTS = 150
MAX_STATUSES = 256
MAX_SIGNATURES = 1000
TYPE_NAME = "solana_transaction::versioned::VersionedTransaction"


def decode_transaction(text: str, encoding: str) -> tuple[VersionedTransaction, bytes]:
    """A transaction and its wire bytes; raises RpcError for a text that is none, or more than a packet."""
    try:
        if encoding == "base64":
            raw = base64.b64decode(text, validate=True)
        elif encoding == "base58":
            raw = base58.decode(text)
        else:
            raise invalid(f"unsupported encoding: {encoding}. Supported encodings: base58, base64")
    except ValueError as error:
        raise invalid(f"invalid {encoding} encoding: {error}") from error
    limit = V1_PACKET_BYTES if raw[:1] == bytes([V1_PREFIX]) else PACKET_BYTES
    if len(raw) > limit:
        raise invalid(f"decoded {TYPE_NAME} too large: {len(raw)} bytes (max: {limit} bytes)")
    try:
        transaction = VersionedTransaction.from_bytes(raw)
        transaction.sanitize()
    except Exception as error:  # solders raises types of its own that share no base
        raise invalid(f"failed to deserialize {TYPE_NAME}: {error}") from error
    return transaction, raw


def signatures_verify(transaction: VersionedTransaction) -> bool:
    """Whether every signature of a transaction is that of its signer."""
    return all(transaction.verify_with_results())


def _simulation_value(
    node: RpcNode, simulation: Simulation, transaction: VersionedTransaction, config: Config
) -> dict[str, Any]:
    meta = simulation.meta
    value: dict[str, Any] = {
        "err": simulation.error,
        "logs": [] if meta is None else node.view.told_logs(meta.logs()),
        "accounts": None,
        "unitsConsumed": 0 if meta is None else meta.compute_units_consumed(),
        "returnData": None,
        "innerInstructions": None,
        "replacementBlockhash": None,
        "loadedAccountsDataSize": 0,
    }
    if meta is not None and bytes(meta.return_data().data):
        data = base64.b64encode(bytes(meta.return_data().data)).decode()
        value["returnData"] = {"programId": str(meta.return_data().program_id), "data": [data, "base64"]}
    wanted = config.mapping("accounts")
    if wanted is not None:
        value["accounts"] = _simulated_accounts(node, simulation, wanted.get("addresses"), Config(wanted))
    if meta is not None and config.flag("innerInstructions"):
        keys = resolve_keys(transaction, node.chain.accounts)
        names = [] if keys is None else [str(key) for key in keys.keys]
        value["innerInstructions"] = encode_inner(inner_records(meta), names, parsed=True)
    return value


def _simulated_accounts(node: RpcNode, simulation: Simulation, addresses: Any, config: Config) -> list[Any]:
    if not isinstance(addresses, list):
        raise invalid("Invalid params: `accounts` needs `addresses`.")
    if simulation.error is not None:
        return [None] * len(addresses)
    keys = [parse_pubkey(address) for address in addresses]
    states = [simulation.post_accounts.get(key) or node.chain.accounts.get(key) for key in keys]
    return [node.encode(state, config) for state in states]


def simulate_transaction(node: RpcNode, params: Params) -> Any:
    config = params.config(1)
    commitment = node.checked_commitment(config)
    transaction, _ = decode_transaction(params.text(0), config.text("encoding", "base58"))
    replace = config.flag("replaceRecentBlockhash")
    if config.flag("sigVerify"):
        if replace:
            raise invalid("sigVerify may not be used with replaceRecentBlockhash")
        if not signatures_verify(transaction):
            raise RpcError(SIGNATURE_VERIFICATION_FAILURE, "Transaction signature verification failure")
    simulation = node.chain.simulate(transaction, check_age=not replace)
    value = _simulation_value(node, simulation, transaction, config)
    if replace:
        blockhash, last_valid_height = node.view.blockhash_at(commitment)
        value["replacementBlockhash"] = {"blockhash": str(blockhash), "lastValidBlockHeight": last_valid_height}
    return node.in_context(commitment, value)


def send_transaction(node: RpcNode, params: Params) -> Any:
    """Queue a transaction.

    With `skipPreflight` a badly signed one is accepted and never lands, as on a real node; so is every one while the
    fault `drop-tx` is on.
    """
    config = params.config(1)
    transaction, raw = decode_transaction(params.text(0), config.text("encoding", "base58"))
    config.commitment("preflightCommitment")
    verified = signatures_verify(transaction)
    signature = transaction.signatures[0]
    if not config.flag("skipPreflight"):
        if not verified:
            raise RpcError(SIGNATURE_VERIFICATION_FAILURE, "Transaction signature verification failure")
        if node.store.has(signature):
            simulation = Simulation("AlreadyProcessed", None, {})
        else:
            simulation = node.chain.simulate(transaction, check_age=True)
        if simulation.error is not None:
            message = f"Transaction simulation failed: {error_text(simulation.error)}"
            raise RpcError(PREFLIGHT_FAILURE, message, _simulation_value(node, simulation, transaction, Config({})))
    if verified and node.faults.get(DROP_TX) is None and not node.view.is_cut_off:
        try:
            node.chain.submit(transaction, raw)
        except QueueFull as error:
            raise RpcError(INTERNAL_ERROR, str(error)) from error
    return str(signature)


def get_signature_statuses(node: RpcNode, params: Params) -> Any:
    """Statuses; without `searchTransactionHistory` only of transactions of the last 150 slots."""
    signatures = [parse_signature(text) for text in params.items(0, MAX_STATUSES)]
    search = params.config(1).flag("searchTransactionHistory")
    oldest = 0 if search else node.view.position.slot - STATUS_CACHE_SLOTS
    return node.in_context("processed", [_status(node, signature, oldest) for signature in signatures])


def _status(node: RpcNode, signature: Signature, oldest_slot: int) -> dict[str, Any] | None:
    status = node.view.status(signature)
    if status is None or status.slot < oldest_slot:
        return None
    confirmation = node.confirmation_of(status)
    return {
        "slot": status.slot,
        "confirmations": None if confirmation == "finalized" else node.view.position.slot - status.slot,
        "err": status.error,
        "status": status_of(status.error),
        "confirmationStatus": confirmation,
    }


def get_transaction(node: RpcNode, params: Params) -> Any:
    signature = params.signature(0)
    options = params.value(1) if params.has(1) else None
    config = Config({"encoding": options}) if isinstance(options, str) else params.config(1)
    commitment = config.commitment()
    if commitment == "processed":
        raise invalid("Method does not support commitment below `confirmed`")
    record = node.view.transaction(signature)
    if record is None or record.slot > node.view.slot_at(commitment):
        return None
    encoding = config.text("encoding", "json")
    return {
        "slot": record.slot,
        "transaction": encode_transaction(record, encoding),
        "meta": encode_meta(record, encoding),
        "blockTime": record.block_time_s,
        **version_for(record, config),
    }


def version_for(record: ExecutedTransaction, config: Config) -> dict[str, Any]:
    """The member `version`, for who said which versions he knows; raises RpcError for one that he does not know."""
    version = message_version(VersionedTransaction.from_bytes(record.raw).message)
    supported = config.integer("maxSupportedTransactionVersion")
    if version is not None and (supported is None or version > supported):
        raise RpcError(
            UNSUPPORTED_TRANSACTION_VERSION,
            f"Transaction version ({version}) is not supported by the requesting client. Please try the request again"
            f' with the following configuration parameter: "maxSupportedTransactionVersion": {version}',
        )
    return {} if supported is None else {"version": "legacy" if version is None else version}


def get_signatures_for_address(node: RpcNode, params: Params) -> Any:
    config = params.config(1)
    commitment = node.checked_commitment(config)
    if commitment == "processed":
        raise invalid("Method does not support commitment below `confirmed`")
    limit = config.integer("limit")
    if limit is not None and not 1 <= limit <= MAX_SIGNATURES:
        raise invalid(f"Invalid limit; max {MAX_SIGNATURES}")
    before, until = config.text("before", ""), config.text("until", "")
    found: Sequence[TransactionStatus] = node.view.transactions_of(
        params.pubkey(0),
        commitment,
        before=parse_signature(before) if before else None,
        until=parse_signature(until) if until else None,
        limit=limit or MAX_SIGNATURES,
    )
    return [
        {
            "signature": status.signature,
            "slot": status.slot,
            "err": status.error,
            "memo": None,
            "blockTime": status.block_time_s,
            "confirmationStatus": node.confirmation_of(status),
        }
        for status in found
    ]


METHODS = {
    "simulateTransaction": simulate_transaction,
    "sendTransaction": send_transaction,
    "getSignatureStatuses": get_signature_statuses,
    "getTransaction": get_transaction,
    "getSignaturesForAddress": get_signatures_for_address,
}
