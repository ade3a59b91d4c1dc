"""What both stores do to a recorded swap before it goes into its wallet's book."""

from __future__ import annotations

from bot.ports import WalletSignal
from bot.trading.wallet_ledger import LedgerSwap


def ledger_swap(signal: WalletSignal) -> LedgerSwap:
    """A recorded swap as the ledger of its wallet counts it."""
    return LedgerSwap(
        signal.signature,
        signal.mint,
        signal.side,
        signal.token_raw,
        signal.quote_lamports,
        signal.slot,
        signal.block_time_s,
    )
