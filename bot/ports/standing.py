"""Standing orders of users: what is to be traded once a price or a time has come."""

from __future__ import annotations

from typing import Protocol

from bot.ports.outbox import OutboxMessage
from bot.trading.standing import StandingOrder


class StandingStore(Protocol):
    async def place_standing(self, order: StandingOrder, *, most_open: int) -> bool:
        """Write a new standing order in a transaction that holds its user; again with the same id changes nothing.

        False, and nothing is written, where the user has `most_open` open ones. Raises LookupError for a wallet that the
        user does not have.
        """

    async def standing_order(self, order_id: str) -> StandingOrder | None:
        """A standing order by its id, open or ended; None for an unknown one."""

    async def standing_orders(self, user_id: str | None = None) -> list[StandingOrder]:
        """The open ones of a user, or of all, oldest first."""

    async def move_standing(self, after: StandingOrder, message: OutboxMessage | None = None) -> bool:
        """Write an open order's next version, and its message, in one transaction.

        False, and nothing is written, where the row is not of the version before it any more, or is not open.
        """
