"""A bundle: transactions that a block engine lands together, in their order, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from solders.transaction import VersionedTransaction


@dataclass(frozen=True, slots=True)
class Bundle:
    """`id` is the engine's; each transaction comes with its wire bytes, its signatures verified."""

    id: str
    transactions: tuple[tuple[VersionedTransaction, bytes], ...]
    tip_lamports: int
