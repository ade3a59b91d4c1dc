"""Whether reserves that were just told are a reason for a position's monitor to look: most of them change nothing for it. Pure.

A coin that a thousand users hold trades many times a second. To wake a thousand monitors for each trade, which then find that
they stay, costs several times what it takes to reckon that for them where the price is told.
"""

from __future__ import annotations

from bot.ports import PricePoint
from bot.trading.curve import Fees, QuoteError
from bot.trading.exits import decide_exit
from bot.trading.own_impact import worth
from bot.trading.pool import Pool
from bot.trading.position import Position
from bot.trading.route import Route


def is_from_before(point: PricePoint, position: Position) -> bool:
    """Whether an offer was seen before the position was bought: it is some seconds old when it is shared."""
    return isinstance(point.venue, Route) and point.seen_at_ms < position.opened_at_ms


def is_worth_a_look(position: Position, point: PricePoint, fees: Fees, now_ms: int) -> bool:
    """Whether its plan may ask for an exit at these reserves, or something is to be remembered or said of them.

    What cannot be quoted is, and what a plan compares that looks for rugs. Where it is, the monitor decides.
    """
    if is_from_before(point, position):
        return False
    if position.plan.rug_share_bps is not None and isinstance(point.venue, Pool):
        return True
    try:
        worth_lamports = worth(position, point.venue, fees)
    except QuoteError:
        return True
    if position.plan.trailing_stop_bps is not None and worth_lamports > position.peak_lamports:
        return True
    return decide_exit(position, worth_lamports, now_ms) is not None
