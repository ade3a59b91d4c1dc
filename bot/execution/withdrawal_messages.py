"""What users hear of withdrawals, as facts: see `messages.py`."""

from __future__ import annotations

from bot.clock import Clock
from bot.execution.messages import order_message
from bot.ports import AllowedAddress, OutboxMessage, Wallet
from bot.trading.fill import LandedTransaction
from bot.trading.intent import Intent


def withdrawn_message(clock: Clock, intent: Intent, landed: LandedTransaction) -> OutboxMessage:
    """SOL has left for an address of the user's own: by his order; or out of a frozen wallet, or its tokens, to his safe one."""
    payload: dict[str, object] = {"signature": landed.signature, "fee_lamports": landed.network_fee_lamports}
    if intent.request.mint:
        payload["token_raw"] = intent.request.token_raw
    is_sweep = intent.request.is_sweep
    return order_message(clock, intent, "swept" if is_sweep else "withdrawn", payload, urgent=is_sweep)


def address_allowed_message(clock: Clock, wallet: Wallet, row: AllowedAddress, delay_ms: int) -> OutboxMessage:
    """Somebody with a code of the user's has allowed an address; he hears of it at once, and how to take it back."""
    return OutboxMessage(
        id=f"address:{row.id}",
        user_id=row.user_id,
        kind="safe_address" if row.is_safe else "address_allowed",
        payload={"wallet": wallet.name, "mode": wallet.mode.value, "address": row.address, "delay_ms": delay_ms},
        urgent=True,
        trace_id=row.id,
        created_at_ms=clock.now_ms(),
    )
