"""Users, their wallets, sealed keys and settings in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields

import asyncpg

from bot.errors import KeyUnavailable
from bot.ports import ChangeSettings, SealedKey, User, Wallet
from bot.storage.database import Database, Repository, Row
from bot.storage.read_together import ReadTogether
from bot.storage.rules import check_owner, no_user, no_wallet_in
from bot.storage.settings_rules import SEVERAL, check_settings
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings

INSERT_USER = """
insert into users (id, handle, telegram_id, mode, consent_version)
values ($1, $2, $3, $4, $5)
on conflict (handle) do nothing
returning id
"""
INSERT_WALLET = """
insert into user_wallets (
    id, user_id, address, mode, name, strategies, master_key_id, wrapped_data_key, ciphertext
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
INSERT_ONE_MORE_WALLET = f"""
{INSERT_WALLET.rstrip()}
on conflict (user_id, mode, name) do nothing
returning id
"""
# The columns stand in the order of the fields of UserSettings.
INSERT_SETTINGS = """
insert into user_settings (
    user_id, max_trade_lamports, max_position_lamports, daily_loss_limit_lamports, slippage_buy_bps,
    slippage_sell_bps, take_profit_bps, stop_loss_bps, max_hold_s, snipe_enabled, snipe_max_lamports,
    snipe_min_confidence_bps, snipe_max_daily, snipe_only_strong_buy, snipe_min_curve_lamports, snipe_epoch, timezone,
    require_confirmation, trailing_stop_bps, take_profit_share_bps, check_honeypots, on_critical, min_curve_lamports,
    flatten_at_loss_bps, fee_mode_buy, fee_buy_lamports, tip_buy_lamports, protection_buy, unlanded_buy,
    fee_mode_sell, fee_sell_lamports, tip_sell_lamports, protection_sell, unlanded_sell,
    max_top_holders_bps, role, preset_buys_lamports, preset_sells_bps, take_profit_levels,
    anti_rug, anti_rug_share_bps, anti_rug_within_s, max_positions, manual_max_trade_lamports, auto_max_trade_lamports,
    manual_max_positions, sniper_max_positions, auto_max_positions, manual_daily_spend_lamports,
    sniper_daily_spend_lamports, auto_daily_spend_lamports, snipe_max_scam_bps, snipe_min_momentum_bps,
    snipe_tells_only, blacklist, copy_max_trade_lamports, copy_max_positions, copy_daily_spend_lamports, copyable
)
values (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
    $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47,
    $48, $49, $50, $51, $52, $53, $54, $55, $56, $57, $58, $59
)
"""
SELECT_SETTINGS = "select * from user_settings where user_id = $1"
SELECT_MANY_SETTINGS = "select * from user_settings where user_id = any($1::text[])"
# Two changes of one user's settings follow each other, and nobody gives a user a wallet of a mode, or another mode, while
# somebody else does. The settings' own row is replaced, and so holds no lock.
LOCK_USER = "select 1 from users where id = $1 for no key update"
KEEP_OLD_SETTINGS = """
insert into user_settings_history (user_id, replaced_by, settings)
select user_id, $2, to_jsonb(user_settings) - 'user_id' from user_settings where user_id = $1
"""
DELETE_SETTINGS = "delete from user_settings where user_id = $1"
SELECT_USERS = "select * from users order by seq"
SELECT_USER_BY_HANDLE = "select * from users where handle = $1"
SELECT_USER_BY_TELEGRAM_ID = "select * from users where telegram_id = $1"
UPDATE_CONSENT = "update users set consent_version = $2, consented_at = now() where id = $1 returning id"
UPDATE_MODE = """
update users set mode = $2
where id = $1 and exists (select 1 from user_wallets where user_id = $1 and user_wallets.mode = $2)
returning id
"""
SELECT_WALLETS = """
select id, user_id, address, mode, name, strategies from user_wallets
where $1::text[] is null or user_id = any($1)
order by seq
"""
SELECT_KEYS = "select id, master_key_id, wrapped_data_key, ciphertext from user_wallets where id = any($1::text[])"
COUNT_KEYS = "select master_key_id, count(*) as wallets from user_wallets group by master_key_id"
SELECT_WALLETS_NOT_UNDER = """
select id, user_id, address, mode, name, strategies from user_wallets
where master_key_id <> $1 and id collate "C" > $2
order by id collate "C"
limit $3
"""
REPLACE_KEY = """
update user_wallets set master_key_id = $5, wrapped_data_key = $6, ciphertext = $7
where id = $1 and master_key_id = $2 and wrapped_data_key = $3 and ciphertext = $4
returning id
"""

_FIELDS = tuple(field.name for field in fields(UserSettings))


class Users(Repository):
    """Implements `UserStore`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._settings_read = ReadTogether(self.many_settings)
        self._wallets_read = ReadTogether(self._wallets_of)
        self._keys_read = ReadTogether(self._keys_of)

    async def create_user(self, user: User, wallet: Wallet, key: SealedKey, settings: UserSettings) -> bool:
        check_owner(user, wallet)
        check_settings(settings)
        return await self._database.write(_create, user, wallet, key, settings)

    async def users(self) -> list[User]:
        return [_user(row) for row in await self._database.read(_fetch, SELECT_USERS)]

    async def user_by_handle(self, handle: str) -> User | None:
        rows = await self._database.read(_fetch, SELECT_USER_BY_HANDLE, handle)
        return _user(rows[0]) if rows else None

    async def user_by_telegram_id(self, telegram_id: int) -> User | None:
        rows = await self._database.read(_fetch, SELECT_USER_BY_TELEGRAM_ID, telegram_id)
        return _user(rows[0]) if rows else None

    async def save_consent(self, user_id: str, version: str) -> None:
        await self._database.write(_save_consent, user_id, version)

    async def add_wallet(self, wallet: Wallet, key: SealedKey) -> bool:
        return await self._database.write(_add_wallet, wallet, key)

    async def set_mode(self, user_id: str, mode: Mode) -> None:
        await self._database.write(_set_mode, user_id, mode)

    async def wallets(self, user_id: str | None = None) -> list[Wallet]:
        if user_id is not None:
            return await self._wallets_read.read(user_id) or []
        return [_wallet(row) for row in await self._database.read(_fetch, SELECT_WALLETS, None)]

    async def _wallets_of(self, user_ids: list[str]) -> dict[str, list[Wallet]]:
        found: dict[str, list[Wallet]] = {}
        for row in await self._database.read(_fetch, SELECT_WALLETS, user_ids):
            found.setdefault(row["user_id"], []).append(_wallet(row))
        return found

    async def sealed_key(self, wallet_id: str) -> SealedKey:
        found = await self._keys_read.read(wallet_id)
        if found is None:
            raise KeyUnavailable(f"there is no key of a wallet {wallet_id}")
        return found

    async def _keys_of(self, wallet_ids: list[str]) -> dict[str, SealedKey]:
        rows = await self._database.read(_fetch, SELECT_KEYS, wallet_ids)
        return {row["id"]: SealedKey(row["master_key_id"], row["wrapped_data_key"], row["ciphertext"]) for row in rows}

    async def sealed_under(self) -> dict[str, int]:
        rows = await self._database.read(_fetch, COUNT_KEYS)
        return {row["master_key_id"]: row["wallets"] for row in rows}

    async def wallets_not_under(self, master_key_id: str, after: str, most: int) -> list[Wallet]:
        rows = await self._database.read(_fetch, SELECT_WALLETS_NOT_UNDER, master_key_id, after, most)
        return [_wallet(row) for row in rows]

    async def replace_key(self, wallet_id: str, before: SealedKey, after: SealedKey) -> bool:
        return await self._database.write(_replace_key, wallet_id, before, after)

    async def settings(self, user_id: str) -> UserSettings:
        found = await self._settings_read.read(user_id)
        if found is None:
            raise no_user(user_id)
        return found

    async def remembered_settings(self, user_id: str) -> UserSettings:
        """It remembers nothing; raises LookupError for an unknown user."""
        return await self.settings(user_id)

    async def many_settings(self, user_ids: Sequence[str]) -> dict[str, UserSettings]:
        rows = await self._database.read(_fetch, SELECT_MANY_SETTINGS, list(user_ids))
        return {row["user_id"]: settings_from(row) for row in rows}

    async def change_settings(self, user_id: str, change: ChangeSettings, by: str) -> UserSettings:
        return await self._database.write(_change_settings, user_id, change, by)


async def settings_of(connection: asyncpg.Connection, user_id: str) -> UserSettings:
    """A user's settings, inside a unit of work; raises LookupError for an unknown user."""
    row = await connection.fetchrow(SELECT_SETTINGS, user_id)
    if row is None:
        raise no_user(user_id)
    return settings_from(row)


async def _create(
    connection: asyncpg.Connection, user: User, wallet: Wallet, key: SealedKey, settings: UserSettings
) -> bool:
    inserted = await connection.fetchval(
        INSERT_USER, user.id, user.handle, user.telegram_id, user.mode, user.consent_version
    )
    if inserted is None:
        return False
    await connection.execute(INSERT_WALLET, *_wallet_row(wallet, key))
    await connection.execute(INSERT_SETTINGS, user.id, *astuple(settings))
    return True


def _wallet_row(wallet: Wallet, key: SealedKey) -> tuple[str | bytes | list[str], ...]:
    """A wallet's columns in the order of INSERT_WALLET."""
    return (
        wallet.id,
        wallet.user_id,
        wallet.address,
        wallet.mode.value,
        wallet.name,
        list(wallet.strategies),
        key.master_key_id,
        key.wrapped_data_key,
        key.ciphertext,
    )


async def _add_wallet(connection: asyncpg.Connection, wallet: Wallet, key: SealedKey) -> bool:
    if await connection.fetchval(LOCK_USER, wallet.user_id) is None:
        raise no_user(wallet.user_id)
    return await connection.fetchval(INSERT_ONE_MORE_WALLET, *_wallet_row(wallet, key)) is not None


async def _replace_key(connection: asyncpg.Connection, wallet_id: str, before: SealedKey, after: SealedKey) -> bool:
    return await connection.fetchval(REPLACE_KEY, wallet_id, *astuple(before), *astuple(after)) is not None


async def _set_mode(connection: asyncpg.Connection, user_id: str, mode: Mode) -> None:
    if await connection.fetchval(LOCK_USER, user_id) is None:
        raise no_user(user_id)
    if await connection.fetchval(UPDATE_MODE, user_id, mode.value) is None:
        raise no_wallet_in(user_id, mode)


async def _save_consent(connection: asyncpg.Connection, user_id: str, version: str) -> None:
    if await connection.fetchval(UPDATE_CONSENT, user_id, version) is None:
        raise no_user(user_id)


async def _change_settings(
    connection: asyncpg.Connection, user_id: str, change: ChangeSettings, by: str
) -> UserSettings:
    if await connection.fetchval(LOCK_USER, user_id) is None:
        raise no_user(user_id)
    settings = change(await settings_of(connection, user_id))
    check_settings(settings)
    await connection.execute(KEEP_OLD_SETTINGS, user_id, by)
    await connection.execute(DELETE_SETTINGS, user_id)
    await connection.execute(INSERT_SETTINGS, user_id, *astuple(settings))
    return settings


async def _fetch(connection: asyncpg.Connection, query: str, *args: str | int | list[str] | None) -> list[Row]:
    rows: list[Row] = await connection.fetch(query, *args)
    return rows


def settings_from(row: Row) -> UserSettings:
    """The settings of a row that has all fields of UserSettings among its columns."""
    values = {name: row[name] for name in _FIELDS}
    for several in SEVERAL:
        values[several] = tuple(values[several])
    return UserSettings(**values)


def _wallet(row: Row) -> Wallet:
    return Wallet(row["id"], row["user_id"], row["address"], Mode(row["mode"]), row["name"], tuple(row["strategies"]))


def _user(row: Row) -> User:
    return User(
        row["id"],
        row["handle"],
        row["telegram_id"],
        Mode(row["mode"]),
        row["consent_version"],
        has_left=row["closed_at"] is not None,
    )
