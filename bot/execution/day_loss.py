"""A user's loss of the day: what his open positions would add to it if they were sold now, and whether it closes entries."""

from __future__ import annotations

from bot.clock import Clock, day_of, day_start_ms
from bot.errors import ChainUnavailable, DecodeError
from bot.ports import Chain, Prices, Store, User
from bot.trading.curve import QuoteError
from bot.trading.intent import Mode
from bot.trading.limits import Ceilings
from bot.trading.own_impact import worth
from bot.trading.risk_gate import refuse_loss


async def unrealized(store: Store, chain: Chain, prices: Prices, user_id: str, mode: Mode) -> int:
    """In lamports, for his positions of one mode, as far as prices are known.

    Raises ChainUnavailable, DecodeError and StoreUnavailable.
    """
    total = 0
    fees = await chain.fees()
    for position in await store.remembered_positions(user_id):
        point = prices.latest(position.mint)
        if position.mode is not mode or point is None:
            continue
        try:
            worth_lamports = worth(position, point.venue, fees)
        except QuoteError:
            continue
        total += worth_lamports - position.cost_lamports
    return total


async def closed_by_loss(
    store: Store, chain: Chain, prices: Prices, *, clock: Clock, ceilings: Ceilings, user: User
) -> str | None:
    """How the loss of a user's day closes his entries, as the gate would say it; raises StoreUnavailable.

    While no route tells what he holds is worth, it is judged by what is realised.
    """
    settings = await store.settings(user.id)
    since_ms = day_start_ms(day_of(clock.now_ms(), settings.timezone), settings.timezone)
    realized_lamports = (await store.day(since_ms, user.id, user.mode)).realized_lamports
    try:
        unrealized_lamports = await unrealized(store, chain, prices, user.id, user.mode)
    except (ChainUnavailable, DecodeError):
        unrealized_lamports = 0
    refused = refuse_loss(max(0, -realized_lamports - unrealized_lamports), settings, ceilings)
    return None if refused is None else refused.reason
