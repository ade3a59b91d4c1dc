"""Forks on demand: the newest slots are taken back, and what was in them lands again later, or never.

Which transaction comes back, and how many slots later, follows from its signature and the number of the fork, so that
the same chain forks the same way each time. Those of the market's traders come back at once.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from solders.signature import Signature
from solders.transaction import VersionedTransaction

from bot.localnet.records import Block, ExecutedTransaction

FORKS_KEPT = 8
RETURNS_WITHIN_SLOTS = 12


@dataclass(frozen=True, slots=True)
class Fork:
    """One fork. `skipped` are the slots that have no block now; `lost` of its `transactions` were not queued again."""

    stayed_slot: int
    skipped: tuple[int, ...]
    transactions: tuple[str, ...]
    lost: tuple[str, ...]

    def told(self, has_landed: Callable[[Signature], bool]) -> dict[str, Any]:
        """What became of it until now, as JSON: which signatures are on the chain again, are queued again, or are lost.

        One that is queued may still never land, when its blockhash was of a block that was taken back.
        """
        again = {text for text in self.transactions if has_landed(Signature.from_string(text))}
        gone = set(self.lost) - again
        return {
            "stayed_slot": self.stayed_slot,
            "skipped_slots": list(self.skipped),
            "landed_again": [text for text in self.transactions if text in again],
            "queued_again": [text for text in self.transactions if text not in again | gone],
            "lost": [text for text in self.transactions if text in gone],
        }


@dataclass(frozen=True, slots=True)
class _Returning:
    """A transaction that is queued again once the chain has reached a slot."""

    slot: int
    transaction: VersionedTransaction
    raw: bytes


@dataclass(slots=True)
class Forks:
    """The latest forks, and the transactions of theirs that are still to come back."""

    latest: deque[Fork] = field(default_factory=lambda: deque(maxlen=FORKS_KEPT))
    _returning: list[_Returning] = field(default_factory=list)

    def note(
        self,
        blocks: Sequence[Block],
        *,
        stayed_slot: int,
        newest_slot: int,
        number: int,
        lost_percent: int,
        comes_at_once: Callable[[str], bool],
    ) -> Fork:
        """Decide for each transaction of the blocks that were taken back whether it comes back, and when."""
        records = [landed.record for block in blocks for landed in block.transactions]
        lost: list[str] = []
        for record in records:
            if comes_at_once(record.account_keys[0]):
                self._comes_back(record, newest_slot)
                continue
            drawn = hashlib.sha256(
                bytes(Signature.from_string(record.signature)) + number.to_bytes(4, "little")
            ).digest()
            if drawn[0] * 100 < lost_percent * 256:
                lost.append(record.signature)
            else:
                self._comes_back(record, newest_slot + drawn[1] % RETURNS_WITHIN_SLOTS)
        fork = Fork(
            stayed_slot=stayed_slot,
            skipped=tuple(range(stayed_slot + 1, newest_slot + 1)),
            transactions=tuple(record.signature for record in records),
            lost=tuple(lost),
        )
        self.latest.append(fork)
        return fork

    def _comes_back(self, record: ExecutedTransaction, slot: int) -> None:
        self._returning.append(_Returning(slot, VersionedTransaction.from_bytes(record.raw), record.raw))

    def due(self, slot: int) -> list[tuple[VersionedTransaction, bytes]]:
        """Those that come back now, in the order in which they had landed; each is given once."""
        now = [one for one in self._returning if one.slot <= slot]
        self._returning = [one for one in self._returning if one.slot > slot]
        return [(one.transaction, one.raw) for one in now]

    def waiting(self) -> list[bytes]:
        """The bytes of those that are still to come back, for storing: after a restart they come at once."""
        return [one.raw for one in self._returning]
