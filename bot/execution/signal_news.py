"""What a sniper that only tells says of a token, as facts for the outbox."""

from __future__ import annotations

from bot.clock import Clock
from bot.ports import OutboxMessage, SnipeRun
from bot.trading.intent import Mode
from bot.trading.signal import Signal


def signal_message(clock: Clock, run: SnipeRun, signal: Signal, mode: Mode) -> OutboxMessage:
    """What a sniper that only tells would have bought."""
    return OutboxMessage(
        id=clock.new_id(),
        user_id=run.user_id,
        kind="signal",
        payload={
            "mint": run.mint,
            "mode": mode.value,
            "spend_lamports": signal.spend_lamports,
            "reason": signal.reason,
        },
        urgent=False,
        trace_id=run.id,
        created_at_ms=clock.now_ms(),
    )
