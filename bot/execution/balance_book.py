"""What each wallet holds in lamports, as far as it is known without asking the chain again: for status, and for entries.

An entry may be judged by it for some seconds. It may then fail on the chain for what somebody took out meanwhile; what our
own orders take is in it, or reserved.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bot.ports import Wallet
from bot.trading.intent import Mode


@dataclass(frozen=True, slots=True)
class SeenBalance:
    """`lamports` are those that the chain showed, and what our own transactions changed since.

    `slot` is that of the look, or of the newest of these transactions. `at_ms` is when the chain was asked, in milliseconds
    since 1970. `mode` says whose money it is.
    """

    lamports: int
    slot: int
    at_ms: int
    mode: Mode


@dataclass(slots=True)
class BalanceBook:
    """Looks at the chain put right whatever came from elsewhere in between, deposits for instance."""

    _seen: dict[str, SeenBalance] = field(default_factory=dict)
    _looked_at_slot: dict[str, int] = field(default_factory=dict)

    def looked(self, wallet: Wallet, lamports: int, slot: int, now_ms: int) -> None:
        """The chain was asked at `now_ms`; an answer older than what is known changes nothing."""
        known = self._seen.get(wallet.id)
        if known is None or slot >= known.slot:
            self._seen[wallet.id] = SeenBalance(lamports, slot, now_ms, wallet.mode)
            self._looked_at_slot[wallet.id] = slot

    def moved(self, wallet_id: str, lamports: int, slot: int) -> None:
        """A transaction of ours landed in a slot; one that the last look showed already changes nothing."""
        known = self._seen.get(wallet_id)
        if known is not None and slot > self._looked_at_slot[wallet_id]:
            self._seen[wallet_id] = replace(known, lamports=known.lamports + lamports, slot=max(slot, known.slot))

    def forget(self, wallet_id: str) -> None:
        """What was known of a wallet may not hold any more: the network took a transaction of it back."""
        self._seen.pop(wallet_id, None)

    def recent(self, wallet_id: str, since_ms: int) -> int | None:
        """The lamports of a wallet that the chain was asked for since this moment; None for any other."""
        known = self._seen.get(wallet_id)
        return known.lamports if known is not None and known.at_ms >= since_ms else None

    def last(self, wallet_id: str) -> SeenBalance | None:
        """What is known of a wallet, however old; None where nobody has looked."""
        return self._seen.get(wallet_id)

    def seen(self) -> list[SeenBalance]:
        """All wallets that were looked at."""
        return list(self._seen.values())
