"""The verb `changed` of the control socket: an answer when the trading state is another than the asker knows.

So whoever shows the state is told at once and need not ask in a hurry.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

import trio

from actors.trading_guard import TradingGuard

Record = dict[str, Any]

WAIT_S = 5.0  # the longest that a question stays open; its asker waits for twice as long


def watch_verbs(guard: TradingGuard) -> dict[str, Callable[[Record], Awaitable[Record]]]:
    """`seen` of the request is the mark of an earlier answer; without one the answer comes at once."""

    async def changed(request: Record) -> Record:
        seen = request.get("seen")
        with trio.move_on_after(WAIT_S):
            while _mark(guard) == seen:
                await guard.changed.wait()
        return {"mark": _mark(guard)}

    return {"changed": changed}


def _mark(guard: TradingGuard) -> str:
    """A short text that is another one when state, level, halt or causes are."""
    causes = sorted((cause.name, cause.scope, cause.since_ms, cause.why) for cause in guard.causes())
    return sha256(repr((guard.state, guard.level, guard.halt, causes)).encode()).hexdigest()[:16]
