"""From sent bytes to a proven outcome: settled, failed, or expired by proof. Every step may be taken again.

One code path serves a quiet hour and the minute after a crash: whatever the rows call unresolved is followed here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
import trio

from bot.clock import Clock
from bot.errors import ChainUnavailable, Conflict, DecodeError, SendRejected
from bot.execution.balance_book import BalanceBook
from bot.execution.in_flight import Followed, InFlight
from bot.execution.messages import expired_message, failed_message, fill_message
from bot.execution.policy import Policy
from bot.ports import Chain, Settled, Store
from bot.trading.fill import EvidenceError, fill_from
from bot.trading.intent import Context, Intent, IntentState, Side
from bot.trading.ledger import legs_of_failed, legs_of_fill
from bot.trading.recovery import SignatureStatus, Step, next_step

log = structlog.get_logger()

MAX_STATUSES = 256  # getSignatureStatuses takes at most this many


def _fill_event(intent: Intent) -> str:
    """The event names of D-16."""
    if intent.request.side is Side.SELL:
        return "sell_filled"
    return "snipe_filled" if intent.request.context is Context.SNIPER else "buy_filled"


@dataclass(frozen=True, slots=True)
class Confirmer:
    """The second half of the road. `settled` is called after each settlement, so that a monitor can start or end."""

    store: Store
    chain: Chain
    clock: Clock
    policy: Policy
    in_flight: InFlight
    balances: BalanceBook
    settled: Callable[[Settled], Awaitable[None]]

    async def adopt(self, planned_max_age_ms: int) -> int:
        """Follow every unresolved intent of the database that nobody follows yet; how many were found.

        An intent whose maker was interrupted, or that stayed unsigned for longer than `planned_max_age_ms`, is
        cancelled: nothing ever left. At boot every maker is gone and the age is 0.
        """
        found = 0
        abandoned = self.in_flight.abandoned()
        addresses = {wallet.id: wallet.address for wallet in await self.store.wallets()}
        followed = {entry.attempt.signature for entry in self.in_flight.all()}
        for intent, attempts in await self.store.in_flight():
            if not attempts:
                await self._cancel_orphan(intent, 0 if intent.id in abandoned else planned_max_age_ms)
            elif attempts[-1].signature not in followed:
                found += 1
                log.info("intent_adopted", intent=intent.id, state=intent.state, signature=attempts[-1].signature)
                self.in_flight.follow(Followed(intent, attempts[-1], addresses[intent.request.wallet_id]))
        self.in_flight.taken_up(abandoned)
        return found

    async def _cancel_orphan(self, intent: Intent, planned_max_age_ms: int) -> None:
        now_ms = self.clock.now_ms()
        if now_ms - intent.created_at_ms < planned_max_age_ms:
            return
        reason = "never signed; the order was interrupted"
        try:
            await self.store.close_unfilled(intent.id, IntentState.CANCELLED, reason, now_ms=now_ms)
        except Conflict:
            log.info("intent_moved_on", intent=intent.id)
        else:
            log.warning("intent_given_up", intent=intent.id, reason=reason)

    async def round(self) -> None:
        """Ask once about everything that is followed and take each attempt's next step.

        One attempt's trouble delays no other. Raises StoreUnavailable; a chain that cannot be asked ends the round.
        """
        entries = self.in_flight.all()[:MAX_STATUSES]
        if not entries:
            return
        try:
            statuses = await self.chain.statuses([entry.attempt.signature for entry in entries])
        except ChainUnavailable as error:
            log.warning("statuses_unavailable", followed=len(entries), reason=str(error))
            return
        height = await self._finalized_height() if None in statuses else None
        for entry, status in zip(entries, statuses, strict=True):
            try:
                await self._step(entry, status, height)
            except (ChainUnavailable, DecodeError, EvidenceError) as error:
                log.warning(
                    "confirm_delayed", intent=entry.intent.id, signature=entry.attempt.signature, reason=str(error)
                )
            except Conflict as error:
                log.warning("intent_moved_on", intent=entry.intent.id, reason=str(error))
                self.in_flight.resolve(entry.attempt.signature)

    async def _finalized_height(self) -> int | None:
        try:
            return await self.chain.finalized_height()
        except ChainUnavailable:
            return None

    async def _step(self, entry: Followed, status: SignatureStatus | None, height: int | None) -> None:
        endpoints = sum(one.breaker != "refused" for one in self.chain.health())
        match next_step(entry.attempt.last_valid_block_height, status, height, entry.absences, endpoints=endpoints):
            case Step.WAIT:
                return
            case Step.SETTLE:
                await self._settle(entry)
            case Step.FAIL:
                await self._fail(entry)
            case Step.SEND_AGAIN:
                await self._send_again(entry)
            case Step.ASK_HISTORY:
                await self._ask_history(entry)
            case Step.EXPIRE:
                await self._expire(entry)

    async def _settle(self, entry: Followed) -> None:
        intent = entry.intent
        landed = await self.chain.landed(entry.attempt.signature, entry.address, intent.request.mint)
        if landed is None:
            return
        fill = fill_from(landed, intent.request.side)
        settled = await self.store.settle(
            intent.id,
            fill,
            legs=legs_of_fill(fill),
            position_id=self.clock.new_id(),
            message=lambda position, realized: fill_message(self.clock, intent, fill, position, realized),
        )
        log.info(
            _fill_event(intent),
            intent=intent.id,
            signature=fill.signature,
            user=intent.request.user_id,
            mint=intent.request.mint,
            causation=intent.request.causation_id,
            position=settled.position.id,
            token_raw=fill.token_raw,
            wallet_delta_lamports=fill.wallet_delta_lamports,
            realized_lamports=settled.realized_lamports,
            slot=fill.slot,
        )
        await self.settled(settled)
        self.balances.moved(intent.request.wallet_id, fill.wallet_delta_lamports, fill.slot)
        self.in_flight.resolve(entry.attempt.signature)

    async def _fail(self, entry: Followed) -> None:
        intent, signature = entry.intent, entry.attempt.signature
        landed = await self.chain.landed(signature, entry.address, intent.request.mint)
        if landed is None:
            return
        failure = f"landed with an error: {landed.error}"
        closed = await self.store.close_unfilled(
            intent.id,
            IntentState.FAILED,
            failure,
            now_ms=self.clock.now_ms(),
            signature=signature,
            legs=legs_of_failed(landed.network_fee_lamports),
            message=failed_message(self.clock, intent, signature, failure, landed.program_error),
        )
        if closed:
            self.balances.moved(intent.request.wallet_id, landed.wallet_delta_lamports, landed.slot)
        log.warning("intent_failed", intent=intent.id, signature=signature, mint=intent.request.mint, reason=failure)
        self.in_flight.resolve(signature)

    async def _send_again(self, entry: Followed) -> None:
        now_s = trio.current_time()
        if entry.sent_at_s is not None and now_s - entry.sent_at_s < self.policy.resend_interval_s:
            return
        signature = entry.attempt.signature
        if entry.sent_at_s is None:
            await self.store.mark_sent(signature, self.clock.now_ms())
        self.in_flight.note(signature, sent_at_s=now_s)
        try:
            await self.chain.send(entry.attempt.raw)
        except SendRejected as error:
            log.info("resend_rejected", intent=entry.intent.id, signature=signature, kind=error.kind, reason=str(error))
        else:
            log.info("attempt_sent_again", intent=entry.intent.id, signature=signature)

    async def _ask_history(self, entry: Followed) -> None:
        """Too old to land and not known: unknown until it is proven, and said so in the row."""
        signature = entry.attempt.signature
        if entry.intent.state is not IntentState.UNKNOWN and not entry.absences:
            await self.store.mark_unknown(entry.intent.id)
            log.warning("intent_unknown", intent=entry.intent.id, signature=signature)
        found = await self.chain.search_absences(signature)
        if isinstance(found, SignatureStatus):
            await self._step(entry, found, None)
        else:
            self.in_flight.note(signature, absences=found)

    async def _expire(self, entry: Followed) -> None:
        intent, signature = entry.intent, entry.attempt.signature
        await self.store.close_unfilled(
            intent.id,
            IntentState.EXPIRED,
            "never landed, proven by the chain's history",
            now_ms=self.clock.now_ms(),
            signature=signature,
            message=expired_message(self.clock, intent, signature),
        )
        log.warning("intent_expired", intent=intent.id, signature=signature, mint=intent.request.mint)
        self.in_flight.resolve(signature)
