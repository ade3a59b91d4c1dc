"""Outbox messages as facts: a kind and a JSON-ready payload. The doors turn them into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.clock import Clock
from bot.ports import OutboxMessage, Reversed, Wallet, WalletMove
from bot.trading.failures import after_failed_sale
from bot.trading.fill import Brought, Fill, LandedTransaction
from bot.trading.intent import Context, Intent, Side, TradeRequest
from bot.trading.limits import UserSettings
from bot.trading.position import Position, PositionState
from bot.trading.standing import StandingOrder
from bot.trading.trading_state import Halt


def order_message(
    clock: Clock, intent: Intent, kind: str, payload: dict[str, object], *, urgent: bool = False
) -> OutboxMessage:
    """News of an order for its user: mint, mode and side beside what this kind says, under the intent's trace."""
    request = intent.request
    return OutboxMessage(
        id=clock.new_id(),
        user_id=request.user_id,
        kind=kind,
        payload={
            "mint": request.mint,
            "mode": request.mode.value,
            "side": request.side.value,
            **_sent_to(request),
            **payload,
        },
        urgent=urgent,
        trace_id=intent.id,
        created_at_ms=clock.now_ms(),
    )


def _sent_to(request: TradeRequest) -> dict[str, object]:
    """Of a withdrawal, which has no mint: how much was to go where."""
    if request.side is not Side.WITHDRAW:
        return {}
    return {"to": request.to_address, "lamports": request.spend_lamports}


def fill_message(clock: Clock, intent: Intent, fill: Fill, position: Position, realized_lamports: int) -> OutboxMessage:
    """A buy or a sale was settled."""
    return order_message(
        clock,
        intent,
        "fill",
        {
            "token_raw": fill.token_raw,
            "wallet_delta_lamports": fill.wallet_delta_lamports,
            "cost_lamports": fill.cost_lamports if fill.side is Side.BUY else 0,
            "proceeds_lamports": fill.proceeds_lamports if fill.side is Side.SELL else 0,
            "realized_lamports": realized_lamports,
            "position_closed": position.state is PositionState.CLOSED,
            "position_realized_lamports": position.realized_lamports,
            "position_id": position.id,
            "signature": fill.signature,
            "reason": intent.request.reason,
            "evidence": intent.request.evidence,
        },
    )


def failed_message(
    clock: Clock, intent: Intent, landed: LandedTransaction, failure: str, brought: Brought | None
) -> OutboxMessage:
    """A transaction landed with an error; its network fee is gone, nothing was traded.

    Or it landed as something else than its trade, and `brought` tokens that are a position from now on.
    """
    payload: dict[str, object] = {
        "signature": landed.signature,
        "failure": failure,
        "program_error": landed.program_error,
    }
    if intent.request.side is Side.SELL and intent.request.context is Context.MANUAL_COMMAND:
        payload["advice"] = after_failed_sale(landed.program_error)
    if brought is not None:
        payload |= {"brought_token_raw": brought.token_raw, "brought_for_lamports": brought.cost_lamports}
    return order_message(clock, intent, "order_failed", payload)


def expired_message(clock: Clock, intent: Intent, signature: str) -> OutboxMessage:
    """An order is proven never to have landed."""
    return order_message(clock, intent, "order_expired", {"signature": signature})


def unknown_message(clock: Clock, intent: Intent, signature: str) -> OutboxMessage:
    """An order can no longer land and is not proven either way; told once, however often this is written."""
    message = order_message(clock, intent, "order_unknown", {"signature": signature})
    return replace(message, id=f"unknown:{intent.id}")


def rolled_back_message(clock: Clock, reversed_: Reversed, because: str) -> OutboxMessage:
    """The network took back an order's transaction, or the one that it was booked on top of, `because`."""
    fill, signature = reversed_.fill, reversed_.attempt.signature
    message = order_message(
        clock,
        reversed_.intent,
        "rolled_back",
        {
            "signature": signature,
            "itself": signature == because,
            "token_raw": 0 if fill is None else fill.token_raw,
            "position_open": reversed_.position is not None and reversed_.position.state is PositionState.OPEN,
        },
        urgent=True,
    )
    return replace(message, id=f"rolled_back:{signature}:{reversed_.attempt.rollbacks}")


def landed_after_all_message(clock: Clock, reversed_: Reversed) -> OutboxMessage:
    """What was told of an order's end was wrong: its transaction has landed after all."""
    signature = reversed_.attempt.signature
    message = order_message(clock, reversed_.intent, "landed_after_all", {"signature": signature}, urgent=True)
    return replace(message, id=f"landed_after_all:{signature}:{reversed_.attempt.rollbacks}")


def monitor_lost_message(clock: Clock, position: Position) -> OutboxMessage:
    """A position's own monitor is out of order; a simpler one looks after it."""
    return OutboxMessage(
        id=clock.new_id(),
        user_id=position.user_id,
        kind="monitor_lost",
        payload={"mint": position.mint, "mode": position.mode.value, "position_id": position.id},
        urgent=True,
        trace_id=position.id,
        created_at_ms=clock.now_ms(),
    )


def breaker_message(clock: Clock, user_id: str, why: str) -> OutboxMessage:
    """What buys for this user by itself is paused until he resumes it."""
    return OutboxMessage(
        id=clock.new_id(),
        user_id=user_id,
        kind="breaker",
        payload={"why": why},
        urgent=True,
        trace_id=user_id,
        created_at_ms=clock.now_ms(),
    )


def loss_flatten_message(clock: Clock, user_id: str, why: str, positions: int) -> OutboxMessage:
    """The loss at which everything is to be sold was reached."""
    return OutboxMessage(
        id=clock.new_id(),
        user_id=user_id,
        kind="loss_flatten",
        payload={"why": why, "positions": positions},
        urgent=True,
        trace_id=user_id,
        created_at_ms=clock.now_ms(),
    )


def flattened_message(clock: Clock, user_id: str, why: str, positions: int) -> OutboxMessage:
    """An operator has everything sold that this user holds, and pauses his entries."""
    message_id = clock.new_id()
    return OutboxMessage(
        id=message_id,
        user_id=user_id,
        kind="flattened",
        payload={"why": why, "positions": positions},
        urgent=True,
        trace_id=message_id,
        created_at_ms=clock.now_ms(),
    )


def overtaken_message(user_id: str, command: str, at: str, at_ms: int) -> OutboxMessage:
    """What a user ordered `at` that moment lay on the disk of a bot that led no more; told once, however often it is found."""
    message_id = f"overtaken {user_id} {command} {at_ms}"
    return OutboxMessage(
        id=message_id,
        user_id=user_id,
        kind="overtaken",
        payload={"command": command, "at": at},
        urgent=True,
        trace_id=message_id,
        created_at_ms=at_ms,
    )


def program_flattened_message(clock: Clock, user_id: str, program: str, why: str, positions: int) -> OutboxMessage:
    """An operator has everything sold that trades at one program; this user holds so many positions of it."""
    message_id = clock.new_id()
    return OutboxMessage(
        id=message_id,
        user_id=user_id,
        kind="program_flattened",
        payload={"program": program, "why": why, "positions": positions},
        urgent=True,
        trace_id=message_id,
        created_at_ms=clock.now_ms(),
    )


def halt_message(clock: Clock, halt: Halt, user_id: str, positions: int, settings: UserSettings) -> OutboxMessage:
    """Trading is halted for everybody; what that means for this user's `positions` open ones is his choice."""
    payload: dict[str, object] = {
        "cause": halt.cause,
        "why": halt.why,
        "positions": positions,
        "on_critical": settings.on_critical,
        "sniper": settings.snipe_enabled,
    }
    return _of_halt(clock, halt, user_id, "halted", payload)


def rearm_message(clock: Clock, halt: Halt, user_id: str, settings: UserSettings) -> OutboxMessage:
    """The halt is over."""
    return _of_halt(clock, halt, user_id, "rearmed", {"sniper": settings.snipe_enabled})


def _of_halt(clock: Clock, halt: Halt, user_id: str, kind: str, payload: dict[str, object]) -> OutboxMessage:
    """Its id follows from the halt, so that the same news again is the same message."""
    return OutboxMessage(
        id=f"{kind}:{halt.since_ms}:{user_id}",
        user_id=user_id,
        kind=kind,
        payload=payload,
        urgent=True,
        trace_id=f"halt:{halt.since_ms}",
        created_at_ms=clock.now_ms(),
    )


def away_message(clock: Clock, user_id: str, absence: str, payload: dict[str, object]) -> OutboxMessage:
    """The bot was away while this user held something; `absence` is the same for the same one."""
    return OutboxMessage(
        id=f"{absence}:{user_id}",
        user_id=user_id,
        kind="away",
        payload=payload,
        urgent=True,
        trace_id=absence,
        created_at_ms=clock.now_ms(),
    )


def lost_lamports(moves: Sequence[WalletMove]) -> int:
    """What left a wallet in these transactions; what came in by others of them is not counted against it."""
    return -sum(min(move.lamports, 0) for move in moves)


def outflow_message(clock: Clock, wallet: Wallet, moves: Sequence[WalletMove], frozen_for: str) -> OutboxMessage:
    """The wallet's key was used elsewhere by these transactions, and the wallet is frozen for this reason since.

    Told once for each time that the wallet is frozen, for a reason of its own, however much leaves meanwhile.
    """
    return OutboxMessage(
        id=f"outflow:{wallet.id}:{frozen_for}",
        user_id=wallet.user_id,
        kind="outflow",
        payload={
            "address": wallet.address,
            "signatures": [move.signature for move in moves],
            "lamports": lost_lamports(moves),
            "mints": sorted({mint for move in moves for mint, raw in move.token_raw.items() if raw < 0}),
        },
        urgent=True,
        trace_id=wallet.id,
        created_at_ms=clock.now_ms(),
    )


def outflow_was_ours_message(clock: Clock, wallet: Wallet, frozen_for: str) -> OutboxMessage:
    """The key was not used elsewhere: a journal that came later has the orders that it was used for."""
    return OutboxMessage(
        id=f"outflow_was_ours:{wallet.id}:{frozen_for}",
        user_id=wallet.user_id,
        kind="outflow_was_ours",
        payload={"address": wallet.address},
        urgent=True,
        trace_id=wallet.id,
        created_at_ms=clock.now_ms(),
    )


def adjustment_message(
    clock: Clock, position: Position, chain_token_raw: int, by: WalletMove | None = None, *, swept: bool = False
) -> OutboxMessage:
    """The chain shows another quantity than the books; the books follow it. `by` is the transaction that is the reason.

    What was `swept` its user has heard of when it left, and no alarm is raised for it.
    """
    missing_raw = max(0, position.token_raw - chain_token_raw)
    brought = {} if by is None else {"signature": by.signature, "lamports": by.lamports, "signed": by.used_the_key}
    return OutboxMessage(
        id=clock.new_id(),
        user_id=position.user_id,
        kind="adjustment",
        payload={
            "mint": position.mint,
            "mode": position.mode.value,
            "position_id": position.id,
            "books_token_raw": position.token_raw,
            "chain_token_raw": chain_token_raw,
            "cost_lost_lamports": position.cost_lamports * missing_raw // max(position.token_raw, 1),
            **brought,
            **({"swept": True} if swept else {}),
        },
        urgent=missing_raw > 0 and not swept,
        trace_id=position.id,
        created_at_ms=clock.now_ms(),
    )


def awaits_pool_message(clock: Clock, position: Position) -> OutboxMessage:
    """The position's coin has left its curve and cannot be sold before its pool opens; told once for a position."""
    return OutboxMessage(
        id=f"awaits_pool:{position.id}",
        user_id=position.user_id,
        kind="awaits_pool",
        payload={"mint": position.mint, "mode": position.mode.value},
        urgent=False,
        trace_id=position.id,
        created_at_ms=clock.now_ms(),
    )


def awaits_router_message(clock: Clock, position: Position, reason: str) -> OutboxMessage:
    """A sale by an aggregator's offer waits, because it does not answer or proposed another trade; it is tried on."""
    return OutboxMessage(
        id=clock.new_id(),
        user_id=position.user_id,
        kind="awaits_router",
        payload={"mint": position.mint, "mode": position.mode.value, "reason": reason},
        urgent=True,
        trace_id=position.id,
        created_at_ms=clock.now_ms(),
    )


def exit_stuck_message(clock: Clock, position: Position, tries: int, reason: str) -> OutboxMessage:
    """Every rung of an exit has failed; it is tried on."""
    return OutboxMessage(
        id=clock.new_id(),
        user_id=position.user_id,
        kind="exit_stuck",
        payload={
            "mint": position.mint,
            "mode": position.mode.value,
            "position_id": position.id,
            "tries": tries,
            "reason": reason,
        },
        urgent=True,
        trace_id=position.id,
        created_at_ms=clock.now_ms(),
    )


def standing_fired_message(clock: Clock, order: StandingOrder, intent: Intent) -> OutboxMessage:
    """A turn of a standing order has become an order; told once for each."""
    message = _of_standing(clock, order, "standing_fired", {"reserved_lamports": intent.reserved_lamports})
    return replace(message, id=f"standing_fired:{order.id}:{order.turn}", trace_id=intent.id)


def standing_waits_message(clock: Clock, order: StandingOrder) -> OutboxMessage:
    """A standing order could not be carried out now and waits."""
    return _of_standing(clock, order, "standing_waits", {"why": order.why})


def standing_ended_message(clock: Clock, order: StandingOrder) -> OutboxMessage:
    """A standing order has ended, and how."""
    return _of_standing(clock, order, "standing_ended", {"state": order.state.value, "why": order.why})


def _of_standing(clock: Clock, order: StandingOrder, kind: str, payload: dict[str, object]) -> OutboxMessage:
    """Its id follows from the version of the order, so that the same news again is the same message."""
    return OutboxMessage(
        id=f"{kind}:{order.id}:{order.version}",
        user_id=order.user_id,
        kind=kind,
        payload={
            "mint": order.mint,
            "mode": order.mode.value,
            "what": order.kind.value,
            "code": order.code,
            "spend_lamports": order.spend_lamports,
            "token_raw": order.token_raw,
            "sells_all": order.sells_all,
            "filled": order.filled,
            "turns": order.turns,
            **payload,
        },
        urgent=False,
        trace_id=order.id,
        created_at_ms=clock.now_ms(),
    )
