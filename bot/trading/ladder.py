"""How hard an exit tries: rungs of slippage and priority fee, each followed by a wait. Pure.

A price that falls while an exit is on its way outruns its bound, and a crowd that sells outbids its fee. So every further
try allows more and pays more, up to caps, and the last rung of an exit that must happen sells at any price.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.exits import ExitReason
from bot.trading.failures import WRONG_MARKET
from bot.trading.intent import Context, Side, TradeRequest
from bot.trading.landing import FeeBounds
from bot.trading.ledger import SIGNATURE_FEE_LAMPORTS
from bot.trading.risk_gate import EXIT_RESERVE_LAMPORTS, LEAST_BALANCE_LAMPORTS
from bot.trading.units import BPS

LAST_RUNG = 5
WAIT_SLOTS = 8  # how long the bytes of one rung have to land before the next is signed
WIDEST_BOUND_BPS = 9_500  # below the last rung some bound is kept
LEAST_STEP_BPS = 100  # where a user allows no slippage at all, the second rung begins here
MAX_ATTEMPTS = 8  # of one order; with WAIT_SLOTS between them this bounds what is signed in a time


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of an exit. `slippage_bps` of 10,000 is any price.

    The priority fee is doubled `doublings` times. `simulated` says that a simulation comes first, because an earlier try
    landed with an error: what would fail again costs nothing then.
    """

    slippage_bps: int
    doublings: int
    simulated: bool = False


# What an order by hand pays; its slippage is in its request.
FIRST_RUNG = Rung(slippage_bps=0, doublings=0)


@dataclass(frozen=True, slots=True)
class Tally:
    """What one order has signed so far: how many attempts, and what they cost at most if all of them landed."""

    attempts: int = 0
    fee_lamports: int = 0


def rung_of(tries: int, first_slippage_bps: int, reason: ExitReason, *, simulated: bool = False) -> Rung:
    """The rung after `tries` tries without a fill; the user's own slippage is the first one.

    A take-profit pays more and never allows more: when its price is gone it is decided anew, not chased.
    """
    number = min(tries, LAST_RUNG)
    if reason is ExitReason.TAKE_PROFIT:
        slippage_bps = first_slippage_bps
    elif number == LAST_RUNG:
        slippage_bps = BPS
    elif number == 0:
        slippage_bps = first_slippage_bps
    else:
        widened = max(first_slippage_bps, LEAST_STEP_BPS) << number
        slippage_bps = max(first_slippage_bps, min(widened, WIDEST_BOUND_BPS))
    return Rung(slippage_bps, number, simulated=simulated)


def is_quoted_again(request: TradeRequest, code: int | None) -> bool:
    """Whether an order that landed with this error of a program goes on: it is quoted afresh and signed on its next rung.

    A sale does that was made for the wrong market, wherever it came from, and every sale by hand, because nobody else
    decides about that one again. A monitor decides about its own from newer prices.
    """
    if request.side is not Side.SELL:
        return False
    return code in WRONG_MARKET or request.context is Context.MANUAL_COMMAND


def entry_fee(market_lamports: int, bounds: FeeBounds) -> int:
    """The priority fee of a buy: what the market pays for these accounts, within the bounds."""
    return min(max(market_lamports, bounds.floor_lamports), bounds.cap_lamports)


def exit_fee(
    market_lamports: int,
    doublings: int,
    bounds: FeeBounds,
    tally: Tally,
    *,
    free_lamports: int,
    tip_lamports: int = 0,
) -> int | None:
    """The priority fee of an exit's next attempt; None when it may not be signed again.

    All attempts of one order together stay within the reserve that was kept aside for the exit, even if each of them
    landed; the tip counts once, because only the one that succeeds pays it, from what it sells. A first attempt is always
    made: a wallet that can pay for nothing but a signature sells without priority. `free_lamports` is what the wallet has
    beyond what all that is on its way may still take from it, this order's own attempts included; with the reserve of each
    position in the wallet it is never what bounds the fee.
    """
    wanted = min(max(market_lamports, bounds.floor_lamports) << doublings, bounds.cap_lamports)
    left = EXIT_RESERVE_LAMPORTS - tally.fee_lamports - SIGNATURE_FEE_LAMPORTS - tip_lamports
    payable = free_lamports - SIGNATURE_FEE_LAMPORTS - LEAST_BALANCE_LAMPORTS
    fee = max(min(wanted, left, payable), 0)
    if tally.attempts == 0:
        return fee
    if (
        min(left, payable) < 0
        or tally.attempts >= MAX_ATTEMPTS
        or fee < min(bounds.floor_lamports, bounds.cap_lamports)
    ):
        return None
    return fee
