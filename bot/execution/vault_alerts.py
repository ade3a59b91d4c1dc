"""What an operator must hear of the vault: an order that it does not sign, and a wallet that signs nothing any more."""

from __future__ import annotations

from bot.execution.alerts import Alert, Turn
from bot.ports import Signing, Wallet
from bot.trading.runbooks import FROZEN_WALLET, VAULT


def signing_refused(wallet: Wallet, asked: Signing, reason: str) -> Alert:
    """The vault judged an order's bytes and did not sign them: a bound is reached, or somebody asks what nobody may."""
    text = (
        f"The vault did not sign order {asked.intent_id} of user {wallet.user_id}, wallet {wallet.address}: {reason}. Nothing of"
        " it was sent. An exit is asked for again by itself."
    )
    return Alert(f"signing_refused {wallet.id}", text, VAULT, urgent=True)


def wallet_frozen(wallet: Wallet, why: str) -> Alert:
    """A wallet signs nothing until its owner gives a code."""
    text = (
        f"Wallet {wallet.address} of user {wallet.user_id} is frozen ({why}): nothing is bought, sold or sent from it until he"
        " gives /unfreeze with a code. What it holds is watched and not sold, its stops neither."
    )
    return Alert(f"frozen {wallet.id}", text, FROZEN_WALLET, Turn.BEGINS, urgent=True)


def master_key_old(key_id: str, since: str, days: int) -> Alert:
    """The master key has been in use for longer than a quarter."""
    text = (
        f"Master key {key_id} has been in use since {since}, {days} days: make a new one and run bot keys rotate. Nothing is"
        " wrong with it; a key that is changed every quarter is worth less to whoever copies it. This is said once a week."
    )
    return Alert("master_key_old", text, VAULT)


def wallet_unfrozen(wallet: Wallet) -> Alert:
    """Its owner has given a code."""
    text = (
        f"Wallet {wallet.address} of user {wallet.user_id} is not frozen any more: he gave a code of his second factor."
    )
    return Alert(f"frozen {wallet.id}", text, FROZEN_WALLET, Turn.ENDS)
