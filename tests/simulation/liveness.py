"""What must come to be once nothing breaks any more: the bot at rest, open, with books that explain everything."""

from __future__ import annotations

from bot.trading.position import PositionState
from bot.tree import TradingBot
from tests.simulation.copy_checks import left_open
from tests.simulation.world import DoorWorld
from tests.whole.audit import UNFINISHED_RUNS

OVERDUE_MS = 20_000


def unwell(bot: TradingBot | None, world: DoorWorld, *, since_ms: int) -> list[str]:
    """Why the bot is not at rest; empty when it is. Nothing has broken since `since_ms`, ms since 1970."""
    store = world.store
    if bot is None:
        return ["the bot is down"]
    watched, causes = set(bot.looks) | bot.fallback.watched, [cause.name for cause in bot.guard.causes()]
    held = {row.id for row in store._positions.values() if row.state is PositionState.OPEN}
    overdue = sorted(_overdue(world))
    ledgers = bot.reconciler.ledgers()
    is_exact = ledgers.exact == len(store._wallets) and (ledgers.oldest_at_ms or 0) > since_ms
    told = {
        f"the state is {bot.guard.state} for {causes}": bot.guard.state != "OPEN" or bool(causes),
        "the books are not compared": not bot.reconciler.reconciled,
        f"on their way: {sorted(store._moving)}": bool(store._moving),
        f"nobody watches {sorted(held - watched)}": bool(held - watched),
        "snipe runs have not ended": any(run.status in UNFINISHED_RUNS for run in store._runs.values()),
        f"overdue: {overdue}": bool(overdue),
        "exits come from memory": world.exits_from_memory(),
        "records wait in the journal": world.journal.records() != (),
        f"not every ledger is exact: {ledgers}": not is_exact,
        "not final": any(row.landed_slot is not None and not row.final for row in store._attempts.values()),
        "messages are owed": any(store._is_due(message_id) for message_id in store._outbox),
        **left_open(store),
    }
    return [why for why, is_so in told.items() if is_so]


def _overdue(world: DoorWorld) -> list[str]:
    """Open positions that their plan wanted to leave long ago."""
    now_ms = world.clock.now_ms()
    return [
        row.id
        for row in world.store._positions.values()
        if row.state is PositionState.OPEN
        and row.plan.max_hold_s is not None
        and now_ms > row.opened_at_ms + row.plan.max_hold_s * 1000 + OVERDUE_MS
    ]
