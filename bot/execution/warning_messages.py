"""What a user hears before it costs him more: a day's loss that closed his entries, a wallet that runs dry or signs nothing."""

from __future__ import annotations

from bot.clock import Clock, day_of
from bot.ports import OutboxMessage, Wallet
from bot.trading.copying import Copy
from bot.trading.intent import Mode


def day_loss_message(clock: Clock, user_id: str, mode: Mode, day: str, why: str) -> OutboxMessage:
    """The loss of a day of his closed his entries; told once a day, however often it is written."""
    message_id = f"day_loss:{user_id}:{mode.value}:{day}"
    return OutboxMessage(
        id=message_id,
        user_id=user_id,
        kind="day_loss",
        payload={"mode": mode.value, "why": why},
        urgent=True,
        trace_id=message_id,
        created_at_ms=clock.now_ms(),
    )


def wallet_low_message(clock: Clock, wallet: Wallet, lamports: int, positions: int, missing: int) -> OutboxMessage:
    """A wallet has less than the sales of its positions may cost; told once a day (UTC) for so many positions."""
    now_ms = clock.now_ms()
    message_id = f"wallet_low:{wallet.id}:{day_of(now_ms)}:{positions}"
    return OutboxMessage(
        id=message_id,
        user_id=wallet.user_id,
        kind="wallet_low",
        payload={
            "mode": wallet.mode.value,
            "address": wallet.address,
            "lamports": lamports,
            "positions": positions,
            "missing_lamports": missing,
        },
        urgent=True,
        trace_id=message_id,
        created_at_ms=now_ms,
    )


def vault_freeze_message(clock: Clock, wallet: Wallet) -> OutboxMessage:
    """The vault signs nothing for a wallet of which nobody here knew that it is frozen; told once a day (UTC)."""
    now_ms = clock.now_ms()
    message_id = f"vault_freeze:{wallet.id}:{day_of(now_ms)}"
    return OutboxMessage(
        id=message_id,
        user_id=wallet.user_id,
        kind="vault_freeze",
        payload={"mode": wallet.mode.value, "address": wallet.address, "name": wallet.name},
        urgent=True,
        trace_id=message_id,
        created_at_ms=now_ms,
    )


def copied_sale_left_message(clock: Clock, copy: Copy, why: str) -> OutboxMessage:
    """A sale that was to be copied is not tried any more; told once, however often this is written."""
    message_id = f"copied_sale_left:{copy.id}"
    return OutboxMessage(
        id=message_id,
        user_id=copy.user_id,
        kind="copied_sale_left",
        payload={"mode": copy.mode.value, "mint": copy.mint, "reason": copy.reason, "why": why},
        urgent=True,
        trace_id=copy.id,
        created_at_ms=clock.now_ms(),
    )
