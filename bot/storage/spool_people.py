"""People, wallets and keys while the database may be away: remembered from its answers, and read from memory then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import trio

from bot.errors import StoreUnavailable
from bot.ports import ChangeSettings, SealedKey, Store, User, Wallet
from bot.storage.leaving_rules import handle_of_closed
from bot.storage.spool_charge import Charge, listed
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.trading.strategy import Strategy


class SpooledPeople:
    """People, wallets and keys: read from the database, remembered, and read from memory while that is away."""

    def __init__(self, store: Store, charge: Charge) -> None:
        self._store = store
        self._charge = charge
        self._memory = charge.memory
        self._changes = 0  # of anybody's settings that are over, however they ended
        self._uncertain: set[str] = set()  # whose last change of settings got no answer

    async def create_user(self, user: User, wallet: Wallet, key: SealedKey, settings: UserSettings) -> bool:
        made = await self._store.create_user(user, wallet, key, settings)
        if made:
            self._memory.know_users([user])
            self._memory.know_wallets([wallet])
            self._memory.know_key(wallet.id, key)
            self._memory.know_settings(user.id, settings)
        return made

    async def users(self) -> list[User]:
        users = await self._charge.read(self._store.users, self._memory.all_users)
        self._memory.know_users(users)
        return users

    async def user_by_handle(self, handle: str) -> User | None:
        async def ask() -> list[User]:
            return listed(await self._store.user_by_handle(handle))

        return await self._one_user(ask, lambda user: user.handle == handle)

    async def user_by_telegram_id(self, telegram_id: int) -> User | None:
        async def ask() -> list[User]:
            return listed(await self._store.user_by_telegram_id(telegram_id))

        return await self._one_user(ask, lambda user: user.telegram_id == telegram_id)

    async def _one_user(
        self, ask: Callable[[], Awaitable[list[User]]], is_meant: Callable[[User], bool]
    ) -> User | None:
        """Somebody whom memory does not know may have come since: that is no answer."""
        found = await self._charge.read(
            ask, lambda: [user for user in self._memory.all_users() if is_meant(user)] or None
        )
        self._memory.know_users(found)
        return found[0] if found else None

    async def save_consent(self, user_id: str, version: str) -> None:
        await self._store.save_consent(user_id, version)
        self._memory.know_users(
            [replace(user, consent_version=version) for user in self._memory.all_users() if user.id == user_id]
        )

    async def close_account(self, user_id: str, now_ms: int) -> None:
        """Memory forgets who he was as well; his wallets stay, as in the rows."""
        await self._store.close_account(user_id, now_ms)
        leavers = [user for user in self._memory.all_users() if user.id == user_id]
        handle = handle_of_closed(user_id)
        self._memory.know_users([replace(user, handle=handle, telegram_id=None, has_left=True) for user in leavers])

    async def add_wallet(self, wallet: Wallet, key: SealedKey) -> bool:
        added = await self._store.add_wallet(wallet, key)
        if added:
            self._memory.know_wallets([wallet])
            self._memory.know_key(wallet.id, key)
        return added

    async def rename_wallet(self, user_id: str, wallet_id: str, name: str) -> bool:
        renamed = await self._store.rename_wallet(user_id, wallet_id, name)
        self._memory.know_wallets(await self._store.wallets(user_id))
        return renamed

    async def bind_wallet(self, user_id: str, wallet_id: str, strategy: Strategy, now_ms: int) -> None:
        await self._store.bind_wallet(user_id, wallet_id, strategy, now_ms)
        self._memory.know_wallets(await self._store.wallets(user_id))

    async def set_mode(self, user_id: str, mode: Mode) -> None:
        """What memory knows stays valid until the database has said that it changed."""
        await self._store.set_mode(user_id, mode)
        self._memory.know_users([replace(user, mode=mode) for user in self._memory.all_users() if user.id == user_id])

    async def wallets(self, user_id: str | None = None) -> list[Wallet]:
        wallets = await self._charge.read(
            lambda: self._store.wallets(user_id), lambda: self._memory.wallets_of(user_id) or None
        )
        self._memory.know_wallets(wallets)
        return wallets

    async def sealed_key(self, wallet_id: str) -> SealedKey:
        key = await self._charge.read(lambda: self._store.sealed_key(wallet_id), lambda: self._memory.key_of(wallet_id))
        self._memory.know_key(wallet_id, key)
        return key

    async def replace_key(self, wallet_id: str, before: SealedKey, after: SealedKey) -> bool:
        """What memory knows opens as long as the vault holds the former master key."""
        replaced = await self._store.replace_key(wallet_id, before, after)
        if replaced:
            self._memory.know_key(wallet_id, after)
        return replaced

    async def settings(self, user_id: str) -> UserSettings:
        began = self._changes
        settings = await self._charge.read(
            lambda: self._store.settings(user_id), lambda: self._memory.settings_of(user_id)
        )
        self._know_settings({user_id: settings}, began)
        return settings

    async def remembered_settings(self, user_id: str) -> UserSettings:
        """Memory has each change by this process, the only one that writes; nobody is asked while the last one is certain."""
        known = None if user_id in self._uncertain else self._memory.settings_of(user_id)
        if known is None or self._charge.away is not None:
            return await self.settings(user_id)
        await trio.lowlevel.checkpoint_if_cancelled()
        return known

    async def many_settings(self, user_ids: Sequence[str]) -> dict[str, UserSettings]:
        began = self._changes
        found = await self._charge.read(
            lambda: self._store.many_settings(user_ids), lambda: self._memory.settings_of_all(user_ids)
        )
        self._know_settings(found, began)
        return found

    def _know_settings(self, found: Mapping[str, UserSettings], began: int) -> None:
        """Remember what was read, unless somebody changed settings since the reading began: it may be from before that."""
        if began != self._changes:
            return
        for user_id, settings in found.items():
            self._memory.know_settings(user_id, settings)

    async def change_settings(self, user_id: str, change: ChangeSettings, by: str) -> UserSettings:
        """What memory knows stays valid until the database has said that it changed.

        A change that got no answer may come about at any time: until the next one his settings are read each time.
        """
        try:
            settings = await self._store.change_settings(user_id, change, by)
        except StoreUnavailable:
            self._uncertain.add(user_id)
            raise
        finally:
            self._changes += 1
        self._uncertain.discard(user_id)
        self._memory.know_settings(user_id, settings)
        return settings
