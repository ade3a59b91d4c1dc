"""The one place from which each recorded swap of a followed wallet goes on to whoever acts on it.

A swap is handed on after its row is committed, and once. What was recorded and not handed on, because the process ended in
between, is in the rows: whoever may not miss a swap reads them when it begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.ports import WalletSignal
from bot.trading.leader_swap import LeaderSwap

OnSwap = Callable[[LeaderSwap], None]


@dataclass(slots=True)
class LeaderSwaps:
    """Who hears of swaps, in the order in which they asked for it."""

    _listeners: list[OnSwap] = field(default_factory=list)

    def listen(self, on_swap: OnSwap) -> None:
        """Hear of each swap from now on; what is called may not block and may not raise."""
        self._listeners.append(on_swap)

    def on_swap(self, swap: LeaderSwap) -> None:
        """Hand a recorded swap on."""
        for on_swap in self._listeners:
            on_swap(swap)


def leader_swap(signal: WalletSignal) -> LeaderSwap:
    """A recorded signal as a swap; a failed transaction is never recorded."""
    return LeaderSwap(
        wallet=signal.address,
        signature=signal.signature,
        instruction=signal.instruction,
        slot=signal.slot,
        mint=signal.mint,
        side=signal.side,
        lamports=signal.quote_lamports,
        token_raw=signal.token_raw,
        held_before_raw=signal.held_before_raw,
        failed=False,
        seen_at_ms=signal.seen_at_ms,
        block_time_s=signal.block_time_s,
        both_sides=signal.both_sides,
    )
