"""What both stores hold about people who leave. Pure."""

from __future__ import annotations

from bot.errors import Conflict

ACCOUNT_CLOSED = "account closed"  # the action of the audit
READER_LEFT = "its reader has closed his account"


def handle_of_closed(user_id: str) -> str:
    """What a user is called who has left: nothing that anybody knew him by."""
    return f"closed-{user_id}"


def refuse_leaving(
    user_id: str, *, has_left: bool, holds: bool, has_orders: bool, has_standing_orders: bool, copies: bool
) -> None:
    """Raise Conflict for a user who cannot leave: his money is not where he can be without this bot."""
    reasons = {
        "has left already": has_left,
        "holds a position": holds,
        "has an order on its way": has_orders,
        "has a standing order": has_standing_orders,
        "copies somebody": copies,
    }
    if found := [reason for reason, stands in reasons.items() if stands]:
        raise Conflict(f"user {user_id} {', '.join(found)}")
