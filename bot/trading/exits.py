"""When a position is left: one decision from what it cost, what a sale would bring now, and its age."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.trading.position import Position
from bot.trading.units import BPS


class ExitReason(StrEnum):
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Exit:
    """Leave now with `share_bps` of the balance; `change_bps` is the net gain or loss on cost that triggered it."""

    reason: ExitReason
    share_bps: int
    change_bps: int


def decide_exit(position: Position, proceeds_lamports: int, now_ms: int) -> Exit | None:
    """What to do at a quote of `proceeds_lamports` for everything held, net of trading fees; None means stay.

    A loss is looked at before a gain, and age last: in a crash the stop decides.
    """
    cost = position.cost_lamports
    change_bps = (proceeds_lamports - cost) * BPS // cost if cost > 0 else 0
    plan = position.plan
    if plan.stop_loss_bps is not None and change_bps <= -plan.stop_loss_bps:
        return Exit(ExitReason.STOP_LOSS, BPS, change_bps)
    if plan.take_profit_bps is not None and change_bps >= plan.take_profit_bps:
        return Exit(ExitReason.TAKE_PROFIT, BPS, change_bps)
    if plan.max_hold_s is not None and now_ms - position.opened_at_ms >= plan.max_hold_s * 1000:
        return Exit(ExitReason.TIME, BPS, change_bps)
    return None
