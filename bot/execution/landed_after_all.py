"""Orders of ours that the books hold for ended without a trade, and that the chain shows landed: opened again, settled once.

Nothing of it happens while endpoints tell the truth, two of them at least. Where they did not, the tokens of an own order
are never somebody else's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from bot.clock import Clock
from bot.errors import Conflict
from bot.execution import alerts
from bot.execution.alerts import Alert
from bot.execution.balance_book import BalanceBook
from bot.execution.in_flight import InFlight
from bot.execution.messages import landed_after_all_message
from bot.ports import Chain, LandedAttempt, OutboxMessage, Reversed, Store
from bot.trading.fill import EvidenceError, LandedTransaction, fill_from
from bot.trading.intent import AttemptState, IntentState, Side

log = structlog.get_logger()


@dataclass(slots=True)
class LandedAfterAll:
    """`adopt` follows what is on its way by its rows."""

    store: Store
    chain: Chain
    clock: Clock
    in_flight: InFlight
    balances: BalanceBook
    adopt: Callable[[], Awaitable[object]]
    alert: Callable[[Alert], None]

    async def listed(self, signatures: Sequence[str]) -> None:
        """A wallet's history lists these orders of ours: none of them has never landed.

        Raises ChainUnavailable or StoreUnavailable; whatever was not written then is found again.
        """
        for one in await self.store.never_landed(signatures):
            await self.take_up(one)

    async def take_up(self, one: LandedAttempt) -> bool:
        """Open an order again whose end the chain contradicts; False where two endpoints do not show that."""
        request, attempt = one.intent.request, one.attempt
        [address] = [row.address for row in await self.store.wallets(request.user_id) if row.id == request.wallet_id]
        landed = await self.chain.landed(attempt.signature, address, request.mint, attempt.raw)
        if landed is None or not landed.borne_out or not _contradicts(one, landed):
            return False
        if attempt.signature in await self.store.outside(request.wallet_id):
            return False  # what it brought has a position already
        evidence = f"two endpoints show it in slot {landed.slot}"
        try:
            done = await self.store.reverse(
                attempt.signature,
                landed_slot=attempt.landed_slot,
                evidence=evidence,
                now_ms=self.clock.now_ms(),
                message=self._told,
            )
        except Conflict as error:
            log.error("landing_not_reversed", signature=attempt.signature, evidence=evidence, reason=str(error))
            self.alert(alerts.reversal_refused(one.intent, attempt.signature, str(error)))
            return False
        for back in done:
            log.error("landed_after_all", intent=back.intent.id, signature=attempt.signature, evidence=evidence)
            self.balances.forget(request.wallet_id)
            if back.intent.state is not IntentState.FILLED:
                self.in_flight.reopen(back.intent)
            self.alert(alerts.landed_after_all(back.intent, attempt.signature, evidence))
        if done:
            await self.adopt()
        return bool(done)

    def _told(self, back: Reversed) -> OutboxMessage | None:
        """Nobody is told of a closing."""
        return None if back.intent.request.side is Side.CLOSE else landed_after_all_message(self.clock, back)


def _contradicts(one: LandedAttempt, landed: LandedTransaction) -> bool:
    """Whether a landing is not what the books say: it is said never to have landed, or not to be the trade that it is."""
    if one.attempt.state is AttemptState.EXPIRED:
        return True
    try:
        fill_from(landed, one.intent.request.side)
    except EvidenceError:
        return False
    return True
