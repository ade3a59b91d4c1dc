"""What users hear of keys that are taken out, as facts: see `messages.py`. All of it is urgent."""

from __future__ import annotations

from bot.clock import Clock
from bot.ports import KeyExport, OutboxMessage, Wallet


def key_demanded_message(clock: Clock, wallet: Wallet, row: KeyExport) -> OutboxMessage:
    """Somebody with a code of the user's wants a key of his; he hears of it at once, and how to take it back."""
    now_ms = clock.now_ms()
    facts = {"delay_ms": row.not_before_ms - now_ms, "counts_ms": row.not_after_ms - row.not_before_ms}
    return _message(clock, wallet, row, f"export:{row.id}", kind="key_demanded", facts=facts)


def key_exported_message(clock: Clock, wallet: Wallet, row: KeyExport, at_ms: int) -> OutboxMessage:
    """A key leaves."""
    return _message(clock, wallet, row, f"exported:{row.id}:{at_ms}", kind="key_exported", facts={})


def _message(
    clock: Clock, wallet: Wallet, row: KeyExport, message_id: str, *, kind: str, facts: dict[str, int]
) -> OutboxMessage:
    return OutboxMessage(
        id=message_id,
        user_id=row.user_id,
        kind=kind,
        payload={"wallet": wallet.name, "address": wallet.address, "mode": wallet.mode.value, **facts},
        urgent=True,
        trace_id=row.id,
        created_at_ms=clock.now_ms(),
    )
