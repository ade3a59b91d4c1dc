"""What playing a seed came to: its violation, its trace, and how much of everything happened."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import trio

from bot.storage.memory import MemoryStore
from bot.trading.copying import CopyState
from bot.trading.intent import Mode, Side
from tests.simulation.checks import Violation
from tests.simulation.determinism import Trace


@dataclass(slots=True)
class Outcome:
    """What a seed came to. `violation` is empty when everything held."""

    seed: int
    violation: str
    trace: Trace
    counts: Counter[str]


def texts_of(group: BaseExceptionGroup[Violation]) -> list[str]:
    return [
        text
        for error in group.exceptions
        for text in (texts_of(error) if isinstance(error, BaseExceptionGroup) else [str(error)])
    ]


def counts_up(counts: Counter[str], store: MemoryStore, recorded: int) -> None:
    """Add what the rows say, and how many records the journal had."""
    counts.update(f"{trade.fill.side}s" for trade in store._trades.values())
    counts.update(f"{trade.fill.side}s by {trade.intent.request.context}" for trade in store._trades.values())
    counts.update(f"intents {intent.state}" for intent in store._intents.values())
    for side in (Side.CLOSE, Side.WITHDRAW):
        counts.update(f"{side}s {row.state}" for row in store._intents.values() if row.request.side is side)
    counts.update(
        f"{one.fill.side}s on paper" for one in store._trades.values() if one.intent.request.mode is Mode.PAPER
    )
    counts.update(f"copies {copy.state}" for copy in store._copies.values())
    counts.update(f"copies refused for {one.code}" for one in store._copies.values() if one.state is CopyState.REFUSED)
    counts.update(f"opportunities {decision.verdict}" for decision in store._auto_decisions.values())
    counts["positions swept"] += sum(row.sweep_id is not None for row in store._adjustments)
    told = {"records of the journal": recorded, "reversals": len(store._reversals)}
    counts.update(told, seconds=round(trio.current_time()))
