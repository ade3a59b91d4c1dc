"""Helius's own subscription `transactionSubscribe`: transactions by the accounts that they name, many at a time.

Shapes follow helius.dev/docs, "transactionSubscribe" (2026), with `transactionDetails` "accounts", "signatures" and "none".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.localnet.records import ExecutedTransaction
from bot.localnet.rpc.params import Config, invalid

MAX_ACCOUNTS = 50_000  # of one filter, for each way to name them
DETAILS = ("accounts", "signatures", "none")


@dataclass(frozen=True, slots=True)
class TransactionFilter:
    """At least one of `include` where there are any, all of `required`, none of `exclude`; `failed` None is for both."""

    include: frozenset[str]
    exclude: frozenset[str]
    required: frozenset[str]
    failed: bool | None

    def matches(self, record: ExecutedTransaction) -> bool:
        """Whether the subscriber hears of it."""
        if self.failed is not None and self.failed is (record.error is None):
            return False
        keys = set(record.account_keys)
        return (not self.include or bool(self.include & keys)) and self.required <= keys and not self.exclude & keys


def transaction_filter(asked: Any) -> TransactionFilter:
    """The first parameter of a request. Raises RpcError."""
    if not isinstance(asked, dict):
        raise invalid("Invalid params: expected a filter")

    def keys(name: str) -> frozenset[str]:
        told = asked.get(name) or []
        if not isinstance(told, list) or not all(isinstance(one, str) for one in told) or len(told) > MAX_ACCOUNTS:
            raise invalid(f"Invalid params: {name} is a list of at most {MAX_ACCOUNTS} addresses")
        return frozenset(told)

    failed = asked.get("failed")
    return TransactionFilter(
        keys("accountInclude"),
        keys("accountExclude"),
        keys("accountRequired"),
        failed if isinstance(failed, bool) else None,
    )


def transaction_details(config: Config) -> str:
    """How much of a transaction is told. Raises RpcError for what this stand-in does not tell."""
    details = config.text("transactionDetails", "accounts")
    if details not in DETAILS:
        raise invalid(f"Invalid params: transactionDetails is one of {', '.join(DETAILS)} here")
    return details


def told_transaction(record: ExecutedTransaction, details: str) -> dict[str, Any]:
    """The result of a notification."""
    told: dict[str, Any] = {"signature": record.signature, "slot": record.slot}
    if details == "accounts":
        accounts = [
            {"pubkey": key, "writable": writable, "signer": place == 0, "source": "transaction"}
            for place, (key, writable) in enumerate(zip(record.account_keys, record.writable, strict=True))
        ]
        body = {"signatures": [record.signature], "accountKeys": accounts}
        told["transaction"] = {"transaction": body, "meta": {"err": record.error, "fee": record.fee_lamports}}
    return told
