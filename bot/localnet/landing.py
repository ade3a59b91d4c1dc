"""The landing queue: transactions that were accepted and wait for the next block, best priority fee first."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from solders.message import MessageV1, VersionedMessage
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from bot.localnet.addresses import COMPUTE_BUDGET_PROGRAM

SET_COMPUTE_UNIT_LIMIT = 2
SET_COMPUTE_UNIT_PRICE = 3
DEFAULT_UNITS_PER_INSTRUCTION = 200_000
MAX_COMPUTE_UNITS = 1_400_000
MICRO_LAMPORTS = 1_000_000


@dataclass(frozen=True, slots=True)
class PriorityFee:
    """What a transaction offers on top of the base fee."""

    price_micro_lamports: int
    unit_limit: int

    @property
    def lamports(self) -> int:
        """The priority fee that is charged, rounded up."""
        return -(-self.price_micro_lamports * self.unit_limit // MICRO_LAMPORTS)


@dataclass(frozen=True, slots=True)
class PendingTransaction:
    """An accepted transaction; `sequence` is the order of arrival."""

    transaction: VersionedTransaction
    raw: bytes
    signature: Signature
    fee: PriorityFee
    sequence: int


def priority_fee(message: VersionedMessage) -> PriorityFee:
    """The priority fee that a message offers: compute-budget instructions, or the inline budget of a v1 message."""
    if isinstance(message, MessageV1):
        limit = message.config.compute_unit_limit or MAX_COMPUTE_UNITS
        return PriorityFee((message.config.priority_fee or 0) * MICRO_LAMPORTS // limit, limit)
    price = 0
    keys = message.account_keys
    instructions = message.instructions
    limit = min(MAX_COMPUTE_UNITS, DEFAULT_UNITS_PER_INSTRUCTION * len(instructions))
    for instruction in instructions:
        if keys[instruction.program_id_index] != COMPUTE_BUDGET_PROGRAM:
            continue
        data = bytes(instruction.data)
        if len(data) >= 5 and data[0] == SET_COMPUTE_UNIT_LIMIT:
            (limit,) = struct.unpack_from("<I", data, 1)
        elif len(data) >= 9 and data[0] == SET_COMPUTE_UNIT_PRICE:
            (price,) = struct.unpack_from("<Q", data, 1)
    return PriorityFee(price, limit)


class LandingQueue:
    """Accepted transactions in landing order."""

    def __init__(self) -> None:
        self._pending: dict[Signature, PendingTransaction] = {}
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, signature: Signature) -> bool:
        return signature in self._pending

    def push(self, transaction: VersionedTransaction, raw: bytes) -> Signature:
        """Queue a transaction; the same signature queues once, however often it is sent."""
        signature = transaction.signatures[0]
        if signature not in self._pending:
            self._sequence += 1
            fee = priority_fee(transaction.message)
            self._pending[signature] = PendingTransaction(transaction, raw, signature, fee, self._sequence)
        return signature

    def forget(self, signature: Signature) -> None:
        """Take out what has landed by another way; one that does not wait is no matter."""
        self._pending.pop(signature, None)

    def take(self, count: int) -> list[PendingTransaction]:
        """Remove and return up to `count` transactions, highest priority first, then in order of arrival."""
        ordered = sorted(self._pending.values(), key=lambda pending: (-pending.fee.lamports, pending.sequence))
        taken = ordered[:count]
        for pending in taken:
            del self._pending[pending.signature]
        return taken

    def raw_transactions(self) -> list[bytes]:
        """The bytes of what still waits, in order of arrival, for storing."""
        return [pending.raw for pending in sorted(self._pending.values(), key=lambda pending: pending.sequence)]
