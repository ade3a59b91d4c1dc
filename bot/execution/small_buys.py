"""The small buy by which the chain is asked whether a coin can be traded: it is simulated, and never signed or sent."""

from __future__ import annotations

from bot.ports import SwapOrder
from bot.trading.curve import Fees
from bot.trading.intent import Side
from bot.trading.units import BPS, bps_floor
from bot.trading.venue import Venue, quote_buy

SPEND_LAMPORTS = 2_000_000
WALLET_LAMPORTS_MIN = 25_000_000  # rents, fees and the buy itself; nothing of it is ever spent


def small_buy(wallet_address: str, mint: str, venue: Venue, fees: Fees, *, units: int) -> SwapOrder:
    """A buy that may bring half of what it is quoted, within so many compute units. Raises QuoteError as `quote_buy` does."""
    quote = quote_buy(venue, SPEND_LAMPORTS, fees)
    return SwapOrder(
        wallet_address=wallet_address,
        mint=mint,
        side=Side.BUY,
        venue=venue,
        spend_lamports=SPEND_LAMPORTS,
        token_raw=quote.token_raw,
        limit_raw=bps_floor(quote.token_raw, BPS // 2),
        compute_unit_limit=units,
        priority_fee_lamports=0,
    )
