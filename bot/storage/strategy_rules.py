"""What a buyer's strategies have open and have spent, from the rows of the store in memory. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from bot.storage.rules import SNIPE_GIVEN_BACK
from bot.trading.intent import Context, Intent, Side, TradeRequest
from bot.trading.position import Position, PositionState
from bot.trading.strategy import counted_with


def positions_of(request: TradeRequest, positions: Iterable[Position], moving: Iterable[Intent]) -> list[Context]:
    """By which context each position of a buyer was opened, or is about to be, over all of his wallets of the mode."""
    if request.side is not Side.BUY:
        return []
    user = (request.user_id, request.mode)
    held = [row for row in positions if (row.user_id, row.mode) == user and row.state is PositionState.OPEN]
    places = {(row.wallet_id, row.mint) for row in held}
    buys = [row.request for row in moving if row.request.side is Side.BUY]
    coming = {
        (one.wallet_id, one.mint, one.context)
        for one in buys
        if (one.user_id, one.mode) == user and (one.wallet_id, one.mint) not in places
    }
    return [row.context for row in held] + [context for _, _, context in coming]


def spent(request: TradeRequest, intents: Iterable[Intent], day_start_ms: int) -> int:
    """The lamports that a buyer's strategy spends in buys of the day, on their way or filled; 0 for a sale."""
    if request.side is not Side.BUY:
        return 0
    whose, together = (request.user_id, request.mode, Side.BUY), counted_with(request.context)
    return sum(
        row.request.spend_lamports
        for row in intents
        if (row.request.user_id, row.request.mode, row.request.side) == whose
        and row.request.context in together
        and row.created_at_ms >= day_start_ms
        and row.state not in SNIPE_GIVEN_BACK
    )
