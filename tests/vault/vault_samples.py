"""What tests of the vault and of those who sign by it share: bounds, a guard, a small message, and an owner's own hand."""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from solders.hash import Hash
from solders.pubkey import Pubkey

from bot.chain.closings import build_closing
from bot.clock import Clock, system_clock
from bot.ports import ClosingOrder, SealedKey, Signing, Wallet
from bot.settings import Settings
from bot.signing_bounds import signing_bounds
from bot.trading.closing import EmptyAccount
from bot.vault.envelope import open_sealed
from bot.vault.guard import SigningGuard
from bot.vault.master_key import MasterKey
from bot.vault.policy import Bounds

BOUNDS = signing_bounds(Settings(), is_local=True)
TOKEN_2022 = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"


def guard(clock: Clock | None = None, **changes: int) -> SigningGuard:
    """A guard with the bounds of the default settings, and these changed."""
    return SigningGuard(replace(BOUNDS, **changes), clock or system_clock())


def bounds(**changes: int) -> Bounds:
    """The bounds of the default settings, and these changed."""
    return replace(BOUNDS, **changes)


def closing(address: str, number: int = 0, intent_id: str | None = None) -> Signing:
    """A message that closes one token account of a wallet; another `number` is another message.

    Its intent is the wallet's own, where none is named.
    """
    account = EmptyAccount(str(Pubkey.from_bytes(number.to_bytes(32, "big"))), address, TOKEN_2022, 2_000_000)
    message = build_closing(ClosingOrder(address, (account,), 1_000), Hash.default())
    return Signing(intent_id or f"closing of {address}", "", message)


def sign_by_hand(master_key: MasterKey, wallet: Wallet, sealed: SealedKey, message: bytes) -> bytes:
    """What the wallet's owner signs with his key elsewhere, past every policy."""
    seed = open_sealed(master_key, wallet.user_id, wallet.address, sealed)
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)
