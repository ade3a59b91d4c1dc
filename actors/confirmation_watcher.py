"""Follows every sent transaction to its outcome and until that is final, and rescues intents that nobody follows."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
import trio

from actors.runtime import Context
from bot.errors import Unavailable
from bot.execution.confirm import Confirmer
from bot.execution.finality import Finality
from bot.execution.lanes import order_lane

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ConfirmationWatcher:
    """One loop for all wallets: a batch of statuses, each attempt's next step, then a short rest.

    A second one looks beside it at what has landed and is not final yet, because that may wait for a slow endpoint.
    """

    confirmer: Confirmer
    finality: Finality

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._finalize)
            await self._confirm()

    async def _finalize(self) -> None:
        while True:
            try:
                with order_lane():
                    await self.finality.look()
            except Unavailable as error:
                log.warning("finality_not_known", reason=str(error))
            await trio.sleep(self.confirmer.policy.finality_interval_s)

    async def _confirm(self) -> None:
        policy = self.confirmer.policy
        adopt_at_s = trio.current_time()
        while True:
            try:
                with order_lane():
                    await self.confirmer.round()
                if trio.current_time() >= adopt_at_s or self.confirmer.in_flight.abandoned():
                    await self.confirmer.adopt(policy.planned_max_age_ms)
                    adopt_at_s = trio.current_time() + policy.rescue_interval_s
            except Unavailable as error:
                log.warning("confirmation_delayed", reason=str(error))
            await trio.sleep(policy.confirm_interval_s)
            with trio.move_on_at(adopt_at_s):
                await self.confirmer.in_flight.arrival()
