"""People who leave: what says who they are goes, and the rows of money stay under the internal id."""

from __future__ import annotations

from typing import Protocol


class LeavingStore(Protocol):
    async def close_account(self, user_id: str, now_ms: int) -> None:
        """Erase in one transaction what says who a user is, and write into the audit that he left.

        His Telegram id and handle, the one that others see, what he said of tokens, the wallets that he follows with their
        labels, how he wants to be told, which of his messages tell of what, and messages that have not reached him are gone;
        his wallets with their sealed keys, orders, trades and ledger stay. His sniper is off already. Raises LookupError for an
        unknown user, Conflict while he has a position, an order on its way or a standing one, or has left before; nothing is
        changed then.
        """
