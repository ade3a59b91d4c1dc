"""When a position is left: one decision from its basis, what a sale would bring now and at best, and its age."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.trading.position import Position
from bot.trading.profit_levels import level_raw, levels_of, sells_the_rest
from bot.trading.units import BPS


class ExitReason(StrEnum):
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"
    TRAILING_STOP = "trailing_stop"
    TIME = "time"
    CREATOR_SOLD = "creator_sold"
    LIQUIDITY_REMOVED = "liquidity_removed"
    AUTHORITY_CHANGED = "authority_changed"
    FLATTEN = "flatten"
    PANIC = "panic"

    @property
    def is_by_price(self) -> bool:
        """Whether reserves decided it, and false ones would."""
        return self in {
            ExitReason.TAKE_PROFIT,
            ExitReason.STOP_LOSS,
            ExitReason.TRAILING_STOP,
            ExitReason.LIQUIDITY_REMOVED,
        }


# The reasons, as a request names them, of sales that have to be made whatever they bring.
AT_ANY_PRICE = frozenset({ExitReason.FLATTEN.value, ExitReason.PANIC.value})


@dataclass(frozen=True, slots=True)
class Exit:
    """Leave now with `share_bps` of the balance; `change_bps` is the net gain or loss on the basis that triggered it.

    A level of the take-profit names the exact `token_raw` that it sells, unless that is all. `evidence` is what shows that
    the reason holds, where it is no price that everybody can look up.
    """

    reason: ExitReason
    share_bps: int
    change_bps: int
    token_raw: int = 0
    evidence: str = ""


def decide_exit(position: Position, proceeds_lamports: int, now_ms: int) -> Exit | None:
    """What to do at a quote of `proceeds_lamports` for everything held, net of trading fees; None means stay.

    A loss is looked at before a gain, and age last: in a crash the stop decides. The trailing stop counts from the
    position's peak and needs one. A take-profit of a part happens once, and each level of one once; what they leave stays with
    the other rules.
    """
    basis = position.basis_lamports
    change_bps = (proceeds_lamports - basis) * BPS // basis if basis > 0 else 0
    plan = position.plan
    if plan.stop_loss_bps is not None and change_bps <= -plan.stop_loss_bps:
        return Exit(ExitReason.STOP_LOSS, BPS, change_bps)
    if plan.trailing_stop_bps is not None and _fell_from_peak(position, proceeds_lamports, plan.trailing_stop_bps):
        return Exit(ExitReason.TRAILING_STOP, BPS, change_bps)
    if plan.take_profit_levels:
        level = _at_level(position, change_bps)
        if level is not None:
            return level
    may_take_profit = not plan.take_profit_levels and (plan.take_profit_share_bps == BPS or not position.took_profit)
    if plan.take_profit_bps is not None and may_take_profit and change_bps >= plan.take_profit_bps:
        return Exit(ExitReason.TAKE_PROFIT, plan.take_profit_share_bps, change_bps)
    return due_by_time(position, now_ms, change_bps)


def due_at_ms(position: Position) -> int | None:
    """When a position has been held for as long as its plan allows, in milliseconds since 1970; None for no such time."""
    max_hold_s = position.plan.max_hold_s
    return None if max_hold_s is None else position.opened_at_ms + max_hold_s * 1000


def due_by_time(position: Position, now_ms: int, change_bps: int = 0) -> Exit | None:
    """The exit of a position that has been held for as long as its plan allows, which needs no price."""
    due_ms = due_at_ms(position)
    if due_ms is None or now_ms < due_ms:
        return None
    return Exit(ExitReason.TIME, BPS, change_bps)


def _at_level(position: Position, change_bps: int) -> Exit | None:
    """The lowest level that has not sold yet, once its gain is there; the next one is decided when this one has sold."""
    levels, number = levels_of(position.plan.take_profit_levels), position.levels_taken
    if number >= len(levels) or change_bps < levels[number].gain_bps:
        return None
    token_raw = max(level_raw(levels, number, position.bought_raw), 1)
    if sells_the_rest(levels, number) or token_raw >= position.token_raw:
        return Exit(ExitReason.TAKE_PROFIT, BPS, change_bps)
    return Exit(ExitReason.TAKE_PROFIT, token_raw * BPS // position.token_raw, change_bps, token_raw)


def _fell_from_peak(position: Position, proceeds_lamports: int, trailing_stop_bps: int) -> bool:
    """Whether a quote is at least `trailing_stop_bps` below the peak; compared without a division, so without rounding."""
    peak = position.peak_lamports
    return peak > 0 and (peak - proceeds_lamports) * BPS >= trailing_stop_bps * peak
