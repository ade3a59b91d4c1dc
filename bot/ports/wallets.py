"""What a user calls his wallets, and which of them each strategy buys from."""

from __future__ import annotations

from typing import Protocol

from bot.trading.strategy import Strategy


class WalletStore(Protocol):
    async def rename_wallet(self, user_id: str, wallet_id: str, name: str) -> bool:
        """Call a wallet something else; False, changing nothing, where another one of its mode is called so.

        Raises LookupError for a wallet that the user does not have.
        """

    async def bind_wallet(self, user_id: str, wallet_id: str, strategy: Strategy, now_ms: int) -> None:
        """Let a strategy buy from this wallet and from no other of its mode, and write into the audit that he did.

        Raises LookupError for a wallet that the user does not have.
        """
