"""What users call their wallets, and which of them each strategy buys from, in PostgreSQL."""

from __future__ import annotations

import asyncpg

from bot.storage.audit import put_audit
from bot.storage.database import Repository
from bot.storage.rules import WALLET_BOUND, no_wallet
from bot.storage.users import LOCK_USER
from bot.trading.strategy import Strategy

SELECT_MODE = "select mode from user_wallets where id = $1 and user_id = $2"
RENAME_WALLET = """
update user_wallets set name = $3
where id = $1 and not exists (
    select 1 from user_wallets as other
    where other.user_id = $2 and other.mode = user_wallets.mode and other.name = $3 and other.id <> $1
)
returning id
"""
BIND_WALLET = """
update user_wallets
set strategies = case when id = $1 then array_append(array_remove(strategies, $4), $4) else array_remove(strategies, $4) end
where user_id = $2 and mode = $3
"""


class StrategyWallets(Repository):
    """Implements `WalletStore`."""

    async def rename_wallet(self, user_id: str, wallet_id: str, name: str) -> bool:
        return await self._database.write(_rename, user_id, wallet_id, name)

    async def bind_wallet(self, user_id: str, wallet_id: str, strategy: Strategy, now_ms: int) -> None:
        await self._database.write(_bind, user_id, wallet_id, strategy, now_ms)


async def _rename(connection: asyncpg.Connection, user_id: str, wallet_id: str, name: str) -> bool:
    await _mode_of(connection, user_id, wallet_id)
    return await connection.fetchval(RENAME_WALLET, wallet_id, user_id, name) is not None


async def _bind(connection: asyncpg.Connection, user_id: str, wallet_id: str, strategy: Strategy, now_ms: int) -> None:
    mode = await _mode_of(connection, user_id, wallet_id)
    await connection.execute(BIND_WALLET, wallet_id, user_id, mode, strategy.value)
    await put_audit(connection, user_id, WALLET_BOUND, {"wallet": wallet_id, "strategy": strategy.value}, now_ms)


async def _mode_of(connection: asyncpg.Connection, user_id: str, wallet_id: str) -> str:
    """The mode of a user's wallet, while nobody else changes his wallets."""
    await connection.fetchval(LOCK_USER, user_id)
    mode: str | None = await connection.fetchval(SELECT_MODE, wallet_id, user_id)
    if mode is None:
        raise no_wallet(user_id, wallet_id)
    return mode
