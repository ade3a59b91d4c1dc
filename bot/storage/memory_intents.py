"""Intents and their attempts in memory: admission, every guarded transition, and settlement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import trio

from bot.errors import Conflict
from bot.ports import Gate, MakeMessage, OutboxMessage, Settled, SnipeRun
from bot.storage.ledger_rules import brought_entry, fee_entry, fill_entry, ours_after_all
from bot.storage.memory_tables import MemoryAdjustment, MemoryTables, MemoryTrade
from bot.storage.position_rules import (
    Adjusted,
    check_evidence,
    check_fill,
    opens_by,
    opens_position,
    position_after,
    position_unadjusted,
    position_with,
)
from bot.storage.reversal_rules import moved_by
from bot.storage.rules import (
    RUN_STATUS_OF,
    SENDABLE,
    SNIPE_GIVEN_BACK,
    WalletFacts,
    attempt_at_close,
    check_legs,
    ends_later,
    is_recorded,
    may_land,
    no_attempt,
    no_intent,
    no_wallet,
    other_intent,
    planned_intent,
    risk_snapshot,
    run_of,
    storable,
    unknown_signature,
    wrong_state,
)
from bot.storage.run_rules import run_with, seen_before
from bot.storage.strategy_rules import positions_of, spent
from bot.trading.fill import Brought, Fill
from bot.trading.intent import (
    MAY_LAND,
    TERMINAL,
    Attempt,
    AttemptState,
    Intent,
    IntentState,
    Side,
    TradeRequest,
    sources_of,
)
from bot.trading.ledger import EntryKind, Leg
from bot.trading.limits import Ceilings
from bot.trading.position import Position, PositionState
from bot.trading.risk_gate import Refused
from bot.trading.strategy import counted_with


class MemoryIntents(MemoryTables):
    """The money road."""

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
        await trio.lowlevel.checkpoint()
        wallet = self._wallets.get(request.wallet_id)
        if wallet is None or wallet.user_id != request.user_id:
            raise no_wallet(request.user_id, request.wallet_id)
        if request.key in self._intent_of_key:
            return self._intents[self._intent_of_key[request.key]]
        snapshot = risk_snapshot(
            self._facts(request, day_start_ms),
            settings=self._settings[request.user_id],
            ceilings=ceilings,
            pause_causes=pause_causes,
            wallet_lamports=wallet_lamports,
            unrealized_lamports=unrealized_lamports,
        )
        verdict = gate(snapshot)
        if isinstance(verdict, Refused):
            return verdict
        intent = planned_intent(request, intent_id, verdict.reserved_lamports, now_ms)
        if run is not None and self._has_looked(run):
            return seen_before()
        if intent_id in self._intents:
            raise Conflict(f"intent {intent_id} exists already")
        if run is not None:
            self._put_run(run_with(intent, run))
        self._intent_of_key[request.key] = intent_id
        self._put_intent(intent)
        return intent

    async def intent(self, intent_id: str) -> Intent | None:
        await trio.lowlevel.checkpoint()
        return self._intents.get(intent_id)

    async def intent_of(self, key: str) -> Intent | None:
        await trio.lowlevel.checkpoint()
        return self._intents.get(self._intent_of_key.get(key, ""))

    async def in_flight(self) -> list[tuple[Intent, list[Attempt]]]:
        await trio.lowlevel.checkpoint()
        rows = [
            intent for intent in self._intents.values() if intent.id in self._moving
        ]  # in the order of their making
        rows.sort(key=lambda intent: intent.created_at_ms)
        return [(intent, self._attempts_of(intent.id)) for intent in rows]

    async def unproven(self) -> list[tuple[Intent, list[Attempt]]]:
        await trio.lowlevel.checkpoint()
        open_attempts: dict[str, list[Attempt]] = {}
        for row in sorted(self._attempts.values(), key=lambda row: row.number):
            if row.state in MAY_LAND and self._intents[row.intent_id].state is IntentState.FILLED:
                open_attempts.setdefault(row.intent_id, []).append(row)
        intents = sorted((self._intents[intent_id] for intent_id in open_attempts), key=lambda row: row.created_at_ms)
        return [(intent, open_attempts[intent.id]) for intent in intents]

    async def record_attempt(self, attempt: Attempt) -> None:
        await trio.lowlevel.checkpoint()
        intent = self._intent(attempt.intent_id)
        if is_recorded(intent, self._attempts_of(intent.id), attempt):
            return
        if attempt.signature in self._attempts:
            raise Conflict(f"attempt {attempt.signature} exists already")
        self._put_attempt(attempt)
        leaves = attempt.state is AttemptState.SENT
        if leaves:
            self._sent_at_ms[attempt.signature] = attempt.created_at_ms
        self._put_intent(replace(intent, state=IntentState.SENT if leaves else IntentState.SIGNED))

    async def mark_sent(self, signature: str, now_ms: int) -> None:
        await trio.lowlevel.checkpoint()
        attempt = self._attempts.get(signature)
        if attempt is None:
            raise unknown_signature(signature)
        if attempt.state is not AttemptState.SIGNED:
            return
        intent = self._intent(attempt.intent_id)
        if intent.state not in SENDABLE:
            raise wrong_state(intent.id, intent.state, IntentState.SENT)
        self._put_attempt(replace(attempt, state=AttemptState.SENT))
        self._sent_at_ms[signature] = now_ms
        self._put_intent(replace(intent, state=IntentState.SENT))

    async def mark_unknown(self, intent_id: str) -> None:
        await trio.lowlevel.checkpoint()
        intent = self._intent(intent_id)
        if intent.state is IntentState.UNKNOWN:
            return
        if intent.state not in sources_of(IntentState.UNKNOWN):
            raise wrong_state(intent.id, intent.state, IntentState.UNKNOWN)
        self._put_intent(replace(intent, state=IntentState.UNKNOWN))

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
        await trio.lowlevel.checkpoint()
        attempt_state = attempt_at_close(state, signature)
        check_legs(legs)
        intent, attempts = self._intent(intent_id), self._attempts_of(intent_id)
        goes_on = ends_later(intent, attempts, signature)
        if goes_on and not may_land(attempts, signature):
            return False
        if intent.state not in TERMINAL and intent.state not in sources_of(state):
            raise wrong_state(intent_id, intent.state, state)
        failure = storable(failure)
        attempt = None if signature is None else self._attempt_of(intent_id, signature)
        if brought is not None:
            self._check_brought(intent, brought)
        if message is not None and not goes_on:
            self._put_message(message)
        if attempt is not None and attempt_state is not None:
            self._put_attempt(replace(attempt, state=attempt_state, error=failure, landed_slot=slot))
        if legs:
            if signature is not None and (restored := self._unadjusted(intent, signature)):
                self._positions[restored.id] = restored
            self.ledger.append(fee_entry(intent, attempt, slot, legs))
        if brought is not None:
            self._take_in(intent, brought, now_ms)
        if goes_on:
            return False
        self._closed_at_ms[intent_id] = now_ms
        self._put_intent(replace(intent, state=state, reserved_lamports=0, failure=failure))
        return True

    async def settle(
        self, intent_id: str, fill: Fill, *, legs: Sequence[Leg], position_id: str, message: MakeMessage
    ) -> Settled:
        await trio.lowlevel.checkpoint()
        check_legs(legs)
        intent = self._intent(intent_id)
        done = self._trades.get(fill.signature)
        if done is not None:
            if done.intent.id != intent_id:
                raise other_intent(fill.signature, done.intent.id, intent_id)
            return Settled(self._positions[done.position_id], done.realized_lamports)
        check_fill(intent, fill)
        if intent.state not in sources_of(IntentState.FILLED):
            raise wrong_state(intent_id, intent.state, IntentState.FILLED)
        attempt = self._attempt_of(intent_id, fill.signature)
        standing = self._unadjusted(intent, fill.signature) or self._standing_position(intent.request)
        settings = self._settings[intent.request.user_id]
        position, realized = position_after(standing, intent, fill, position_id=position_id, settings=settings)
        if opens_position(standing, fill) and position.id in self._positions:
            raise Conflict(f"position {position.id} exists already")
        filled = replace(intent, state=IntentState.FILLED, reserved_lamports=0)
        self._put_message(message(position, realized))
        self._put_attempt(replace(attempt, state=AttemptState.LANDED, landed_slot=fill.slot))
        self._positions[position.id] = position
        moved = moved_by(fill, standing, position)
        self._trades[fill.signature] = MemoryTrade(filled, fill, position.id, realized, moved)
        self.ledger.append(
            fill_entry(
                intent,
                fill,
                legs,
                standing=standing,
                position_id=position.id,
                cost_lamports=self._tokens_at_cost(position.id),
                landing=attempt.rollbacks,
            )
        )
        self._closed_at_ms[intent_id] = fill.block_time_s * 1000
        self._put_intent(filled)
        return Settled(position, realized)

    def _check_brought(self, intent: Intent, brought: Brought) -> None:
        check_evidence(brought.evidence)
        if opens_by(self._standing_position(intent.request)) and brought.position_id in self._positions:
            raise Conflict(f"position {brought.position_id} exists already")

    def _take_in(self, intent: Intent, brought: Brought, now_ms: int) -> None:
        """Give the tokens of a written-off purchase a position, with an adjustment and the ledger's entry."""
        standing, settings = self._standing_position(intent.request), self._settings[intent.request.user_id]
        before, after = position_with(standing, intent, brought, settings=settings, now_ms=now_ms)
        self._positions[after.id] = after
        cost_lamports = before.cost_lamports - after.cost_lamports
        taken = Adjusted(before.token_raw - after.token_raw, cost_lamports, cost_lamports, 0)
        self._adjustments.append(MemoryAdjustment(after.id, after.wallet_id, taken, brought.signature, now_ms))
        entry = brought_entry(after, brought)
        if entry is not None:
            self.ledger.append(entry)

    def _unadjusted(self, intent: Intent, signature: str) -> Position | None:
        """Take back what stands in the books of this transaction as a movement from outside; the position before it."""
        wallet_id = intent.request.wallet_id
        outside = [
            row for row in self.ledger if (row.wallet_id, row.signature, row.intent_id) == (wallet_id, signature, None)
        ]
        if outside and not any(row.kind is EntryKind.REVERSAL for row in outside):
            self.ledger.append(ours_after_all(outside[0], intent.id))
        for place, row in enumerate(self._adjustments):
            if (row.wallet_id, row.signature, row.undone) == (wallet_id, signature, False):
                self._adjustments[place] = replace(row, undone=True)
                return position_unadjusted(self._positions[row.position_id], row.taken)
        return None

    def _facts(self, request: TradeRequest, day_start_ms: int) -> WalletFacts:
        """See `WalletFacts`; everything is of the request's mode, snipes and PnL of its user, the rest of its wallet."""
        moving = [
            row
            for row in self._moving.values()
            if (row.request.wallet_id, row.request.mode) == (request.wallet_id, request.mode)
        ]
        of_mint = [row for row in moving if row.request.mint == request.mint]
        closing = [row for row in moving if request.mint in row.request.closes]
        held = [
            row
            for row in self._positions.values()
            if (row.wallet_id, row.mode) == (request.wallet_id, request.mode) and row.state is PositionState.OPEN
        ]
        held_of_mint = [row for row in held if row.mint == request.mint]
        risked = self._risked(request)
        coming = {row.request.mint for row in moving if row.request.side is Side.BUY} - {row.mint for row in held}
        users = positions_of(request, self._positions.values(), self._moving.values())
        return WalletFacts(
            reserved_lamports=sum(row.reserved_lamports for row in moving),
            open_positions=len(held) + len(coming),
            mint_cost_lamports=risked[request.mint],
            exposure_lamports=risked.total(),
            mint_in_flight=len(of_mint) + len(closing) + self._unproven_exits(request),
            mint_sells_in_flight=sum(row.request.side is Side.SELL for row in of_mint),
            mint_held_raw=sum(row.token_raw for row in held_of_mint),
            realized_today_lamports=self._results(day_start_ms, request.user_id, request.mode),
            snipes_today=sum(
                run_of(row.request) is not None
                and row.state not in SNIPE_GIVEN_BACK
                and row.created_at_ms >= day_start_ms
                and (row.request.user_id, row.request.mode) == (request.user_id, request.mode)
                for row in self._intents.values()
            ),
            user_positions=len(users),
            strategy_positions=sum(users.count(one) for one in counted_with(request.context)),
            strategy_spent_lamports=spent(request, self._intents.values(), day_start_ms),
        )

    def _risked(self, request: TradeRequest) -> Counter[str]:
        """By mint what the user has in open positions and in orders on their way, over all of his wallets of the mode."""
        risked: Counter[str] = Counter()
        for intent in self._moving.values():
            is_his = (intent.request.user_id, intent.request.mode) == (request.user_id, request.mode)
            if is_his and intent.request.side is not Side.WITHDRAW:
                risked[intent.request.mint] += intent.reserved_lamports
        for row in self._positions.values():
            if (row.user_id, row.mode) == (request.user_id, request.mode) and row.state is PositionState.OPEN:
                risked[row.mint] += row.cost_lamports
        return risked

    def _unproven_exits(self, request: TradeRequest) -> int:
        """How many attempts of filled exits of this wallet, mint and mode may still land."""
        wanted = (request.wallet_id, request.mint, request.mode)
        return sum(
            row.state in MAY_LAND
            and (intent := self._intents[row.intent_id]).state is IntentState.FILLED
            and (intent.request.wallet_id, intent.request.mint, intent.request.mode) == wanted
            for row in self._attempts.values()
        )

    def _intent(self, intent_id: str) -> Intent:
        if intent_id not in self._intents:
            raise no_intent(intent_id)
        return self._intents[intent_id]

    def _put_intent(self, intent: Intent) -> None:
        """Write an intent and let its snipe run follow, unless that says already what it would say then."""
        before = self._intents.get(intent.id)
        self._intents[intent.id] = intent
        if intent.state in TERMINAL:
            self._moving.pop(intent.id, None)
        else:
            self._moving[intent.id] = intent
        if before is not None and RUN_STATUS_OF[before.state] == RUN_STATUS_OF[intent.state]:
            return
        run = self._runs.get(run_of(intent.request) or "")
        if run is not None:
            reason = run.reason if intent.failure is None else intent.failure
            self._runs[run.id] = replace(run, status=RUN_STATUS_OF[intent.state], reason=reason)

    def _put_attempt(self, attempt: Attempt) -> None:
        self._attempts[attempt.signature] = attempt
        self._attempts_by_intent.setdefault(attempt.intent_id, {})[attempt.signature] = attempt

    def _attempts_of(self, intent_id: str) -> list[Attempt]:
        return sorted(self._attempts_by_intent.get(intent_id, {}).values(), key=lambda row: row.number)

    def _attempt_of(self, intent_id: str, signature: str) -> Attempt:
        attempt = self._attempts.get(signature)
        if attempt is None or attempt.intent_id != intent_id:
            raise no_attempt(intent_id, signature)
        return attempt

    def _standing_position(self, request: TradeRequest) -> Position | None:
        """The open position of a wallet, mint and mode, or the newest closed one."""
        wanted = (request.wallet_id, request.mint, request.mode)
        rows = [row for row in self._positions.values() if (row.wallet_id, row.mint, row.mode) == wanted]
        return next((row for row in rows if row.state is PositionState.OPEN), rows[-1] if rows else None)
