"""Follows every sent transaction to its outcome and until that is final, and rescues intents that nobody follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog
import trio

from actors.runtime import Context
from bot.errors import Unavailable
from bot.execution.confirm import Confirmer
from bot.execution.finality import Finality
from bot.execution.lanes import order_lane
from bot.execution.rounds import Rounds

log = structlog.get_logger()

# Orders that are said to have landed in a burst are asked for together.
HINTS_APART_S = 0.05

# How long the fills of a flatten wait for the books while others of it are still to be signed.
SIGNING_FIRST_S = 10.0


def _nothing_waits() -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class ConfirmationWatcher:
    """One loop for all wallets: a batch of statuses, then a short rest, while each attempt's next step is taken.

    Whoever says meanwhile that an order has landed makes it ask for that order at once, and is believed nothing.

    A second one looks beside it at what has landed and is not final yet, because that may wait for a slow endpoint.

    `signing_since_ms` says since when, in milliseconds since 1970, a flatten has orders signed, while it still has; None for
    never. Reading back its first ones takes no time from signing the last, for a while; what was on its way before, and may
    hold up an exit, is followed all the same.
    """

    confirmer: Confirmer
    finality: Finality
    signing_since_ms: Callable[[], int | None] = _nothing_waits

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        until_s = trio.current_time() + SIGNING_FIRST_S
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._finalize, until_s)
            await self._confirm(Rounds(self.confirmer, nursery), until_s)

    def _waiting_since_ms(self, until_s: float) -> int | None:
        return self.signing_since_ms() if trio.current_time() < until_s else None

    async def _finalize(self, until_s: float) -> None:
        while True:
            try:
                if self._waiting_since_ms(until_s) is None:
                    with order_lane():
                        await self.finality.look()
            except Unavailable as error:
                log.warning("finality_not_known", reason=str(error))
            await trio.sleep(self.confirmer.policy.finality_interval_s)

    async def _confirm(self, rounds: Rounds, until_s: float) -> None:
        policy = self.confirmer.policy
        adopt_at_s = trio.current_time()
        while True:
            try:
                with order_lane():
                    await rounds.round(settle_before_ms=self._waiting_since_ms(until_s))
                if trio.current_time() >= adopt_at_s or self.confirmer.in_flight.abandoned():
                    await self.confirmer.adopt(policy.planned_max_age_ms)
                    adopt_at_s = trio.current_time() + policy.rescue_interval_s
            except Unavailable as error:
                log.warning("confirmation_delayed", reason=str(error))
            await self._rest(rounds, until_s)
            with trio.move_on_at(adopt_at_s):
                await self.confirmer.in_flight.arrival()

    async def _rest(self, rounds: Rounds, until_s: float) -> None:
        """Until the next round, asking at once for what is said to have landed."""
        in_flight = self.confirmer.in_flight
        next_at_s = trio.current_time() + self.confirmer.policy.confirm_interval_s
        while True:
            with trio.move_on_at(next_at_s) as waiting:
                await in_flight.hints()
            if waiting.cancelled_caught:
                return
            try:
                with order_lane():
                    waiting_since_ms = self._waiting_since_ms(until_s)
                    await rounds.round(settle_before_ms=waiting_since_ms, only=in_flight.take_hints())
            except Unavailable as error:
                log.warning("confirmation_delayed", reason=str(error))
            await trio.sleep(HINTS_APART_S)
