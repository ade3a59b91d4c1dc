"""Wallets that a user freezes by a word, and lets sign again with a code of his second factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.clock import Clock
from bot.commands import Command
from bot.errors import KeyUnavailable
from bot.execution.freezes import WalletFreezes
from bot.ports import NoteKind, Store, User, Wallet, safe_address
from bot.telegram.chat import Incoming
from bot.telegram.handlers.account import known
from bot.telegram.handlers.security import NO_CODES, code_in, refused_by_vault
from bot.telegram.handlers.withdraw import LIVE, named_wallet
from bot.telegram.parsing import UsageError, wrong_usage
from bot.trading.intent import Mode

HERE_ALONE = (
    " The vault, which signs, does not answer now and does not know it yet; this bot signs nothing all the same. Send /freeze"
    " again in a moment."
)
NOT_FROZEN = "Your wallet {} is not frozen by /freeze; /status says what else holds it"
VAULT_ASKED = (
    " The vault, which signs, has taken your code all the same: if it remembered a freeze that I did not, that is over."
)


class Freezer(Protocol):
    """The guard's side of a freeze, which answers at once."""

    async def freeze_wallet(self, wallet: Wallet) -> bool: ...

    def freezes(self, user_id: str, wallet_id: str) -> tuple[str, ...]: ...

    def kept_where(self) -> str: ...


@dataclass(frozen=True, slots=True)
class FreezeHandlers:
    """`/freeze` takes power away and needs nothing for it; `/unfreeze` gives it back for a code that the vault takes."""

    store: Store
    clock: Clock
    guard: Freezer
    both: WalletFreezes

    async def freeze(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        """The guard first, which answers whatever else is away; then the vault, which nobody talks out of it."""
        if len(arguments) > 1:
            raise wrong_usage(command)
        wallet = named_wallet(await self._wallets(known(incoming)), [*arguments])
        begins = await self.guard.freeze_wallet(wallet)
        told = "is frozen" if begins else "is frozen already"
        try:
            await self.both.freeze(wallet)
        except KeyUnavailable:
            kept = HERE_ALONE
        else:
            kept = self.guard.kept_where()
        safe = safe_address(await self.store.allowed_addresses(wallet.user_id), wallet.id, self.clock.now_ms())
        swept = (
            ""
            if safe is None
            else f" Its SOL, and then the tokens of its positions, are being swept to your safe address {safe.address}."
        )
        return (
            f"{LIVE} Your wallet {wallet.name} ({wallet.address}) {told}: nothing is bought, sold or sent from it, your stops and"
            " take-profits neither, and its key is handed out to nobody. What it holds is watched on, and I go on telling you of"
            f" it. /unfreeze CODE {wallet.name} ends that, with a code of your second factor.{swept}{kept}"
        )

    async def unfreeze(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if not 1 <= len(arguments) <= 2:
            raise wrong_usage(command)
        user, code = known(incoming), code_in(arguments[0], command)
        wallet = named_wallet(await self._wallets(user), [*arguments[1:]])
        current = (await self.store.notes(user.id)).get(NoteKind.CODE)
        if current is None:
            raise UsageError(NO_CODES if self.both.is_frozen(wallet) else NOT_FROZEN.format(wallet.name))
        try:
            was_frozen = await self.both.let_go(wallet, current, code)
        except KeyUnavailable as error:
            raise refused_by_vault(error) from None
        if not was_frozen:
            return f"{LIVE} {NOT_FROZEN.format(wallet.name)}.{VAULT_ASKED}"
        others = "" if not self.guard.freezes(user.id, wallet.id) else " Something else still freezes it: see /status."
        return (
            f"{LIVE} Your wallet {wallet.name} is not frozen any more; its stops and take-profits hold again.{others}"
        )

    async def _wallets(self, user: User) -> list[Wallet]:
        wallets = [one for one in await self.store.wallets(user.id) if one.mode is Mode.LIVE]
        if not wallets:
            raise UsageError("you have no wallet that holds more than play money, and that is not worth a freeze")
        return wallets
