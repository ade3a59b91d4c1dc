"""What became of one order, from the rows alone: who wanted it, what was signed and sent, what it did, who was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.ports.snipes import SnipeRun
from bot.trading.intent import Attempt, Intent
from bot.trading.ledger import Entry


@dataclass(frozen=True, slots=True)
class SentAttempt:
    """An attempt and when its bytes may first have left, in milliseconds since 1970; None for never."""

    attempt: Attempt
    sent_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Landed:
    """Where an order filled; the block time has whole seconds. `realized_lamports` is the net result of a sale."""

    signature: str
    slot: int
    block_time_ms: int
    position_id: str
    token_raw: int
    realized_lamports: int


@dataclass(frozen=True, slots=True)
class Booked:
    """An entry of the ledger and when it was written."""

    entry: Entry
    at_ms: int


@dataclass(frozen=True, slots=True)
class Told:
    """A message of the order: when it was written, and when its reader had it; None while it waits."""

    kind: str
    at_ms: int
    delivered_at_ms: int | None


@dataclass(frozen=True, slots=True)
class OrderStory:
    """All rows of one order. `run` is the snipe run that led to it, for a sniper's buy."""

    intent: Intent
    closed_at_ms: int | None
    run: SnipeRun | None
    attempts: tuple[SentAttempt, ...]
    landed: Landed | None
    booked: tuple[Booked, ...]
    told: tuple[Told, ...]


class StoryStore(Protocol):
    async def orders_of(self, word: str) -> Sequence[str]:
        """The intents that a word names, oldest first: an intent, the signature of an attempt, or a whole position."""

    async def order_story(self, intent_id: str) -> OrderStory | None:
        """All rows of one order; None for an unknown intent."""
