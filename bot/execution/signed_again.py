"""When an exit may have a second attempt beside those that it has signed already, and what the second one takes care of."""

from __future__ import annotations

from collections.abc import Sequence

from bot.execution.in_flight import Followed
from bot.trading.failures import PRICE_CODES, WRONG_MARKET
from bot.trading.risk_gate import Refused


def refused_beside(followed: Sequence[Followed], buy_in_flight: bool) -> Refused | None:
    """Why no attempt is signed beside these of one order; None where at most one of all can succeed (money path 3).

    That holds for a sale of the whole balance while no buy brings more. An attempt that had landed and was taken back by
    the network may have landed again unseen, and what the wallet holds now have come by a buy after it: it is sent again
    as it is, or proven dead.
    """
    if not followed or followed[0].decided:
        return Refused("resolved", "this order has its outcome")
    if not all(entry.attempt.sells_all for entry in followed):
        return Refused("part", "a sale of a part is signed again only once it is proven dead")
    if any(entry.attempt.rollbacks for entry in followed):
        return Refused("taken_back", "a sale that the network took back is signed again only once it is proven dead")
    if buy_in_flight:
        return Refused("buy_in_flight", "a buy of this token may still land")
    return None


def may_be_closing(followed: Sequence[Followed]) -> bool:
    """Whether one landed with an error that closing the token account may have given: somebody has sent dust to it."""
    errors = [one.error for one in followed if one.error is not None]
    return any(error.code not in PRICE_CODES | WRONG_MARKET for error in errors)
