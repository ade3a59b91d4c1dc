"""What an operator must hear of the vault: an order that it does not sign."""

from __future__ import annotations

from bot.execution.alerts import Alert
from bot.ports import Signing, Wallet
from bot.trading.runbooks import VAULT


def signing_refused(wallet: Wallet, asked: Signing, reason: str) -> Alert:
    """The vault judged an order's bytes and did not sign them: a bound is reached, or somebody asks what nobody may."""
    text = (
        f"The vault did not sign order {asked.intent_id} of user {wallet.user_id}, wallet {wallet.address}: {reason}. Nothing of"
        " it was sent. An exit is asked for again by itself."
    )
    return Alert(f"signing_refused {wallet.id}", text, VAULT, urgent=True)
