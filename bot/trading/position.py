"""A position: tokens that a wallet holds of one mint, what they cost for good, and what sales have realised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from bot.trading.fill import Fill
from bot.trading.intent import Context, Mode, Side
from bot.trading.units import BPS


class PositionState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """When to leave. Thresholds are basis points of the position's basis; None switches one off.

    `max_hold_s` counts from the opening.
    `trailing_stop_bps` is a fall from the position's peak. `take_profit_share_bps` is the part of the balance that the
    take-profit sells; a part that is less than everything is sold once. `take_profit_levels`, where there are any, are
    instead of these two (`bot/trading/profit_levels.py`). `rug_share_bps` of the supply, sold by the token's creator within
    `rug_within_s`, is a reason to leave; None also switches off whatever else `bot/trading/rug.py` knows.
    """

    take_profit_bps: int | None
    stop_loss_bps: int | None
    max_hold_s: int | None
    trailing_stop_bps: int | None = None
    take_profit_share_bps: int = BPS
    take_profit_levels: tuple[int, ...] = ()
    rug_share_bps: int | None = None
    rug_within_s: int = 60


@dataclass(frozen=True, slots=True)
class Position:
    """`cost_lamports` is the cost of the tokens still held; `realized_lamports` is the net PnL of those already sold.

    `basis_lamports` is what exits measure a price against: the cost without the rent that the program took once, which
    no price wins back and which on a small first buy is more than any stop-loss.
    `peak_lamports` is the highest quote seen for everything held, 0 before the first; `took_profit` says that the
    take-profit sold its part. `bought_raw` is what buys brought into it, sold or not, `levels_taken` how many levels of
    its take-profit have sold their shares of that.
    """

    id: str
    user_id: str
    wallet_id: str
    mint: str
    mode: Mode
    context: Context
    state: PositionState
    token_raw: int
    cost_lamports: int
    basis_lamports: int
    realized_lamports: int
    plan: ExitPlan
    opened_at_ms: int
    closed_at_ms: int | None = None
    peak_lamports: int = 0
    took_profit: bool = False
    bought_raw: int = 0
    levels_taken: int = 0


def open_position(
    fill: Fill,
    *,
    position_id: str,
    user_id: str,
    wallet_id: str,
    mint: str,
    mode: Mode,
    context: Context,
    plan: ExitPlan,
) -> Position:
    """The position that a first buy opens."""
    return Position(
        id=position_id,
        user_id=user_id,
        wallet_id=wallet_id,
        mint=mint,
        mode=mode,
        context=context,
        state=PositionState.OPEN,
        token_raw=fill.token_raw,
        cost_lamports=fill.cost_lamports,
        basis_lamports=fill.basis_lamports,
        realized_lamports=0,
        plan=plan,
        opened_at_ms=fill.block_time_s * 1000,
        bought_raw=fill.token_raw,
    )


def with_peak(position: Position, proceeds_lamports: int) -> Position:
    """The position after a quote of `proceeds_lamports` for everything held: its peak never falls by a quote."""
    if proceeds_lamports <= position.peak_lamports:
        return position
    return replace(position, peak_lamports=proceeds_lamports)


def peak_of_part(position: Position, left_raw: int) -> int:
    """The peak when `left_raw` of the tokens stay: their share of it, rounded down. More tokens never raise it."""
    if left_raw == 0:
        return 0
    return position.peak_lamports * min(left_raw, position.token_raw) // position.token_raw


def apply_fill(position: Position, fill: Fill) -> tuple[Position, int]:
    """The position after a fill, and the PnL in lamports that the fill realises (0 for a buy).

    A partial sale realises its share of the cost, rounded down; the last sale takes all that is left, so that the
    costs of the parts always sum to the whole; the basis shrinks alike. A sale of more than is held closes the position:
    tokens that came from outside cost nothing.
    """
    if fill.side is Side.BUY:
        more = replace(
            position,
            token_raw=position.token_raw + fill.token_raw,
            cost_lamports=position.cost_lamports + fill.cost_lamports,
            basis_lamports=position.basis_lamports + fill.basis_lamports,
            bought_raw=position.bought_raw + fill.token_raw,
        )
        return more, 0
    sold_raw = min(fill.token_raw, position.token_raw)
    left = position.token_raw - sold_raw
    cost_sold = position.cost_lamports * sold_raw // position.token_raw if left else position.cost_lamports
    basis_sold = position.basis_lamports * sold_raw // position.token_raw if left else position.basis_lamports
    realized = fill.proceeds_lamports - cost_sold
    after = replace(
        position,
        token_raw=left,
        cost_lamports=position.cost_lamports - cost_sold,
        basis_lamports=position.basis_lamports - basis_sold,
        realized_lamports=position.realized_lamports + realized,
        peak_lamports=peak_of_part(position, left),
        state=PositionState.OPEN if left else PositionState.CLOSED,
        closed_at_ms=None if left else fill.block_time_s * 1000,
    )
    return after, realized
