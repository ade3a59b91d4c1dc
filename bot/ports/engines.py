"""Block engines: the only routes that a protected order takes, each with a rate of its own and a queue before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Protocol

from bot.trading.intent import Side


@dataclass(frozen=True, slots=True)
class Routing:
    """By which routes signed bytes leave: block engines alone where `protected`, else every RPC endpoint at once.

    `user_id` and `side` decide whose turn it is at an engine: users take turns, and sales come first.
    """

    protected: bool
    user_id: str
    side: Side


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """One region of a block engine as status shows it; `name` is safe to print. Counts are of this process.

    `landed` and `lost` are what the engine itself says of its bundles: a hint for people, by which nothing is decided.
    """

    name: str
    healthy: bool
    since_ms: int
    detail: str
    taken: int
    refused: int
    landed: int
    lost: int


class BlockEngines(Protocol):
    """The sender behind the queue. `Chain.send` puts protected orders into it."""

    async def run(self, ready: Callable[[], None]) -> NoReturn:
        """Send what waits, each region at its rate, until cancelled."""

    def health(self) -> list[EngineHealth]: ...

    @property
    def waiting(self) -> int:
        """Orders that wait for their turn."""
