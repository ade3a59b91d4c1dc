"""People, their wallets and the keys: the rows of storage, and the vault that makes keys and signs with them.

No private key comes in here except sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.ports.notes import (
    Allowance,
    ExportDemand,
    ExportedKey,
    SealedNote,
    SecondFactor,
    Sweeping,
    Withdrawing,
    Withdrawn,
)
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.trading.strategy import Strategy

TELEGRAM_ID_DIGITS = 16  # Telegram's ids have at most 52 significant bits

MAIN = "main"  # what a user's first wallet of a mode is called

# Other settings made of the stored ones; pure, and raises AmountError where they do not go together.
ChangeSettings = Callable[[UserSettings], UserSettings]


@dataclass(frozen=True, slots=True)
class User:
    """A person who consented. `handle` is a short unique name (`demo-1`); `telegram_id` is None for demo users.

    `consent_version` names the consent text that the person agreed to; it is asked again when the text changes. Of one who
    `has_left` nobody knows any more who he was.
    """

    id: str
    handle: str
    telegram_id: int | None
    mode: Mode
    consent_version: str
    has_left: bool = False


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet that the bot signs for. `address` is base58; the sealed key lives beside it and never leaves the vault.

    It trades in one mode for as long as it lives. A user has at most one of a mode and `name`. `strategies` are those that
    buy from it; what is bound to none of a user's wallets buys from the oldest of the mode.
    """

    id: str
    user_id: str
    address: str
    mode: Mode
    name: str = MAIN
    strategies: tuple[str, ...] = ()


def telegram_id_of(text: str) -> int | None:
    """The Telegram id that a text is; None for one that is none, such as a handle."""
    is_id = text.isascii() and text.isdecimal() and len(text) <= TELEGRAM_ID_DIGITS
    return int(text) if is_id else None


def wallet_in(wallets: Sequence[Wallet], mode: Mode, strategy: Strategy = Strategy.MANUAL) -> Wallet:
    """The wallet of a mode among a user's, oldest first, that a strategy buys from; LookupError where he has none of it."""
    of_mode = [wallet for wallet in wallets if wallet.mode is mode]
    for wallet in [*(one for one in of_mode if strategy in one.strategies), *of_mode]:
        return wallet
    raise LookupError(f"there is no wallet of mode {mode.value}")


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A wallet's private key in envelope encryption.

    `wrapped_data_key` is the data key under the master key `master_key_id`; `ciphertext` is the private key under the
    data key. Both are AES-256-GCM with a 12-byte nonce in front, bound to user id and public key as associated data.
    """

    master_key_id: str
    wrapped_data_key: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class Signing:
    """A message to be signed, for which intent, and which token it trades: a mint in base58, empty where it only closes."""

    intent_id: str
    mint: str
    message: bytes


class UserStore(Protocol):
    async def create_user(self, user: User, wallet: Wallet, key: SealedKey, settings: UserSettings) -> bool:
        """Write user, wallet, sealed key and settings in one transaction; False when the handle exists, changing nothing.

        Raises Conflict for any other thing that exists.
        """

    async def users(self) -> list[User]:
        """Everybody, in the order of registration."""

    async def user_by_handle(self, handle: str) -> User | None:
        """A user by the bot's own name for him, which is not the public handle of a trader; None for nobody."""

    async def user_by_telegram_id(self, telegram_id: int) -> User | None:
        """A user by his id at Telegram; None for nobody."""

    async def save_consent(self, user_id: str, version: str) -> None:
        """He has agreed to this version of the terms. Raises LookupError for an unknown user."""

    async def add_wallet(self, wallet: Wallet, key: SealedKey) -> bool:
        """Give a user one more wallet; False, changing nothing, where he has one of its mode and name.

        Raises LookupError for an unknown user, Conflict for an id or address that is taken.
        """

    async def set_mode(self, user_id: str, mode: Mode) -> None:
        """What the user trades in from now on. Raises LookupError for an unknown user, Conflict where he has no such wallet."""

    async def wallets(self, user_id: str | None = None) -> list[Wallet]:
        """The wallets of one user, or all, oldest first."""

    async def sealed_key(self, wallet_id: str) -> SealedKey:
        """Raises KeyUnavailable for an unknown wallet."""

    async def sealed_under(self) -> dict[str, int]:
        """How many wallets are sealed under each master key, by its id."""

    async def wallets_not_under(self, master_key_id: str, after: str, most: int) -> list[Wallet]:
        """Wallets that are sealed under other master keys, in the order of their ids from behind `after`, at most so many."""

    async def replace_key(self, wallet_id: str, before: SealedKey, after: SealedKey) -> bool:
        """Put a sealed key in the place of another; False, changing nothing, where the row is not `before` any more."""

    async def settings(self, user_id: str) -> UserSettings:
        """Raises LookupError for an unknown user."""

    async def remembered_settings(self, user_id: str) -> UserSettings:
        """As `settings`, for whoever is in a hurry and whose order is judged by the row again.

        A store that saw every change of them since it read them, because no other process may write, asks nobody.
        """

    async def many_settings(self, user_ids: Sequence[str]) -> dict[str, UserSettings]:
        """The settings of many users in one look; unknown users are left out."""

    async def change_settings(self, user_id: str, change: ChangeSettings, by: str) -> UserSettings:
        """Make other settings of a user's settings, and give those back; the old row is kept with who changed it.

        `change` gets the stored ones and is called while nobody else changes them, so that of two changes at once none
        is lost. What it raises changes nothing.
        """


class Vault(SecondFactor, Protocol):
    async def create_key(self, user_id: str) -> tuple[str, SealedKey]:
        """A fresh keypair: its base58 address and the sealed private key. The key itself is not kept."""

    async def key_ids(self) -> list[str]:
        """The ids of the master keys that are there, the newest first: new rows are sealed under that one."""

    async def seal_anew(self, wallet: Wallet, key: SealedKey) -> SealedKey:
        """The same private key, sealed afresh under the newest master key; raises KeyUnavailable."""

    async def adopt(self, user_id: str, address: str, token: bytes) -> SealedKey:
        """The key of a wallet of an earlier bot, a Fernet token, sealed for a user; raises KeyUnavailable."""

    async def check_key(self, wallet: Wallet, key: SealedKey) -> None:
        """Raises KeyUnavailable unless the row opens and holds the wallet's own key. Nothing is signed."""

    async def sign(self, wallet: Wallet, key: SealedKey, asked: Signing) -> bytes:
        """The wallet's ed25519 signature (64 bytes) of a message of an intent.

        Raises KeyUnavailable, SigningRefused for a message that the vault's policy does not know or that takes too much, and
        WalletFrozen for any message of a wallet that is frozen.
        """

    async def allow(self, wallet: Wallet, key: SealedKey, address: str, current: SealedNote, code: str) -> Allowance:
        """Allow withdrawals from a wallet to an address, some time from now on, for a code of its user.

        Raises CodeRefused, KeyUnavailable, and SigningRefused for what is no address, or is the wallet's own.
        """

    async def sign_withdrawal(self, wallet: Wallet, key: SealedKey, asked: Withdrawing) -> Withdrawn:
        """Sign a transfer to an allowed address whose time has come, once, for a code of the wallet's user.

        Raises CodeRefused, KeyUnavailable, and SigningRefused for any other message, address or moment.
        """

    async def freeze(self, wallet: Wallet, key: SealedKey) -> None:
        """Sign nothing for this wallet from now on, whoever asks, and hand its key out to nobody. Takes no code.

        Raises KeyUnavailable.
        """

    async def unfreeze(self, wallet: Wallet, key: SealedKey, current: SealedNote, code: str) -> SealedNote:
        """Sign for this wallet again, for a code of its user; the note of the codes from now on.

        Raises CodeRefused and KeyUnavailable.
        """

    async def allow_safe(
        self, wallet: Wallet, key: SealedKey, address: str, current: SealedNote, code: str
    ) -> Allowance:
        """The same for the address to which the wallet is swept once it is frozen; raises as `allow`."""

    async def sign_sweep(self, wallet: Wallet, key: SealedKey, asked: Sweeping) -> bytes:
        """Sign a transfer of SOL or of a token from a frozen wallet to a safe address that counts, once for each intent. No code.

        Raises KeyUnavailable, CodeRefused, and SigningRefused for a wallet that is not frozen, and any other message or address.
        """

    async def demand_export(self, wallet: Wallet, key: SealedKey, current: SealedNote, code: str) -> ExportDemand:
        """Note that a user wants his wallet's key, some time from now on, for a code of his.

        Raises CodeRefused, KeyUnavailable, and SigningRefused for play money.
        """

    async def export_key(
        self, wallet: Wallet, key: SealedKey, demand: SealedNote, current: SealedNote, code: str
    ) -> ExportedKey:
        """The key as a page that opens by a code of its own, for a demand whose time has come and another code of the user.

        Raises CodeRefused, KeyUnavailable, and SigningRefused for another wallet's demand, another moment, or one taken back.
        """

    async def page_code(self, user_id: str, unlock: SealedNote) -> str:
        """The code that opens a page, for some minutes after it was made; raises KeyUnavailable.

        Raises SigningRefused later, for a frozen wallet, and behind `take_back_exports`.
        """

    async def take_back_exports(self, user_id: str) -> None:
        """No demand of this user counts that was made until now, whoever brings its note, and no code of a page is said.

        Raises KeyUnavailable.
        """
