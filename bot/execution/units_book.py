"""Compute units that our own landed orders used, by the kind of their instructions: what the next of a kind asks for.

The network ranks a transaction by its fee per unit asked for, so that a limit far above what is used wastes most of the fee.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from bot.ports import SwapOrder
from bot.trading.intent import Side
from bot.trading.venue import program_of

SAMPLES = 64
ENOUGH = 8  # fewer say too little of how much it varies from token to token
SIGNED_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Kind:
    """Orders whose instructions are the same: which side, of which program, and whether a token account is closed."""

    side: Side
    program: str
    closes: bool


def kind_of(order: SwapOrder) -> Kind:
    """The kind that an order is of."""
    return Kind(order.side, program_of(order.venue), order.close_account)


@dataclass(slots=True)
class UnitsBook:
    """Shared by who signs, who says what kind a signature is of, and who settles, who says what it used."""

    _signed: OrderedDict[str, Kind] = field(default_factory=OrderedDict)
    _used: dict[Kind, deque[int]] = field(default_factory=dict)

    def signed(self, signature: str, kind: Kind) -> None:
        """Remember what kind of order a signature is of."""
        self._signed[signature] = kind
        while len(self._signed) > SIGNED_KEPT:
            self._signed.popitem(last=False)

    def landed(self, signature: str, used: int | None) -> None:
        """Note what a successful order used; nothing for one that an earlier process signed, or where nobody says it."""
        kind = self._signed.pop(signature, None)
        if kind is not None and used:
            self._used.setdefault(kind, deque(maxlen=SAMPLES)).append(used)

    def limit(self, kind: Kind, most: int) -> int:
        """Half as much again as the most that was used lately, never above `most`; `most` while too few were seen."""
        used = self._used.get(kind, ())
        return min(most, max(used) * 3 // 2) if len(used) >= ENOUGH else most
