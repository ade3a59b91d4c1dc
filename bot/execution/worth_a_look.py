"""Whether reserves that were just told are a reason for a position's monitor to look: most of them change nothing for it.

A coin that a thousand users hold trades many times a second. To wake a thousand monitors for each trade, which then find that
they stay, costs several times what it takes to reckon that for them where the price is told; and most of that reckoning is
saved by a stretch of reserves of which it is known that they change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.clock import Clock
from bot.ports import PricePoint
from bot.trading.curve import Curve, Fees, QuoteError
from bot.trading.curve_line import CurveLine, Stretch
from bot.trading.exits import decide_exit, due_at_ms
from bot.trading.intent import Mode
from bot.trading.own_impact import worth
from bot.trading.pool import Pool
from bot.trading.position import Position
from bot.trading.route import Route

# How far a stretch may go in each direction, as a divisor of the virtual lamports: the first that holds is taken. A price that
# comes nearer to a threshold than the last of them is weighed with each trade.
REACHES = (2, 8, 32, 256)
# Fees are rounded up each for itself, so that what a sale brings can fall by a lamport while the price rises by one.
ROUNDED_LAMPORTS = 2


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
    return _asks_for_something(position, worth_lamports, now_ms)


def _asks_for_something(position: Position, worth_lamports: int, now_ms: int) -> bool:
    """Whether it does at what a sale would bring. Amounts at which it does not have no amount between them at which it does."""
    if position.plan.trailing_stop_bps is not None and worth_lamports > position.peak_lamports:
        return True
    return decide_exit(position, worth_lamports, now_ms) is not None


def quiet_stretch(position: Position, line: CurveLine, curve: Curve, fees: Fees, now_ms: int) -> Stretch | None:
    """Curves of a line round this one, on it and not worth a look, that are not worth a look before time asks for one.

    None where there are none far enough to be worth knowing. The more lamports stand in a curve of a line the more its tokens
    are worth, so that all between two curves is quiet where the cheapest at one end and the dearest at the other are.
    """
    lamports = curve.virtual_quote_lamports

    def is_quiet(shown: Curve, slack_lamports: int) -> bool:
        try:
            worth_lamports = worth(position, shown, fees)
        except QuoteError:
            return False
        return not _asks_for_something(position, worth_lamports + slack_lamports, now_ms)

    for reach in REACHES:
        least = lamports - lamports // reach
        if is_quiet(line.cheapest(curve, least), -ROUNDED_LAMPORTS):
            break
    else:
        return None
    for reach in REACHES:
        most = lamports + lamports // reach
        dearest = line.dearest(curve, most)
        # A curve that cannot have sold what play money bought is taken without it, and is worth less than the one before.
        if position.mode is not Mode.LIVE and dearest.virtual_token_raw <= position.token_raw:
            continue
        if is_quiet(dearest, ROUNDED_LAMPORTS):
            return Stretch(least, most, due_at_ms(position))
    return None


@dataclass(slots=True)
class PositionInterest:
    """What a price means to one position as it is now. Implements `Interest`.

    A stretch is kept for as long as this is, however often its monitor lies down again. Where there was none, none is looked for
    before the price has moved by half of the shortest.
    """

    position: Position
    fees: Fees
    clock: Clock
    _known: tuple[CurveLine, Stretch] | None = field(default=None, init=False)
    _none_at_lamports: int = field(default=0, init=False)

    def matters(self, point: PricePoint) -> bool:
        return is_worth_a_look(self.position, point, self.fees, self.clock.now_ms())

    def stretch(self, line: CurveLine, point: PricePoint) -> Stretch | None:
        assert isinstance(point.venue, Curve)
        if self._known is not None and self._known[0] == line:
            known = self._known[1]
            if known.least_lamports <= point.venue.virtual_quote_lamports <= known.most_lamports:
                return known
        lamports = point.venue.virtual_quote_lamports
        if abs(lamports - self._none_at_lamports) * 2 * REACHES[-1] < lamports:
            return None
        found = quiet_stretch(self.position, line, point.venue, self.fees, self.clock.now_ms())
        self._none_at_lamports = lamports if found is None else 0
        self._known = None if found is None else (line, found)
        return found

    def now_ms(self) -> int:
        return self.clock.now_ms()
