"""The exit lane: whoever gets a position out of the market says so here, and every room below keeps room for it.

Whoever proves what became of money says so too, and no budget of requests holds him up. A mark follows the task and the
tasks it starts, so that no port needs a parameter for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from zlib import crc32

from bot.trading.intent import Side, TradeRequest

# Sales of one wallet that are made beside each other: in a crash the last of twenty waits for one other, and not for nineteen.
EXIT_EXECUTORS = 64

_leaving: ContextVar[bool] = ContextVar("exit_lane", default=False)
_following: ContextVar[bool] = ContextVar("follows_orders", default=False)


@contextmanager
def exit_lane() -> Iterator[None]:
    """Everything asked within the block, by this task or one that it starts, counts as part of an exit."""
    token = _leaving.set(True)
    try:
        yield
    finally:
        _leaving.reset(token)


def in_exit_lane() -> bool:
    """Whether the running task works for an exit."""
    return _leaving.get()


@contextmanager
def order_lane() -> Iterator[None]:
    """Everything asked within the block proves what became of money: no budget of requests keeps it from being asked.

    It has no other privilege of an exit. It is for orders that have left, and for what is gone from a wallet.
    """
    token = _following.set(True)
    try:
        yield
    finally:
        _following.reset(token)


def may_exceed_budget() -> bool:
    """Whether what the running task asks is counted but never refused for a budget of requests."""
    return _leaving.get() or _following.get()


def executor_of(request: TradeRequest) -> str:
    """The id of the executor that serves a request: the wallet's own, and for a sale that of its token's exits.

    So no sale waits for a purchase or for another token's sale, and a token never has two signers of sales.
    """
    if request.side is not Side.SELL:
        return request.wallet_id
    return f"{request.wallet_id}.exits-{crc32(request.mint.encode()) % EXIT_EXECUTORS}"


def wallet_of(executor_id: str) -> str:
    """The wallet that an executor signs for."""
    return executor_id.partition(".")[0]
