"""What landed and was no trade goes into the books: emptied accounts that were closed, and SOL that its user sent out."""

from __future__ import annotations

import structlog

from bot.clock import Clock
from bot.execution.withdrawal_messages import withdrawn_message
from bot.ports import Store
from bot.trading.closing import check_closed
from bot.trading.fill import LandedTransaction
from bot.trading.intent import Intent
from bot.trading.ledger import legs_of_withdrawal
from bot.trading.withdrawal import check_withdrawn

log = structlog.get_logger()


async def book_closing(store: Store, clock: Clock, intent: Intent, landed: LandedTransaction) -> None:
    """What came back and what it cost; nobody is told. Raises EvidenceError for what is no such closing."""
    check_closed(landed, intent.request.closes)
    await store.settle_closing(intent.id, landed, now_ms=clock.now_ms())
    log.info(
        "accounts_closed",
        intent=intent.id,
        signature=landed.signature,
        accounts=len(landed.closed),
        wallet_delta_lamports=landed.wallet_delta_lamports,
        slot=landed.slot,
    )


async def book_withdrawal(store: Store, clock: Clock, intent: Intent, landed: LandedTransaction) -> None:
    """What left and what it cost, with the message to its user. Raises EvidenceError for what is no such withdrawal."""
    check_withdrawn(landed, intent.request)
    legs, message = legs_of_withdrawal(landed), withdrawn_message(clock, intent, landed)
    await store.settle_withdrawal(intent.id, landed, legs=legs, message=message, now_ms=clock.now_ms())
    log.warning(
        "withdrawn",
        intent=intent.id,
        signature=landed.signature,
        user=intent.request.user_id,
        wallet_delta_lamports=landed.wallet_delta_lamports,
        slot=landed.slot,
    )
