"""Executed transactions in the JSON shapes of Agave: message, meta, inner instructions and error texts."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from solders.message import MessageV0, MessageV1, VersionedMessage
from solders.transaction import VersionedTransaction

from bot.localnet.records import ExecutedTransaction, InnerInstruction, TokenBalance
from bot.localnet.rpc import base58
from bot.localnet.rpc.params import invalid
from bot.localnet.rpc.parsed_instructions import parse_instruction
from bot.localnet.tokens import ui_token_amount

ERROR_TEXTS = {
    "AccountNotFound": "Attempt to debit an account but found no record of a prior credit.",
    "AlreadyProcessed": "This transaction has already been processed",
    "BlockhashNotFound": "Blockhash not found",
    "InsufficientFundsForFee": "Insufficient funds for fee",
    "InvalidAccountForFee": "This account may not be used to pay transaction fees",
    "AddressLookupTableNotFound": "Transaction loads an address table account that doesn't exist",
    "InvalidAddressLookupTableIndex": "Transaction address table lookup uses an invalid index",
    "ProgramAccountNotFound": "Attempt to load a program that does not exist",
}
COST_OF_SIGNATURE_UNITS = 720


def message_version(message: VersionedMessage) -> int | None:
    """0 or 1 for versioned messages, None for legacy ones."""
    if isinstance(message, MessageV1):
        return 1
    return 0 if isinstance(message, MessageV0) else None


def encode_transaction(record: ExecutedTransaction, encoding: str) -> Any:
    """The `transaction` field of an answer in one of the four encodings."""
    if encoding == "base64":
        return [base64.b64encode(record.raw).decode(), "base64"]
    if encoding == "base58":
        return [base58.encode(record.raw), "base58"]
    if encoding not in ("json", "jsonParsed"):
        raise invalid(f"Invalid params: unknown variant `{encoding}` of encoding.")
    transaction = VersionedTransaction.from_bytes(record.raw)
    message = transaction.message
    encoded = _parsed_message(record, message) if encoding == "jsonParsed" else _plain_message(record, message)
    if isinstance(message, MessageV0):
        encoded["addressTableLookups"] = [
            {
                "accountKey": str(lookup.account_key),
                "writableIndexes": list(lookup.writable_indexes),
                "readonlyIndexes": list(lookup.readonly_indexes),
            }
            for lookup in message.address_table_lookups
        ]
    return {"signatures": [str(signature) for signature in transaction.signatures], "message": encoded}


def _plain_message(record: ExecutedTransaction, message: VersionedMessage) -> dict[str, Any]:
    header = message.header
    return {
        "header": {
            "numRequiredSignatures": header.num_required_signatures,
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
        },
        "accountKeys": list(record.account_keys[: record.static_count]),
        "recentBlockhash": str(message.recent_blockhash),
        "instructions": [
            {
                "programIdIndex": instruction.program_id_index,
                "accounts": list(instruction.accounts),
                "data": base58.encode(bytes(instruction.data)),
                "stackHeight": 1,
            }
            for instruction in message.instructions
        ],
    }


def _parsed_keys(record: ExecutedTransaction, message: VersionedMessage) -> list[dict[str, Any]]:
    signers = message.header.num_required_signatures
    return [
        {
            "pubkey": key,
            "writable": writable,
            "signer": index < signers,
            "source": "transaction" if index < record.static_count else "lookupTable",
        }
        for index, (key, writable) in enumerate(zip(record.account_keys, record.writable, strict=True))
    ]


def encode_accounts(record: ExecutedTransaction) -> dict[str, Any]:
    """`transaction` and `meta` of a transaction of which no more than its accounts is asked for."""
    transaction = VersionedTransaction.from_bytes(record.raw)
    signatures = [str(signature) for signature in transaction.signatures]
    kept = ("err", "status", "fee", "preBalances", "postBalances", "preTokenBalances", "postTokenBalances")
    meta = encode_meta(record, "json")
    return {
        "transaction": {"signatures": signatures, "accountKeys": _parsed_keys(record, transaction.message)},
        "meta": {name: meta[name] for name in kept},
    }


def _parsed_message(record: ExecutedTransaction, message: VersionedMessage) -> dict[str, Any]:
    keys = record.account_keys
    return {
        "accountKeys": _parsed_keys(record, message),
        "recentBlockhash": str(message.recent_blockhash),
        "instructions": [
            parse_instruction(
                keys[instruction.program_id_index],
                [keys[index] for index in instruction.accounts],
                bytes(instruction.data),
                1,
            )
            for instruction in message.instructions
        ],
    }


def encode_inner(
    inner: Sequence[tuple[int, tuple[InnerInstruction, ...]]], keys: Sequence[str], *, parsed: bool
) -> list[dict[str, Any]]:
    """Inner instructions by top-level instruction, compiled or parsed."""
    return [
        {"index": index, "instructions": [_encode_invoked(one, keys, parsed=parsed) for one in invoked]}
        for index, invoked in inner
    ]


def _encode_invoked(inner: InnerInstruction, keys: Sequence[str], *, parsed: bool) -> dict[str, Any]:
    if parsed:
        accounts = [keys[index] for index in inner.accounts]
        return parse_instruction(keys[inner.program_index], accounts, inner.data, inner.stack_height)
    return {
        "programIdIndex": inner.program_index,
        "accounts": list(inner.accounts),
        "data": base58.encode(inner.data),
        "stackHeight": inner.stack_height,
    }


def encode_meta(record: ExecutedTransaction, encoding: str) -> dict[str, Any]:
    """The `meta` field of an answer."""
    keys = record.account_keys
    meta: dict[str, Any] = {
        "err": record.error,
        "status": status_of(record.error),
        "fee": record.fee_lamports,
        "preBalances": list(record.pre_lamports),
        "postBalances": list(record.post_lamports),
        "innerInstructions": encode_inner(record.inner, keys, parsed=encoding == "jsonParsed"),
        "logMessages": list(record.logs),
        "preTokenBalances": [_token_balance(balance) for balance in record.pre_tokens],
        "postTokenBalances": [_token_balance(balance) for balance in record.post_tokens],
        "rewards": [],
        "computeUnitsConsumed": record.compute_units,
        "costUnits": record.compute_units + COST_OF_SIGNATURE_UNITS,
    }
    if record.return_data:
        data = base64.b64encode(record.return_data).decode()
        meta["returnData"] = {"programId": record.return_program, "data": [data, "base64"]}
    if encoding != "jsonParsed":
        loaded_readonly = record.static_count + record.loaded_writable_count
        meta["loadedAddresses"] = {
            "writable": list(keys[record.static_count : loaded_readonly]),
            "readonly": list(keys[loaded_readonly:]),
        }
    return meta


def _token_balance(balance: TokenBalance) -> dict[str, Any]:
    return {
        "accountIndex": balance.account_index,
        "mint": balance.mint,
        "owner": balance.owner,
        "programId": balance.program,
        "uiTokenAmount": ui_token_amount(balance.amount_raw, balance.decimals),
    }


def status_of(error: Any) -> dict[str, Any]:
    """The deprecated `status` field that clients still parse."""
    return {"Ok": None} if error is None else {"Err": error}


def error_text(error: Any) -> str:
    """The sentence that Agave puts behind `Transaction simulation failed: `."""
    if isinstance(error, str):
        return ERROR_TEXTS.get(error, error)
    ((kind, detail),) = error.items()
    if kind == "InstructionError":
        index, reason = detail
        if isinstance(reason, dict) and "Custom" in reason:
            reason = f"custom program error: {reason['Custom']:#x}"
        return f"Error processing Instruction {index}: {reason}"
    if kind == "InsufficientFundsForRent":
        return f"Transaction results in an account ({detail['account_index']}) with insufficient funds for rent"
    return json.dumps(error)
