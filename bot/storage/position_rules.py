"""What a fill, a quote and an adjustment do to a position's row: the rules that both stores share. No I/O, no SQL."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.errors import Conflict
from bot.ports import WalletMove
from bot.trading.exits import ExitReason
from bot.trading.fill import Brought, Fill
from bot.trading.intent import Context, Intent, Side, TradeRequest
from bot.trading.limits import UserSettings
from bot.trading.position import Position, PositionState, apply_fill, open_position, peak_of_part, with_peak


def check_fill(intent: Intent, fill: Fill) -> None:
    """Raises ValueError when a fill moved no tokens or is of the other side than the intent that it is to settle."""
    if fill.token_raw <= 0:
        raise ValueError(f"{fill.signature} moved {fill.token_raw} raw tokens; that settles nothing")
    if fill.side is not intent.request.side or fill.side not in {Side.BUY, Side.SELL}:
        raise ValueError(f"{fill.signature} is a {fill.side}, intent {intent.id} is a {intent.request.side}")


def opens_position(standing: Position | None, fill: Fill) -> bool:
    """Whether a fill opens a position, `standing` being the open one of its wallet, mint and mode, or the newest."""
    return fill.side is Side.BUY and (standing is None or standing.state is PositionState.CLOSED)


def position_after(
    standing: Position | None, intent: Intent, fill: Fill, *, position_id: str, settings: UserSettings
) -> tuple[Position, int]:
    """The position after a fill and the PnL in lamports that it realises.

    `standing` is the open position of the intent's wallet, mint and mode, or the newest closed one. A first buy opens one
    with the exit plan of the user's settings. A sale that landed after an adjustment had closed the position sold
    tokens that came from outside: all it brought is profit of that position. Raises Conflict for a sale where there
    never was a position.
    """
    request = intent.request
    if standing is not None and standing.state is PositionState.OPEN:
        after, realized = apply_fill(standing, fill)
        if takes_profit(request):
            after = replace(after, took_profit=True, levels_taken=after.levels_taken + 1)
        return after, realized
    if fill.side is Side.SELL:
        if standing is None:
            raise Conflict(f"{fill.signature} sold {request.mint}, which wallet {request.wallet_id} never held")
        realized = standing.realized_lamports + fill.proceeds_lamports
        return replace(standing, realized_lamports=realized), fill.proceeds_lamports
    opened = open_position(
        fill,
        position_id=position_id,
        user_id=request.user_id,
        wallet_id=request.wallet_id,
        mint=request.mint,
        mode=request.mode,
        context=request.context,
        plan=settings.exit_plan,
    )
    return opened, 0


def takes_profit(request: TradeRequest) -> bool:
    """Whether a request is a monitor's sale at the take-profit."""
    automated_sale = request.side is Side.SELL and request.context is Context.AUTOMATED
    return automated_sale and request.reason == ExitReason.TAKE_PROFIT


def position_noted(position: Position, peak_lamports: int, token_raw: int) -> Position:
    """A position after a quote for `token_raw`; one that is closed, or holds another amount by now, stays as it is."""
    if position.state is not PositionState.OPEN or position.token_raw != token_raw:
        return position
    return with_peak(position, peak_lamports)


def position_adjusted(
    position: Position, chain_token_raw: int, now_ms: int, by: WalletMove | None = None, *, is_swept: bool = False
) -> Position:
    """An open position with the chain's quantity; its cost and basis shrink by the missing share, as a sale's do.

    Tokens that came from outside cost nothing. Zero closes it. What the missing tokens had cost is a loss in its result,
    less what the transaction `by` brought for them; what was swept to their user's safe address is none. Raises Conflict for
    a closed position and ValueError for a negative quantity.
    """
    if chain_token_raw < 0:
        raise ValueError(f"{chain_token_raw} raw tokens is less than nothing")
    if position.state is not PositionState.OPEN:
        raise Conflict(f"position {position.id} is {position.state}, only an open one is adjusted")
    missing = max(0, position.token_raw - chain_token_raw)
    cost_lost = position.cost_lamports * missing // position.token_raw
    basis_lost = position.basis_lamports * missing // position.token_raw
    brought = max(0, by.lamports) if by is not None and missing else 0
    return replace(
        position,
        token_raw=chain_token_raw,
        cost_lamports=position.cost_lamports - cost_lost,
        realized_lamports=position.realized_lamports + (0 if is_swept else brought - cost_lost),
        basis_lamports=position.basis_lamports - basis_lost,
        peak_lamports=peak_of_part(position, chain_token_raw),
        state=PositionState.OPEN if chain_token_raw else PositionState.CLOSED,
        closed_at_ms=None if chain_token_raw else now_ms,
    )


def position_with(
    standing: Position | None, intent: Intent, brought: Brought, *, settings: UserSettings, now_ms: int
) -> tuple[Position, Position]:
    """The position before and after the tokens that a written-off purchase brought; before is empty where it opens one.

    `standing` is the open position of the intent's wallet, mint and mode, or the newest closed one.
    """
    request = intent.request
    if standing is not None and standing.state is PositionState.OPEN:
        before = standing
    else:
        before = Position(
            id=brought.position_id,
            user_id=request.user_id,
            wallet_id=request.wallet_id,
            mint=request.mint,
            mode=request.mode,
            context=request.context,
            state=PositionState.OPEN,
            token_raw=0,
            cost_lamports=0,
            basis_lamports=0,
            realized_lamports=0,
            plan=settings.exit_plan,
            opened_at_ms=now_ms,
        )
    after = replace(
        before,
        token_raw=before.token_raw + brought.token_raw,
        cost_lamports=before.cost_lamports + brought.cost_lamports,
        basis_lamports=before.basis_lamports + brought.cost_lamports,
        bought_raw=before.bought_raw + brought.token_raw,
    )
    return before, after


def opens_by(standing: Position | None) -> bool:
    """Whether such tokens open a position of their own, `standing` being the open one of their wallet, mint and mode."""
    return standing is None or standing.state is PositionState.CLOSED


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What an adjustment took from a position, in raw tokens and lamports; `proceeds_lamports` is what that brought."""

    token_raw: int
    cost_lamports: int
    basis_lamports: int
    proceeds_lamports: int


def position_unadjusted(position: Position, taken: Adjusted) -> Position:
    """The position with an adjustment taken back, because its transaction is an order of ours that settles now."""
    return replace(
        position,
        token_raw=position.token_raw + taken.token_raw,
        cost_lamports=position.cost_lamports + taken.cost_lamports,
        basis_lamports=position.basis_lamports + taken.basis_lamports,
        realized_lamports=position.realized_lamports - taken.proceeds_lamports + taken.cost_lamports,
        state=PositionState.OPEN,
        closed_at_ms=None,
    )


def check_evidence(evidence: str) -> None:
    """Raises ValueError for an adjustment that cannot say why."""
    if not evidence:
        raise ValueError("an adjustment names its evidence")
