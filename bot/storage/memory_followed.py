"""What is made of followed wallets, in memory: their books, and the traders that buy what they buy."""

from __future__ import annotations

from bot.storage.memory_auto_trading import MemoryAutoTrading
from bot.storage.memory_wallet_books import MemoryWalletBooks


class MemoryFollowed(MemoryWalletBooks, MemoryAutoTrading):
    """See `WalletRecordStore` and `AutoTradingStore`."""
