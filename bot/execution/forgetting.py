"""Drops what the books keep for a time and not for good, each kind by its age (docs/limits.md)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from bot.ports import (
    BOOKS_KEPT_MS,
    DECISIONS_KEPT_MS,
    FORGOTTEN_AT_ONCE,
    MESSAGES_KEPT_MS,
    RUNS_KEPT_MS,
    SWAPS_KEPT_MS,
    Store,
)

log = structlog.get_logger()


async def forget_old(store: Store, now_ms: int, *, prices_kept_ms: int) -> None:
    """Drop all that is too old at a moment; prices and tokens by an age of the operator's. Raises Unavailable."""
    await store.forget_tokens(now_ms - prices_kept_ms)
    await _forget_all(store.forget_runs, now_ms - RUNS_KEPT_MS)
    await _forget_all(store.forget_messages, now_ms - MESSAGES_KEPT_MS)
    await _forget_all(store.forget_decisions, now_ms - DECISIONS_KEPT_MS)
    await _forget_all(store.forget_refusals, now_ms - DECISIONS_KEPT_MS)
    await _forget_all(store.forget_swaps, now_ms - SWAPS_KEPT_MS)
    await _forget_all(store.forget_books, now_ms - BOOKS_KEPT_MS)


async def _forget_all(forget: Callable[[int, int], Awaitable[int]], before_ms: int) -> None:
    """Some thousand rows at once until none is that old, so that others come between."""
    gone = FORGOTTEN_AT_ONCE
    while gone == FORGOTTEN_AT_ONCE:
        gone = await forget(before_ms, FORGOTTEN_AT_ONCE)
        if gone:
            log.info("rows_forgotten", kind=forget.__name__, count=gone)
