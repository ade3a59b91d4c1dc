"""Ways in which something is bought for a user; each may have a wallet of its own. Pure."""

from __future__ import annotations

from enum import StrEnum

from bot.trading.intent import Context


class Strategy(StrEnum):
    """`MANUAL` is what a user gives by hand, by an opinion too.

    `AUTO` are orders that wait for a price or a time, and what an automated trader buys.
    """

    MANUAL = "manual"
    SNIPER = "sniper"
    AUTO = "auto"
    COPY = "copy"


_BY_CONTEXT = {
    Context.MANUAL_COMMAND: Strategy.MANUAL,
    Context.AI_SIGNAL: Strategy.MANUAL,
    Context.SNIPER: Strategy.SNIPER,
    Context.AUTOMATED: Strategy.AUTO,
    Context.COPY_TRADE: Strategy.COPY,
}


def strategy_of(context: Context) -> Strategy | None:
    """The strategy that a buy of this context belongs to; None for one that has no wallet and no limits of its own."""
    return _BY_CONTEXT.get(context)


def counted_with(context: Context) -> tuple[Context, ...]:
    """The contexts whose buys count together against one strategy's limits; of one without a strategy itself alone."""
    strategy = strategy_of(context)
    return (context,) if strategy is None else tuple(one for one, its in _BY_CONTEXT.items() if its is strategy)
