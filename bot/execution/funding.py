"""Who paid the first SOL into wallets that bought a token early: several with one source are hands of one person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bot.errors import DecodeError
from bot.ports import WalletHistory

# A wallet with more transactions than this has a life of its own; where its SOL came from says nothing about one token.
FRESH_MAX = 12
# Who does so much in so short a time is an exchange or another service that pays everybody: about two hours of slots.
BUSY_TRANSACTIONS, BUSY_SLOTS = 100, 18_000
SHARED_LEAST = 3  # wallets with one source, from which on it matters who that is


async def sources_of(history: WalletHistory, wallets: Sequence[str]) -> dict[str, str]:
    """Of these wallets those that are fresh, with whoever paid for the transaction that brought their first SOL.

    A source that pays everybody, as an exchange does, is left out: what it paid ties nobody together. Two questions a
    wallet at most, and one a source that several have. Raises ChainUnavailable.
    """
    sources: dict[str, str] = {}
    for wallet in wallets:
        source = await _source_of(history, wallet)
        if source:
            sources[wallet] = source
    shared = [source for source, wallets_of in Counter(sources.values()).items() if wallets_of >= SHARED_LEAST]
    services = {source for source in shared if await _is_busy(history, source)}
    return {wallet: source for wallet, source in sources.items() if source not in services}


async def _is_busy(history: WalletHistory, source: str) -> bool:
    listed = await history.transactions(source, limit=BUSY_TRANSACTIONS)
    return len(listed) == BUSY_TRANSACTIONS and listed[0].slot - listed[-1].slot <= BUSY_SLOTS


async def _source_of(history: WalletHistory, wallet: str) -> str:
    """Empty for a wallet that is not fresh, whose first transaction brought nothing, or that paid for it itself."""
    listed = await history.transactions(wallet, limit=FRESH_MAX + 1)
    if not 0 < len(listed) <= FRESH_MAX:
        return ""
    try:
        first = await history.moved(listed[-1].signature, wallet)
    except DecodeError:
        return ""
    return first.payer if first is not None and first.lamports > 0 and first.payer != wallet else ""
