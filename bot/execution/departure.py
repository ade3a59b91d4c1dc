"""What every road of money shares behind its gate: signed bytes are committed and leave, or the intent ends with none.

Orders, closings and withdrawals differ in what they ask before and in what they sign. From the signature on they are one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog
import trio

from bot.clock import Clock
from bot.errors import Conflict, SendRejected, Unavailable
from bot.execution.in_flight import Followed, InFlight
from bot.ports import Blockhash, Chain, Routing, Store, Wallet
from bot.trading.intent import Attempt, AttemptState, Intent, IntentState

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Departure:
    """The last steps of the first half of a road. From the sent bytes on `confirm.py` follows what left."""

    store: Store
    chain: Chain
    clock: Clock
    in_flight: InFlight

    async def commit(
        self, intent: Intent, raw: bytes, signature: str, blockhash: Blockhash, fee_lamports: int
    ) -> Attempt:
        """Write the bytes of what is signed once and trades nothing. Nothing has left before that row is there."""
        attempt = Attempt(
            signature=signature,
            intent_id=intent.id,
            number=1,
            raw=raw,
            last_valid_block_height=blockhash.last_valid_block_height,
            token_raw=0,
            limit_raw=0,
            state=AttemptState.SIGNED,
            created_at_ms=self.clock.now_ms(),
            fee_lamports=fee_lamports,
        )
        await self.store.record_attempt(attempt)
        log.info("attempt_signed", intent=intent.id, number=1, signature=signature, fee_lamports=fee_lamports)
        return attempt

    async def leave(
        self, intent: Intent, wallet: Wallet, attempt: Attempt, *, protected: bool = False
    ) -> tuple[Intent, bool]:
        """The row says that the bytes leave, somebody follows them, and they leave; whether a route took them yet.

        Whatever the routes answer, the confirmation watcher follows the attempt to its end.
        """
        if attempt.state is not AttemptState.SENT:
            await self.store.mark_sent(attempt.signature, self.clock.now_ms())
        sent = replace(intent, state=IntentState.SENT)
        self.in_flight.follow(Followed(sent, attempt, wallet.address, sent_at_s=trio.current_time()))
        self.in_flight.count(intent.id, [attempt])
        routing = Routing(protected=protected, user_id=intent.request.user_id, side=intent.request.side)
        try:
            await self.chain.send(attempt.raw, routing)
        except (Unavailable, SendRejected) as error:
            log.warning("send_failed", intent=intent.id, signature=attempt.signature, reason=str(error))
            return sent, False
        log.info("attempt_sent", intent=intent.id, signature=attempt.signature, protected=protected)
        return sent, True

    async def give_up(self, intent: Intent, failure: str) -> None:
        """Nothing was signed, or the row says so: end the intent and release what it reserved."""
        try:
            await self.store.close_unfilled(intent.id, IntentState.CANCELLED, failure, now_ms=self.clock.now_ms())
        except Conflict as error:
            log.warning("intent_moved_on", intent=intent.id, reason=str(error))
