"""From sent bytes to a proven outcome: settled, failed, or expired by proof. Every step may be taken again.

One code path serves a quiet hour and the minute after a crash: whatever the rows call unresolved is followed here.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog
import trio

from bot.clock import Clock
from bot.errors import ChainUnavailable, Conflict, DecodeError, SendRejected, StoreUnavailable
from bot.execution.alerts import Alert, evidence_strange
from bot.execution.balance_book import BalanceBook
from bot.execution.in_flight import Followed, InFlight
from bot.execution.landings import believed, is_left_to_its_follower, routing_of
from bot.execution.messages import expired_message, failed_message, fill_message, unknown_message
from bot.execution.policy import Policy
from bot.execution.program_errors import ProgramErrors
from bot.execution.units_book import UnitsBook
from bot.execution.untraded import book_closing, book_withdrawal
from bot.ports import Chain, OutboxMessage, Settled, Store
from bot.trading.failures import program_failure
from bot.trading.fill import Brought, EvidenceError, LandedTransaction, brought_by, fill_from
from bot.trading.intent import MAY_LAND, TRADES, Attempt, Context, Intent, IntentState, Side
from bot.trading.ladder import is_quoted_again
from bot.trading.ledger import Leg, legs_of_failed, legs_of_fill, legs_of_strange
from bot.trading.recovery import Absence, SignatureStatus, Step, next_step

log = structlog.get_logger()

# How often a landed transaction that is not the trade of its intent is read again before the books do without it.
STRANGE_READS = 20


def _fill_event(intent: Intent) -> str:
    """The event names of D-16."""
    if intent.request.side is Side.SELL:
        return "sell_filled"
    return "snipe_filled" if intent.request.context is Context.SNIPER else "buy_filled"


def _told(intent: Intent, message: OutboxMessage) -> OutboxMessage | None:
    """What its user hears of an order without a trade; of a closing nothing, which is tried again later."""
    return None if intent.request.side is Side.CLOSE else message


@dataclass(frozen=True, slots=True)
class Confirmer:
    """The second half of the road.

    `settled` is called after each settlement, so that a monitor can start or end; `alert` reaches the operator.
    `hands_over` says whether bytes may go out again that an earlier life signed; what landed of them is booked all the same.
    """

    store: Store
    chain: Chain
    clock: Clock
    policy: Policy
    in_flight: InFlight
    balances: BalanceBook
    settled: Callable[[Settled], Awaitable[None]]
    alert: Callable[[Alert], None]
    errors: ProgramErrors
    units: UnitsBook = field(default_factory=UnitsBook)
    hands_over: Callable[[], bool] = lambda: True

    async def adopt(self, planned_max_age_ms: int) -> int:
        """Follow every unresolved intent of the database that nobody follows yet; how many were found.

        An intent whose maker was interrupted, or that stayed unsigned for longer than `planned_max_age_ms`, is
        cancelled: nothing ever left. At boot every maker is gone and the age is 0.
        """
        found = 0
        before = self.in_flight.endings
        abandoned = self.in_flight.abandoned()
        addresses = {wallet.id: wallet.address for wallet in await self.store.wallets()}
        for intent, attempts in await self.store.in_flight():
            if not attempts:
                await self._cancel_orphan(intent, 0 if intent.id in abandoned else planned_max_age_ms)
            else:
                found += self._follow(intent, attempts, addresses[intent.request.wallet_id], before, decided=False)
        try:
            unproven = await self.store.unproven()
        except StoreUnavailable as error:
            # They hold up nothing but a buy of their token, which needs the database itself. Nor are the rows of orders that
            # were interrupted seen before it is back.
            log.info("unproven_not_read", reason=str(error))
            return found
        self.in_flight.taken_up(abandoned)
        for intent, attempts in unproven:
            self._follow(intent, attempts, addresses[intent.request.wallet_id], before, decided=True)
        return found

    def _follow(self, intent: Intent, attempts: list[Attempt], address: str, before: int, *, decided: bool) -> bool:
        """Follow those attempts of an intent that may land and that nobody follows; whether there was one.

        Its rows were read after that many `endings`: one that ended since is not in them.
        """
        if any(self.in_flight.has_ended(row.signature, after=before) for row in attempts):
            return False
        followed = {entry.attempt.signature for entry in self.in_flight.attempts_of(intent.id)}
        new = [row for row in attempts if row.state in MAY_LAND and row.signature not in followed]
        if not decided:
            self.in_flight.count(intent.id, new if followed else attempts)
        if new:
            signatures = [attempt.signature for attempt in new]
            log.info("intent_adopted", intent=intent.id, state=intent.state, signatures=signatures)
        for attempt in new:
            sent_at_s = None if self.hands_over() else math.inf
            self.in_flight.follow(Followed(intent, attempt, address, sent_at_s=sent_at_s, decided=decided))
        return bool(new)

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

    def next_step(self, entry: Followed, status: SignatureStatus | None, height: int | None) -> Step:
        """What is to be done about one attempt. `height` is the finalized block height, None where nobody told it."""
        last_valid = entry.attempt.last_valid_block_height
        is_past = status is None and height is not None and height > last_valid
        # How many endpoints there are matters to a proof of absence alone.
        endpoints = sum(one.breaker != "refused" for one in self.chain.health()) if is_past else 0
        return next_step(last_valid, status, height, entry.absences, endpoints=endpoints)

    def is_idle(self, step: Step, entry: Followed) -> bool:
        """Whether nothing is to be done about an attempt now: of what is on its way most looks find only that it still is."""
        return step is Step.WAIT or (step is Step.SEND_AGAIN and (entry.decided or self._was_sent_lately(entry)))

    def _was_sent_lately(self, entry: Followed) -> bool:
        return entry.sent_at_s is not None and trio.current_time() - entry.sent_at_s < self.policy.resend_interval_s

    async def take(self, step: Step, entry: Followed, status: SignatureStatus | None) -> None:
        """Take a step that is no search of the history; `status` is what the chain says of the attempt.

        Raises Unavailable or DecodeError while it cannot be taken, Conflict where the rows have moved on.
        """
        match step:
            case Step.SETTLE:
                await self._conclude(entry, is_final=status is not None and status.finalized)
            case Step.FAIL:
                if not is_left_to_its_follower(entry):
                    await self._conclude(entry, is_final=False)
            case Step.SEND_AGAIN:
                await self._send_again(entry)
            case Step.EXPIRE:
                await self._expire(entry)
            case Step.WAIT | Step.ASK_HISTORY:
                return

    async def _conclude(self, entry: Followed, *, is_final: bool) -> None:
        """It is said to have landed: its records count, and no status. It may have landed again in another block since."""
        landed = await believed(self.chain, self.in_flight, entry)
        if landed is not None and landed.error is not None:
            await self._fail(entry, landed)
        elif landed is not None:
            await self._settle(entry, landed, is_final=is_final and landed.borne_out)

    async def _settle(self, entry: Followed, landed: LandedTransaction, *, is_final: bool) -> None:
        intent = entry.intent
        request = intent.request
        if request.side is Side.SELL and self.in_flight.owes_buy(request.wallet_id, request.mint):
            return  # what it sold is settled first
        if request.side not in TRADES:
            await self._settle_untraded(entry, landed, is_final=is_final)
            return
        try:
            if entry.decided:
                raise EvidenceError(f"{landed.signature} succeeded beside the attempt that filled its order")
            fill = fill_from(landed, request.side)
        except EvidenceError as error:
            await self._strange(entry, landed, error, is_final=is_final)
            return
        self.errors.ended(request.mint, None)
        self.units.landed(fill.signature, landed.compute_units)
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
        self.in_flight.filled(entry.attempt.signature)

    async def _settle_untraded(self, entry: Followed, landed: LandedTransaction, *, is_final: bool) -> None:
        """Accounts were closed, or SOL was sent out."""
        intent = entry.intent
        try:
            if intent.request.side is Side.CLOSE:
                await book_closing(self.store, self.clock, intent, landed)
            else:
                await book_withdrawal(self.store, self.clock, intent, landed)
        except EvidenceError as error:
            await self._strange(entry, landed, error, is_final=is_final)
            return
        self.balances.moved(intent.request.wallet_id, landed.wallet_delta_lamports, landed.slot)
        self.in_flight.filled(entry.attempt.signature)

    async def _fail(self, entry: Followed, landed: LandedTransaction) -> None:
        """It landed with an error."""
        intent, signature = entry.intent, entry.attempt.signature
        if is_left_to_its_follower(entry):
            return
        goes_on = entry.attempt.sells_all and not entry.decided
        if entry.error is None and goes_on and is_quoted_again(intent.request, landed.program_error):
            log.info("sale_to_be_quoted_again", intent=intent.id, signature=signature, reason=landed.error)
            self.in_flight.landed_with_error(signature, landed.program_error)
        else:
            log.warning("landed_with_error", intent=intent.id, signature=signature, reason=landed.error)
            self.errors.ended(intent.request.mint, landed.program_error, landed.failed_program)
            failure = f"landed with an error: {program_failure(landed.program_error)}"
            await self._without_fill(entry, landed, failure, legs_of_failed(landed.network_fee_lamports))

    async def _strange(
        self, entry: Followed, landed: LandedTransaction, trouble: EvidenceError, *, is_final: bool
    ) -> None:
        """It landed without an error and is not the trade of its intent: read again, then written off as no fill.

        The ledger takes what it did to the wallet, its fee apart, as lamports that went outside or came from there. No fill
        is invented. What a sale sold the reconciler takes from the chain; what a purchase brought gets a position, with
        the transaction as its evidence, once nobody can take that back any more.
        """
        intent, signature = entry.intent, entry.attempt.signature
        if not landed.borne_out:
            log.warning("evidence_strange_of_one_endpoint", intent=intent.id, signature=signature, reason=str(trouble))
            return
        reads = self.in_flight.read_again(signature)
        log.warning("evidence_strange", intent=intent.id, signature=signature, reads=reads, reason=str(trouble))
        brought = brought_by(landed, intent.request.side, self.clock.new_id())
        if reads < STRANGE_READS or (brought is not None and not is_final):
            return
        legs = legs_of_strange(landed)
        await self._without_fill(entry, landed, f"landed, but not as this trade: {trouble}", legs, brought)
        self.alert(evidence_strange(intent, signature, str(trouble)))

    async def _without_fill(
        self,
        entry: Followed,
        landed: LandedTransaction,
        failure: str,
        legs: Sequence[Leg],
        brought: Brought | None = None,
    ) -> None:
        """It landed and traded nothing for us: what it cost is booked, and with the last attempt the intent fails."""
        intent, signature = entry.intent, entry.attempt.signature
        ended = await self.store.close_unfilled(
            intent.id,
            IntentState.FAILED,
            failure,
            now_ms=self.clock.now_ms(),
            signature=signature,
            slot=landed.slot,
            legs=legs,
            message=_told(intent, failed_message(self.clock, intent, landed, failure, brought)),
            brought=brought,
        )
        self.balances.moved(intent.request.wallet_id, landed.wallet_delta_lamports, landed.slot)
        event = "intent_failed" if ended else "attempt_failed"
        log.warning(event, intent=intent.id, signature=signature, mint=intent.request.mint, reason=failure)
        self.in_flight.stuck.pop(signature, None)
        self.in_flight.resolve(signature)

    async def _send_again(self, entry: Followed) -> None:
        if entry.decided or self._was_sent_lately(entry):
            return
        signature, now_s = entry.attempt.signature, trio.current_time()
        if entry.sent_at_s is None:
            await self.store.mark_sent(signature, self.clock.now_ms())
        self.in_flight.note(signature, sent_at_s=now_s)
        try:
            await self.chain.send(entry.attempt.raw, routing_of(entry, self.clock.now_ms()))
        except SendRejected as error:
            log.info("resend_rejected", intent=entry.intent.id, signature=signature, kind=error.kind, reason=str(error))
        else:
            log.info("attempt_sent_again", intent=entry.intent.id, signature=signature)

    async def search(self, entry: Followed) -> SignatureStatus | tuple[Absence, ...] | None:
        """What the chain's history says of an attempt that is too old to land; None where nobody can be asked.

        It waits for every endpoint, however slow: whoever asks takes no turn of its order for it.
        """
        try:
            return await self.chain.search_absences(entry.attempt.signature, entry.attempt.raw)
        except (ChainUnavailable, DecodeError) as error:
            log.warning("confirm_delayed", intent=entry.intent.id, signature=entry.attempt.signature, reason=str(error))
            return None

    async def searched(self, entry: Followed, found: SignatureStatus | tuple[Absence, ...] | None) -> None:
        """Act upon such a search: it landed, or is unknown until it is proven, and said so in the row. Raises as `take`."""
        signature = entry.attempt.signature
        if isinstance(found, SignatureStatus):
            await self.take(self.next_step(entry, found, None), entry, found)
        elif found == ():
            log.info("blockhash_still_taken", intent=entry.intent.id, signature=signature)
            await self._send_again(entry)
        else:
            await self._tell_unknown(entry)
            self.in_flight.note(signature, absences=found or ())

    async def _tell_unknown(self, entry: Followed) -> None:
        if entry.absences or not self.in_flight.is_last_hope(entry):
            return
        await self.store.mark_unknown(entry.intent.id)
        if entry.intent.request.side is not Side.CLOSE:
            await self.store.post(unknown_message(self.clock, entry.intent, entry.attempt.signature))
        log.warning("intent_unknown", intent=entry.intent.id, signature=entry.attempt.signature)

    async def _expire(self, entry: Followed) -> None:
        intent, signature = entry.intent, entry.attempt.signature
        ended = await self.store.close_unfilled(
            intent.id,
            IntentState.EXPIRED,
            "never landed, proven by the chain's history",
            now_ms=self.clock.now_ms(),
            signature=signature,
            message=_told(intent, expired_message(self.clock, intent, signature)),
        )
        event = "intent_expired" if ended else "attempt_expired"
        log.warning(event, intent=intent.id, signature=signature, mint=intent.request.mint)
        self.in_flight.resolve(signature)
