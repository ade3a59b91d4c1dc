"""The card of one position in words: what it is worth now, or that nobody knows, and in the end what it made."""

from __future__ import annotations

from bot.clock import second_of
from bot.ports import Button, Card, CardView
from bot.telegram.book_text import reason_text
from bot.telegram.token_text import age
from bot.telegram.words import mode_label, short
from bot.trading.curve import QuoteError
from bot.trading.own_impact import worth
from bot.trading.position import PositionState
from bot.trading.units import BPS, format_percent, format_sol, format_tokens

STALE_MS = 30_000  # reserves that nobody has seen for so long are no price of now
ROUND_ABOVE_LAMPORTS = 10_000_000
COARSE_LAMPORTS, FINE_LAMPORTS = 100_000, 1_000


class PositionFace:
    """Implements `bot.ports.CardFace`."""

    def show(self, view: CardView) -> Card:
        position = view.position
        title = f"{mode_label(position.mode.value)} Your position in {short(position.mint)}"
        if position.state is PositionState.CLOSED:
            why = Button("What happened", f"/why {position.id}")
            return Card(title, _closed(view), "", (why,))
        stamp = f"Updated {_at(view, view.now_ms)}."
        return Card(title, "\n".join(_open(view)), stamp, _sales(view))

    def moved(self, lead: str) -> str:
        return "\n\n".join(filter(None, [lead, "The card of this position goes on below."]))


def _open(view: CardView) -> list[str]:
    position = view.position
    lines = [f"Held: {format_tokens(position.token_raw)} tokens, cost {format_sol(position.cost_lamports)} SOL."]
    if position.realized_lamports:
        lines.append(f"What is sold of it already made {format_sol(position.realized_lamports, signed=True)} SOL.")
    lines.append(_worth(view))
    if view.is_selling:
        lines.append("A sale of it is on its way.")
    return lines


def _worth(view: CardView) -> str:
    """What a sale of everything brings, told as what it was where nobody has seen a price for a while."""
    position, point = view.position, view.point
    if point is None or view.fees is None:
        return "Its price is not known now."
    is_stale = view.now_ms - point.seen_at_ms > STALE_MS
    since = f"No price since {_at(view, point.seen_at_ms)}"
    try:
        brings = worth(position, point.venue, view.fees)
    except QuoteError as error:
        return f"{since}; then it could not be sold: {error}." if is_stale else f"It cannot be sold now: {error}."
    if is_stale:
        return f"{since}; then a sale brought about {_about(brings, brings)} SOL."
    change = brings - position.cost_lamports
    share = f" ({_signed_percent(change * BPS // position.cost_lamports)})" if position.cost_lamports else ""
    return f"A sale now brings about {_about(brings, brings)} SOL: {_about(change, brings, signed=True)} SOL{share}."


def _closed(view: CardView) -> str:
    position = view.position
    closed_at_ms = position.closed_at_ms or view.now_ms
    held = age(closed_at_ms - position.opened_at_ms)
    why = f" ({reason_text(view.ended_by)})" if view.ended_by else ""
    result = format_sol(position.realized_lamports, signed=True)
    if not view.ended_by and not position.realized_lamports:
        return f"Closed at {_at(view, closed_at_ms)}: nothing of it is held any more, and no sale of yours ended it."
    return f"Closed at {_at(view, closed_at_ms)} after {held}{why}. Result {result} SOL."


def _sales(view: CardView) -> tuple[Button, ...]:
    """The user's preset sales, bound to this position and to no later one of the same token."""
    return tuple(
        Button(
            f"Sell {format_percent(bps)}",
            f"/sell {view.position.id} {format_percent(bps).replace(' ', '')}",
        )
        for bps in view.settings.preset_sells_bps
    )


def _at(view: CardView, at_ms: int) -> str:
    zone = view.settings.timezone
    return f"{second_of(at_ms, zone)} {zone}"


def _about(lamports: int, worth_lamports: int, *, signed: bool = False) -> str:
    """An amount as precisely as it is worth reading beside what everything is worth while that moves."""
    step = COARSE_LAMPORTS if worth_lamports >= ROUND_ABOVE_LAMPORTS else FINE_LAMPORTS
    rounded = abs(lamports) // step * step
    return format_sol(-rounded if lamports < 0 else rounded, signed=signed)


def _signed_percent(bps: int) -> str:
    tenths = abs(bps) // 10 * 10
    return ("+" if bps > 0 else "-" if bps < 0 and tenths else "") + format_percent(tenths)
