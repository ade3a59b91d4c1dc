"""What each wallet holds in lamports, as far as it is known without asking the chain again; for status, never for orders."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bot.ports import Wallet, WalletBalances
from bot.trading.intent import Mode


@dataclass(frozen=True, slots=True)
class SeenBalance:
    """`lamports` are those that the chain showed at `slot`, and what our own transactions changed since.

    `at_ms` is when the chain was asked, in milliseconds since 1970. `mode` says whose money it is.
    """

    lamports: int
    slot: int
    at_ms: int
    mode: Mode


@dataclass(slots=True)
class BalanceBook:
    """Looks at the chain put right whatever came from elsewhere in between, deposits for instance."""

    _seen: dict[str, SeenBalance] = field(default_factory=dict)

    def looked(self, wallet: Wallet, balances: WalletBalances, now_ms: int) -> None:
        """The chain was asked; an answer older than the one that is known changes nothing."""
        known = self._seen.get(wallet.id)
        if known is None or balances.slot >= known.slot:
            self._seen[wallet.id] = SeenBalance(balances.lamports, balances.slot, now_ms, wallet.mode)

    def moved(self, wallet_id: str, lamports: int, slot: int) -> None:
        """A transaction of ours landed in a slot; one that the last look showed already changes nothing."""
        known = self._seen.get(wallet_id)
        if known is not None and slot > known.slot:
            self._seen[wallet_id] = replace(known, lamports=known.lamports + lamports)

    def seen(self) -> list[SeenBalance]:
        """All wallets that were looked at."""
        return list(self._seen.values())
