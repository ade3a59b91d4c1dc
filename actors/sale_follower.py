"""Signs sales again that no monitor follows: those ordered by hand, and those of the fallback monitor.

A monitor follows its own exits. What is here has the same ladder: eight slots without landing, or at once one that landed
with an error, and the order is quoted afresh and signed a rung higher. All it knows is in the rows of the order, so that a
restart goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.in_flight import Followed, InFlight
from bot.ports import Desk, Submitted
from bot.trading.exits import ExitReason
from bot.trading.intent import Attempt, Intent, Side
from bot.trading.ladder import WAIT_SLOTS, rung_of
from bot.trading.landing import SLOT_MS

log = structlog.get_logger()

LOOK_S = 0.5


@dataclass(slots=True)
class SaleFollower:
    """`orphans` names the positions that have lost their monitor; whoever lost none follows his own exits."""

    desk: Desk
    in_flight: InFlight
    clock: Clock
    orphans: Callable[[], list[str]]
    _asked_at_s: dict[str, float] = field(default_factory=dict)  # by intent, since it cannot be signed again at will

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        while True:
            try:
                waiting = self._waiting()
            except Unavailable as error:
                log.info("sale_follower_waits", reason=str(error))
                waiting = {}
            self._asked_at_s = {intent_id: at_s for intent_id, at_s in self._asked_at_s.items() if intent_id in waiting}
            for intent in waiting.values():
                await self._sign_again(intent)
            await trio.sleep(LOOK_S)

    def _waiting(self) -> dict[str, Intent]:
        """The sales of whole balances that are followed by nobody else."""
        sales = [one for one in self.in_flight.all() if one.intent.request.side is Side.SELL and not one.decided]
        if not sales:
            return {}
        orphans = frozenset(self.orphans())
        return {one.intent.id: one.intent for one in sales if self._is_ours(one, orphans)}

    @staticmethod
    def _is_ours(followed: Followed, orphans: frozenset[str]) -> bool:
        position_id = followed.intent.request.position_id
        return followed.attempt.sells_all and (position_id is None or position_id in orphans)

    async def _sign_again(self, intent: Intent) -> None:
        """The next rung, once the last attempt had its slots; every attempt so far is one."""
        newest = max(
            (one.attempt for one in self.in_flight.attempts_of(intent.id)),
            key=lambda attempt: attempt.number,
            default=None,
        )
        if newest is None:
            return
        failed = self.in_flight.to_quote_again(intent.id) is not None
        if not failed and self._has_waited_ms(newest) < WAIT_SLOTS * SLOT_MS:
            return
        rung = rung_of(newest.number, intent.request.slippage_bps, _reason(intent), simulated=failed)
        answer = await self.desk.again(intent, rung)
        self._asked_at_s[intent.id] = trio.current_time()
        self.in_flight.tried_again(intent.id)
        if not isinstance(answer, Submitted):
            log.info("sale_not_signed_again", intent=intent.id, code=answer.code, reason=answer.reason)

    def _has_waited_ms(self, newest: Attempt) -> float:
        """How long nothing has been tried. An attempt of an earlier life is as old as the clock says, unless that went back."""
        asked_at_s = self._asked_at_s.get(newest.intent_id)
        if asked_at_s is not None:
            return (trio.current_time() - asked_at_s) * 1000
        age_ms = self.clock.now_ms() - newest.created_at_ms
        return age_ms if age_ms >= 0 else float("inf")


def _reason(intent: Intent) -> ExitReason:
    """Whoever sells by hand was shown what it brings: he pays more to land, and never allows more than he said."""
    reason = intent.request.reason
    return ExitReason(reason) if reason in set(ExitReason) else ExitReason.TAKE_PROFIT
