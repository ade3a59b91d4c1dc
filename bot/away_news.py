"""Tells users who hold something that the bot was away: for how long, what was checked since, and what was due.

The messages go through the outbox. Their ids follow from the lease that this process took, so that each is told once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog
import trio

from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.messages import away_message
from bot.ports import Store
from bot.trading.intent import Intent, Side
from bot.trading.position import Position
from bot.trading.trading_state import GLOBAL, Cause

log = structlog.get_logger()

AWAY_S = 30.0  # a shorter absence is a restart, which no plan of a position notices
SETTLE_S = 5.0  # until every position has been looked at since, and what was due is on its way
REST_S = 1.0
RECONCILE = "reconcile"

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class AwayNews:
    """`causes` are those that pause entries: while the books of a user are being compared with the chain, one of them is that."""

    store: Store
    clock: Clock
    causes: Callable[[], Sequence[Cause]]

    async def held(self) -> list[Position]:
        """Every open position, to be asked for before what was due is sold; waits for the database as long as it takes."""
        return await self._read(self.store.open_positions)

    async def tell(self, held: Sequence[Position], gap_ms: int, epoch: int) -> None:
        """Tell everybody who held something; waits for the database as long as it takes."""
        if gap_ms < AWAY_S * 1000:
            return
        await trio.sleep(SETTLE_S)
        sales = [intent for intent, _ in await self._read(self.store.in_flight) if intent.request.side is Side.SELL]
        left = {position.id for position in await self._read(self.store.open_positions)}
        for user_id in dict.fromkeys(position.user_id for position in held):
            his = [position for position in held if position.user_id == user_id]
            await self._post(user_id, gap_ms, epoch, his, _due(his, left, sales))
        log.info("absence_told", ms=gap_ms, positions=len(held))

    async def _post(self, user_id: str, gap_ms: int, epoch: int, held: Sequence[Position], due: Sequence[str]) -> None:
        message = away_message(
            self.clock,
            user_id,
            f"away:{epoch}",
            {"away_ms": gap_ms, "positions": len(held), "due": list(due), "compared": self._is_compared(user_id)},
        )

        async def post() -> bool:
            await self.store.post(message)
            return True

        await self._read(post)

    def _is_compared(self, user_id: str) -> bool:
        scopes = {GLOBAL, f"user:{user_id}"}
        return not any(cause.name == RECONCILE and cause.scope in scopes for cause in self.causes())

    async def _read(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What the database answers, however long it is away."""
        while True:
            try:
                return await ask()
            except Unavailable as error:
                log.warning("absence_not_told_yet", reason=str(error))
                await trio.sleep(REST_S)


def _due(held: Sequence[Position], left: set[str], sales: Sequence[Intent]) -> list[str]:
    """The tokens whose exits were due: sold since, or being sold."""
    selling = {(intent.request.wallet_id, intent.request.mint) for intent in sales}
    return [
        position.mint for position in held if position.id not in left or (position.wallet_id, position.mint) in selling
    ]
