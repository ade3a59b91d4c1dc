"""Intents, attempts and positions while the database may be away: every step goes through whoever is in charge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog
import trio

from bot.errors import StoreUnavailable
from bot.ports import (
    Gate,
    MakeMessage,
    MakeReversal,
    OutboxMessage,
    Reversed,
    Settled,
    SnipeRun,
    Store,
    WalletMove,
)
from bot.storage.rules import attempt_at_close, is_recorded
from bot.storage.spool_charge import Charge, listed
from bot.storage.spool_codec import Sent, Signed
from bot.storage.spool_entries import Ended, Filled, Peak, Planned, Unproven
from bot.trading.fill import Brought, Fill, LandedTransaction
from bot.trading.intent import Attempt, AttemptState, Intent, IntentState, Side, TradeRequest
from bot.trading.ledger import Leg
from bot.trading.limits import Ceilings
from bot.trading.position import Position
from bot.trading.risk_gate import Refused

log = structlog.get_logger()


class SpooledOrders:
    """Intents, attempts and positions: every step goes through whoever is in charge."""

    def __init__(self, store: Store, charge: Charge) -> None:
        self._store = store
        self._charge = charge
        self._memory = charge.memory

    # --------------------------------------------------------------------------------------------------------- intents

    async def admit(
        self,
        request: TradeRequest,
        *,
        intent_id: str,
        now_ms: int,
        wallet_lamports: int,
        unrealized_lamports: int,
        ceilings: Ceilings,
        pause_causes: Sequence[str],
        day_start_ms: int,
        gate: Gate,
        run: SnipeRun | None = None,
    ) -> Intent | Refused:
        """From memory only sales are judged, and by the same gate."""
        known: dict[str, Any] = {
            "intent_id": intent_id,
            "now_ms": now_ms,
            "wallet_lamports": wallet_lamports,
            "unrealized_lamports": unrealized_lamports,
            "ceilings": ceilings,
            "pause_causes": pause_causes,
            "day_start_ms": day_start_ms,
            "gate": gate,
        }
        async with self._charge.writing():
            if self._charge.away is None:
                try:
                    admitted = await self._store.admit(request, **known, run=run)
                except StoreUnavailable as error:
                    self._charge.lost(error)
                else:
                    if isinstance(admitted, Intent):
                        self._memory.know_intent(admitted)
                    return admitted
            if request.side is not Side.SELL or not self._memory.knows(request.user_id, request.wallet_id):
                raise self._charge.refusal()
            admitted = await self._memory.admit(request, **known)
            if isinstance(admitted, Intent) and admitted.id == intent_id:
                self._charge.enter(Planned(admitted))
            return admitted

    async def intent(self, intent_id: str) -> Intent | None:
        async def ask() -> list[Intent]:
            return listed(await self._store.intent(intent_id))

        found = await self._charge.read(ask, lambda: listed(self._memory.intent_by_id(intent_id)) or None)
        return found[0] if found else None

    async def intent_of(self, key: str) -> Intent | None:
        async def ask() -> list[Intent]:
            return listed(await self._store.intent_of(key))

        found = await self._charge.read(ask, lambda: listed(self._memory.intent_by_key(key)) or None)
        return found[0] if found else None

    async def in_flight(self) -> list[tuple[Intent, list[Attempt]]]:
        return await self._charge.read(self._store.in_flight, self._memory.moving)

    async def unproven(self) -> list[tuple[Intent, list[Attempt]]]:
        """They hold up purchases alone, which memory does not make: it does not know them."""
        return await self._charge.read(self._store.unproven, lambda: None)

    async def record_attempt(self, attempt: Attempt) -> None:
        """From memory: on the local disk before anybody may send it. Raises JournalUnavailable."""
        async with self._charge.writing():
            if self._charge.away is None:
                try:
                    await self._store.record_attempt(attempt)
                except StoreUnavailable as error:
                    self._charge.lost(error)
                else:
                    self._memory.know_attempt(attempt)
                    return
            intent = self._exit(attempt.intent_id)
            if is_recorded(intent, self._memory.attempts_of(intent.id), attempt):
                return
            # A cancellation between the two would leave bytes on the disk that memory takes for never signed.
            with trio.CancelScope(shield=True):
                # The journal has it as `signed`, as every version of this program writes it; read back, it may have left.
                await self._charge.record(Signed(intent, replace(attempt, state=AttemptState.SIGNED)))
                await self._memory.record_attempt(attempt)
            log.info("exit_in_journal", intent=intent.id, signature=attempt.signature)

    async def mark_sent(self, signature: str, now_ms: int) -> None:
        """From memory: a record of its own where the database has the bytes and may not have heard that they left."""
        async with self._charge.writing():
            attempt = self._memory.attempt_of(signature)
            if self._charge.away is None:
                try:
                    await self._store.mark_sent(signature, now_ms)
                except StoreUnavailable as error:
                    self._charge.lost(error)
                else:
                    if attempt is not None and attempt.state is AttemptState.SIGNED:
                        self._memory.know_attempt(replace(attempt, state=AttemptState.SENT))
                    return
            if attempt is None:
                raise self._charge.refusal()
            self._exit(attempt.intent_id)
            with trio.CancelScope(shield=True):
                if attempt.state is AttemptState.SIGNED and not self._charge.has_recorded(signature):
                    await self._charge.record(Sent(signature, now_ms))
                await self._memory.mark_sent(signature, now_ms)

    async def mark_unknown(self, intent_id: str) -> None:
        async with self._charge.writing():
            if self._charge.away is None:
                try:
                    await self._store.mark_unknown(intent_id)
                except StoreUnavailable as error:
                    self._charge.lost(error)
                else:
                    self._memory.know_state(intent_id, IntentState.UNKNOWN)
                    return
            self._known(intent_id)
            await self._memory.mark_unknown(intent_id)
            self._charge.enter(Unproven(intent_id))

    async def close_unfilled(
        self,
        intent_id: str,
        state: IntentState,
        failure: str,
        *,
        now_ms: int,
        signature: str | None = None,
        slot: int | None = None,
        legs: Sequence[Leg] = (),
        message: OutboxMessage | None = None,
        brought: Brought | None = None,
    ) -> bool:
        known: dict[str, Any] = {
            "now_ms": now_ms,
            "signature": signature,
            "slot": slot,
            "legs": tuple(legs),
            "message": message,
            "brought": brought,
        }
        async with self._charge.writing():
            if self._charge.away is None:
                try:
                    closed = await self._store.close_unfilled(intent_id, state, failure, **known)
                except StoreUnavailable as error:
                    self._charge.lost(error)
                else:
                    if closed:
                        self._memory.know_brought(intent_id, brought, now_ms)
                        self._memory.know_state(intent_id, state)
                    else:
                        self._memory.know_attempt_ended(signature, attempt_at_close(state, signature))
                    return closed
            self._known(intent_id)
            closed = await self._memory.close_unfilled(intent_id, state, failure, **known)
            self._charge.enter(Ended(intent_id, state, failure, **known))
            return closed

    async def settle(
        self, intent_id: str, fill: Fill, *, legs: Sequence[Leg], position_id: str, message: MakeMessage
    ) -> Settled:
        """From memory a fill changes what is watched and may be sold; its rows and its message are written later."""
        known: dict[str, Any] = {"legs": tuple(legs), "position_id": position_id, "message": message}
        async with self._charge.writing():
            if self._charge.away is None:
                try:
                    settled = await self._store.settle(intent_id, fill, **known)
                except StoreUnavailable as error:
                    self._charge.lost(error)
                else:
                    self._memory.know_state(intent_id, IntentState.FILLED)
                    self._memory.know_position(settled.position)
                    return settled
            intent = self._known(intent_id)
            if self._memory.settings_of(intent.request.user_id) is None:
                raise self._charge.refusal()
            settled = await self._memory.settle(intent_id, fill, **known)
            self._charge.enter(Filled(intent_id, fill, **known))
            return settled

    async def reverse(
        self, signature: str, *, landed_slot: int | None, evidence: str, now_ms: int, message: MakeReversal
    ) -> list[Reversed]:
        """The books take back in the database alone; from then on memory follows these orders as well."""
        async with self._charge.writing():
            if self._charge.away is not None:
                raise self._charge.refusal()
            try:
                done = await self._store.reverse(
                    signature, landed_slot=landed_slot, evidence=evidence, now_ms=now_ms, message=message
                )
            except StoreUnavailable as error:
                self._charge.lost(error)
                raise
            for one in done:
                self._memory.know_reversed(one)
            return done

    async def plan_closing(
        self, request: TradeRequest, *, intent_id: str, now_ms: int, reserved_lamports: int
    ) -> Intent | None:
        """In the database alone: nobody waits for it, and it needs what was traded before."""
        async with self._charge.writing():
            if self._charge.away is not None:
                raise self._charge.refusal()
            try:
                intent = await self._store.plan_closing(
                    request, intent_id=intent_id, now_ms=now_ms, reserved_lamports=reserved_lamports
                )
            except StoreUnavailable as error:
                self._charge.lost(error)
                raise
            if intent is not None:
                self._memory.know_intent(intent)
            return intent

    async def settle_closing(self, intent_id: str, landed: LandedTransaction, *, now_ms: int) -> bool:
        """In the database alone; it is followed until then."""
        async with self._charge.writing():
            if self._charge.away is not None:
                raise self._charge.refusal()
            try:
                settled = await self._store.settle_closing(intent_id, landed, now_ms=now_ms)
            except StoreUnavailable as error:
                self._charge.lost(error)
                raise
            self._memory.know_state(intent_id, IntentState.FILLED)
            return settled

    async def plan_withdrawal(
        self, request: TradeRequest, *, intent_id: str, now_ms: int, wallet_lamports: int
    ) -> Intent | Refused:
        """In the database alone: nothing leaves a wallet for good by what memory remembers."""
        async with self._charge.writing():
            if self._charge.away is not None:
                raise self._charge.refusal()
            try:
                intent = await self._store.plan_withdrawal(
                    request, intent_id=intent_id, now_ms=now_ms, wallet_lamports=wallet_lamports
                )
            except StoreUnavailable as error:
                self._charge.lost(error)
                raise
            if isinstance(intent, Intent):
                self._memory.know_intent(intent)
            return intent

    async def settle_withdrawal(
        self, intent_id: str, landed: LandedTransaction, *, legs: tuple[Leg, ...], message: OutboxMessage, now_ms: int
    ) -> bool:
        """In the database alone; it is followed until then."""
        async with self._charge.writing():
            if self._charge.away is not None:
                raise self._charge.refusal()
            try:
                settled = await self._store.settle_withdrawal(
                    intent_id, landed, legs=legs, message=message, now_ms=now_ms
                )
            except StoreUnavailable as error:
                self._charge.lost(error)
                raise
            self._memory.know_state(intent_id, IntentState.FILLED)
            return settled

    def _known(self, intent_id: str) -> Intent:
        intent = self._memory.intent_by_id(intent_id)
        if intent is None:
            raise self._charge.refusal()
        return intent

    def _exit(self, intent_id: str) -> Intent:
        """The intent of an exit: nothing else is signed or sent from memory."""
        intent = self._known(intent_id)
        if intent.request.side is not Side.SELL:
            raise self._charge.refusal()
        return intent

    # ------------------------------------------------------------------------------------------------------- positions

    async def position(self, position_id: str) -> Position | None:
        async def ask() -> list[Position]:
            return listed(await self._store.position(position_id))

        found = await self._charge.read(ask, lambda: listed(self._memory.position_of(position_id)) or None)
        return found[0] if found else None

    async def open_positions(self, user_id: str | None = None) -> list[Position]:
        return await self._charge.read(
            lambda: self._store.open_positions(user_id), lambda: self._memory.open_of(user_id)
        )

    async def remembered_positions(self, user_id: str) -> list[Position]:
        """Memory follows every change of them, since exits depend on it, whoever is in charge."""
        await self._charge.ready()
        await trio.lowlevel.checkpoint_if_cancelled()
        return self._memory.open_of(user_id)

    async def remembered_position(self, position_id: str) -> Position | None:
        await self._charge.ready()
        await trio.lowlevel.checkpoint_if_cancelled()
        return self._memory.position_of(position_id)

    def is_remembered(self, position: Position) -> bool:
        known = self._memory.position_of(position.id)
        return self._charge.has_read and (known is position or known == position)

    async def note_peak(self, position_id: str, peak_lamports: int, *, token_raw: int) -> None:
        async with self._charge.writing():
            if self._charge.away is None:
                try:
                    await self._store.note_peak(position_id, peak_lamports, token_raw=token_raw)
                except StoreUnavailable as error:
                    self._charge.lost(error)
                else:
                    self._memory.note_peak(position_id, peak_lamports, token_raw)
                    return
            self._memory.note_peak(position_id, peak_lamports, token_raw)
            self._charge.enter_peak(Peak(position_id, peak_lamports, token_raw))

    async def adjust(
        self,
        position_id: str,
        chain_token_raw: int,
        *,
        evidence: str,
        now_ms: int,
        message: OutboxMessage,
        by: WalletMove | None = None,
        sweep_id: str | None = None,
    ) -> Position:
        """The books are put right in the database alone: it can wait, and memory may be behind."""
        async with self._charge.writing():
            if self._charge.away is not None:
                raise self._charge.refusal()
            try:
                position = await self._store.adjust(
                    position_id,
                    chain_token_raw,
                    evidence=evidence,
                    now_ms=now_ms,
                    message=message,
                    by=by,
                    sweep_id=sweep_id,
                )
            except StoreUnavailable as error:
                self._charge.lost(error)
                raise
            self._memory.know_position(position)
            return position
