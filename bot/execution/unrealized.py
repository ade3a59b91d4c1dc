"""What a user's open positions would gain or lose if they were sold now: the part of a day's loss that is not final."""

from __future__ import annotations

from bot.ports import Chain, Prices, Store
from bot.trading.curve import QuoteError
from bot.trading.intent import Mode
from bot.trading.venue import quote_sell


async def unrealized(store: Store, chain: Chain, prices: Prices, user_id: str, mode: Mode) -> int:
    """In lamports, for his positions of one mode, as far as prices are known.

    Raises ChainUnavailable, DecodeError and StoreUnavailable.
    """
    total = 0
    fees = await chain.fees()
    for position in await store.open_positions(user_id):
        point = prices.latest(position.mint)
        if position.mode is not mode or point is None:
            continue
        try:
            worth_lamports = quote_sell(point.venue, position.token_raw, fees).received_lamports
        except QuoteError:
            continue
        total += worth_lamports - position.cost_lamports
    return total
