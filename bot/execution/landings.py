"""How an order's bytes go out again, and which record of what landed the books may follow: rarely what one alone shows."""

from __future__ import annotations

import structlog
import trio

from bot.execution.in_flight import Followed, InFlight
from bot.ports import Chain, Routing
from bot.trading.fill import LandedTransaction
from bot.trading.intent import Protection, Side
from bot.trading.landing import is_open

log = structlog.get_logger()

# How often what one endpoint of several alone shows is read before it is booked; a buy's failure never is.
LONE_READS = 10
# The same for a purchase that nobody denies: until it is booked its position has no stop.
UNDENIED_READS = 2

# How long a sale that landed with an error waits for whoever follows it to sign it again.
QUOTED_AGAIN_WITHIN_S = 5.0


async def believed(chain: Chain, in_flight: InFlight, entry: Followed) -> LandedTransaction | None:
    """What an attempt that is said to have landed did, with an error or without; None while nothing is to be booked of it.

    Raises ChainUnavailable where nobody can be asked, or where endpoints contradict each other.
    """
    attempt, mint = entry.attempt, entry.intent.request.mint
    landed = await chain.landed(attempt.signature, entry.address, mint, attempt.raw)
    if landed is None:
        # Somebody told of it whom nobody bears out: it may have to be signed again.
        in_flight.looked_for(attempt.signature, trio.current_time(), is_there=False)
        return None
    if landed.borne_out:
        return landed
    reads = in_flight.read_alone(attempt.signature)
    if not is_enough_alone(landed, is_buy=entry.intent.request.side is Side.BUY, reads=reads):
        log.info("landing_not_borne_out", intent=entry.intent.id, signature=landed.signature, error=landed.error)
        return None
    log.warning("landing_by_one_endpoint", intent=entry.intent.id, signature=landed.signature, error=landed.error)
    return landed


def is_enough_alone(landed: LandedTransaction, *, is_buy: bool, reads: int) -> bool:
    """Whether what one endpoint of several alone shows is booked at the reading with this number.

    An exit that succeeded waits for nobody who cannot be asked. A buy is never booked as failed by one word: that says that
    nothing is held of it. Everything else goes on by one only when the others stay away.
    """
    succeeded = landed.error is None
    if is_buy and not succeeded:
        return False
    if succeeded and not landed.denied:
        return not is_buy or reads >= UNDENIED_READS
    return reads >= LONE_READS


def is_left_to_its_follower(entry: Followed) -> bool:
    """A sale that may go on after its error, for a moment: what its follower signs beside it keeps its intent."""
    error = entry.error
    return error is not None and not error.tried and trio.current_time() < error.since_s + QUOTED_AGAIN_WITHIN_S


def routing_of(entry: Followed, now_ms: int) -> Routing:
    """The routes of the order's protection; one that is protected at first takes every route after its slots.

    These are the same bytes, so that they cannot land twice by it.
    """
    request = entry.intent.request
    opened = is_open(request.protection, now_ms - entry.attempt.created_at_ms)
    if opened and request.protection is Protection.PROTECTED_FIRST:
        log.info("protection_opened", intent=entry.intent.id, signature=entry.attempt.signature)
    return Routing(protected=not opened, user_id=request.user_id, side=request.side)
