"""Follows every sent transaction to its proven outcome, and rescues intents that lost whoever followed them."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
import trio

from actors.runtime import Context
from bot.errors import Unavailable
from bot.execution.confirm import Confirmer

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ConfirmationWatcher:
    """One loop for all wallets: a batch of statuses, each attempt's next step, then a short rest."""

    confirmer: Confirmer

    async def run(self, ctx: Context) -> None:
        policy = self.confirmer.policy
        ctx.ready()
        adopt_at_s = trio.current_time()
        while True:
            try:
                await self.confirmer.round()
                if trio.current_time() >= adopt_at_s or self.confirmer.in_flight.abandoned():
                    await self.confirmer.adopt(policy.planned_max_age_ms)
                    adopt_at_s = trio.current_time() + policy.rescue_interval_s
            except Unavailable as error:
                log.warning("confirmation_delayed", reason=str(error))
            await trio.sleep(policy.confirm_interval_s)
            with trio.move_on_at(adopt_at_s):
                await self.confirmer.in_flight.arrival()
