"""The in-memory twin of PostgreSQL: the whole `Store` port in plain Python, for virtual time and for tests.

Every method passes one checkpoint and is atomic after it. The contract suite holds the twin and PostgreSQL to the same
answers. Nothing here survives the process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import trio

from bot.errors import Conflict, KeyUnavailable
from bot.ports import ChangeSettings, Day, OutboxMessage, SealedKey, User, Wallet, WalletMove
from bot.storage.ledger_rules import adjustment_entry, proceeds_of
from bot.storage.memory_alerts import MemoryAlerts
from bot.storage.memory_books import MemoryBooks
from bot.storage.memory_chat_messages import MemoryChatMessages
from bot.storage.memory_closings import MemoryClosings
from bot.storage.memory_config import MemoryConfigs
from bot.storage.memory_copies import MemoryCopies
from bot.storage.memory_finality import MemoryFinality
from bot.storage.memory_flattens import MemoryFlattens
from bot.storage.memory_followed import MemoryFollowed
from bot.storage.memory_inbox import MemoryInbox
from bot.storage.memory_key_exports import MemoryKeyExports
from bot.storage.memory_leaving import MemoryLeaving
from bot.storage.memory_ledger import MemoryLedger
from bot.storage.memory_measures import MemoryMeasures
from bot.storage.memory_notes import MemoryNotes
from bot.storage.memory_outbox import MemoryOutbox
from bot.storage.memory_overview import MemoryOverview
from bot.storage.memory_people import MemoryPeople
from bot.storage.memory_program import MemoryProgram
from bot.storage.memory_retention import MemoryRetention
from bot.storage.memory_snipes import MemorySnipes
from bot.storage.memory_standing import MemoryStandings
from bot.storage.memory_stories import MemoryStories
from bot.storage.memory_tables import MemoryAdjustment, MemoryTables
from bot.storage.memory_tokens import MemoryTokens
from bot.storage.memory_tracking import MemoryTracking
from bot.storage.memory_wallets import MemoryStrategyWallets
from bot.storage.memory_withdrawals import MemoryWithdrawals
from bot.storage.position_rules import Adjusted, check_evidence, position_adjusted, position_noted
from bot.storage.rules import (
    check_owner,
    in_mode,
    is_failed_trade,
    no_position,
    no_wallet_in,
    storable,
)
from bot.storage.settings_rules import check_settings
from bot.trading.breaker import UserDay
from bot.trading.intent import Mode, Side
from bot.trading.limits import UserSettings
from bot.trading.position import Position, PositionState


class MemoryUsers(MemoryTables):
    """Users, their wallets, sealed keys and settings."""

    async def create_user(self, user: User, wallet: Wallet, key: SealedKey, settings: UserSettings) -> bool:
        await trio.lowlevel.checkpoint()
        check_owner(user, wallet)
        check_settings(settings)
        if any(row.handle == user.handle for row in self._users.values()):
            return False
        telegram_ids = {row.telegram_id for row in self._users.values()} - {None}
        if user.id in self._users or user.telegram_id in telegram_ids:
            raise Conflict(f"user {user.id} or the Telegram id of {user.handle} exists already")
        self._refuse_taken(wallet)
        self._users[user.id] = user
        self._wallets[wallet.id] = wallet
        self._keys[wallet.id] = key
        self._settings[user.id] = settings
        return True

    async def users(self) -> list[User]:
        await trio.lowlevel.checkpoint()
        return list(self._users.values())

    async def user_by_handle(self, handle: str) -> User | None:
        await trio.lowlevel.checkpoint()
        return next((user for user in self._users.values() if user.handle == handle), None)

    async def user_by_telegram_id(self, telegram_id: int) -> User | None:
        await trio.lowlevel.checkpoint()
        return next((user for user in self._users.values() if user.telegram_id == telegram_id), None)

    async def save_consent(self, user_id: str, version: str) -> None:
        await trio.lowlevel.checkpoint()
        self._users[user_id] = replace(self._user(user_id), consent_version=version)

    async def add_wallet(self, wallet: Wallet, key: SealedKey) -> bool:
        await trio.lowlevel.checkpoint()
        self._user(wallet.user_id)
        taken = {(row.user_id, row.mode, row.name) for row in self._wallets.values()}
        if (wallet.user_id, wallet.mode, wallet.name) in taken:
            return False
        self._refuse_taken(wallet)
        self._wallets[wallet.id] = wallet
        self._keys[wallet.id] = key
        return True

    async def set_mode(self, user_id: str, mode: Mode) -> None:
        await trio.lowlevel.checkpoint()
        user = self._user(user_id)
        if all((row.user_id, row.mode) != (user_id, mode) for row in self._wallets.values()):
            raise no_wallet_in(user_id, mode)
        self._users[user_id] = replace(user, mode=mode)

    def _refuse_taken(self, wallet: Wallet) -> None:
        """Raises Conflict for a wallet whose id or address another one has."""
        if wallet.id in self._wallets or wallet.address in {row.address for row in self._wallets.values()}:
            raise Conflict(f"wallet {wallet.id} or its address {wallet.address} exists already")

    async def wallets(self, user_id: str | None = None) -> list[Wallet]:
        await trio.lowlevel.checkpoint()
        return [wallet for wallet in self._wallets.values() if user_id in (None, wallet.user_id)]

    async def sealed_key(self, wallet_id: str) -> SealedKey:
        await trio.lowlevel.checkpoint()
        if wallet_id not in self._keys:
            raise KeyUnavailable(f"there is no key of a wallet {wallet_id}")
        return self._keys[wallet_id]

    async def sealed_under(self) -> dict[str, int]:
        await trio.lowlevel.checkpoint()
        return dict(Counter(key.master_key_id for key in self._keys.values()))

    async def wallets_not_under(self, master_key_id: str, after: str, most: int) -> list[Wallet]:
        await trio.lowlevel.checkpoint()
        found = [id_ for id_, key in self._keys.items() if key.master_key_id != master_key_id and id_ > after]
        return [self._wallets[wallet_id] for wallet_id in sorted(found)[:most]]

    async def replace_key(self, wallet_id: str, before: SealedKey, after: SealedKey) -> bool:
        await trio.lowlevel.checkpoint()
        if self._keys.get(wallet_id) != before:
            return False
        self._keys[wallet_id] = after
        return True

    async def settings(self, user_id: str) -> UserSettings:
        await trio.lowlevel.checkpoint()
        self._user(user_id)
        return self._settings[user_id]

    async def remembered_settings(self, user_id: str) -> UserSettings:
        return await self.settings(user_id)

    async def many_settings(self, user_ids: Sequence[str]) -> dict[str, UserSettings]:
        await trio.lowlevel.checkpoint()
        return {user_id: self._settings[user_id] for user_id in user_ids if user_id in self._settings}

    async def change_settings(self, user_id: str, change: ChangeSettings, by: str) -> UserSettings:  # noqa: ARG002
        """The history, which `by` goes to, is read by people in SQL; the twin keeps none."""
        await trio.lowlevel.checkpoint()
        self._user(user_id)
        settings = change(self._settings[user_id])
        check_settings(settings)
        self._settings[user_id] = settings
        return settings


class MemoryPositions(MemoryTables):
    """Positions and the sums of a day."""

    async def position(self, position_id: str) -> Position | None:
        await trio.lowlevel.checkpoint()
        return self._positions.get(position_id)

    async def open_positions(self, user_id: str | None = None) -> list[Position]:
        await trio.lowlevel.checkpoint()
        rows = [row for row in self._positions.values() if row.state is PositionState.OPEN]
        return sorted((row for row in rows if user_id in (None, row.user_id)), key=lambda row: row.opened_at_ms)

    async def remembered_positions(self, user_id: str) -> list[Position]:
        return await self.open_positions(user_id)

    async def remembered_position(self, position_id: str) -> Position | None:
        found = await self.position(position_id)
        return found if found is not None and found.state is PositionState.OPEN else None

    def is_remembered(self, position: Position) -> bool:
        return position.state is PositionState.OPEN and self._positions.get(position.id) == position

    async def recent_positions(self, user_id: str, limit: int) -> list[Position]:
        await trio.lowlevel.checkpoint()
        rows = [row for row in reversed(self._positions.values()) if row.user_id == user_id]
        rows.sort(key=lambda row: (row.closed_at_ms is not None, -(row.closed_at_ms or 0), -row.opened_at_ms))
        return rows[:limit]

    async def day(self, since_ms: int, user_id: str | None = None, mode: Mode | None = None) -> Day:
        await trio.lowlevel.checkpoint()
        trades = [
            trade
            for trade in self._trades.values()
            if trade.at_ms >= since_ms
            and user_id in (None, trade.intent.request.user_id)
            and in_mode(trade.intent.request.mode, mode)
        ]
        failed = [
            intent
            for intent in self._intents.values()
            if is_failed_trade(intent)
            and self._closed_at_ms[intent.id] >= since_ms
            and user_id in (None, intent.request.user_id)
            and in_mode(intent.request.mode, mode)
        ]
        return Day(
            buys=sum(trade.fill.side is Side.BUY for trade in trades),
            sells=sum(trade.fill.side is Side.SELL for trade in trades),
            failed=len(failed),
            realized_lamports=self._results(since_ms, user_id, mode),
        )

    async def user_days(self, since_ms: Mapping[str, int]) -> dict[str, UserDay]:
        await trio.lowlevel.checkpoint()
        return {user_id: self._user_day(self._users[user_id], since) for user_id, since in since_ms.items()}

    def _user_day(self, user: User, since_ms: int) -> UserDay:
        trades = [
            trade
            for trade in self._trades.values()
            if (trade.intent.request.user_id, trade.intent.request.mode) == (user.id, user.mode)
        ]
        filled_ms = max((trade.at_ms for trade in trades), default=-1)
        return UserDay(
            realized_lamports=self._results(since_ms, user.id, user.mode),
            failures_in_row=sum(
                is_failed_trade(intent)
                and (intent.request.user_id, intent.request.mode) == (user.id, user.mode)
                and self._closed_at_ms[intent.id] >= since_ms
                and self._closed_at_ms[intent.id] > filled_ms
                for intent in self._intents.values()
            ),
        )

    async def note_peak(self, position_id: str, peak_lamports: int, *, token_raw: int) -> None:
        await trio.lowlevel.checkpoint()
        if position_id not in self._positions:
            raise no_position(position_id)
        self._positions[position_id] = position_noted(self._positions[position_id], peak_lamports, token_raw)

    async def adjust(
        self,
        position_id: str,
        chain_token_raw: int,
        *,
        evidence: str,
        now_ms: int,
        message: OutboxMessage,
        by: WalletMove | None = None,
        sweep_id: str | None = None,
    ) -> Position:
        """Of the adjustment row, which people read in SQL, the twin keeps what others are made of."""
        await trio.lowlevel.checkpoint()
        check_evidence(evidence)
        before = self._positions.get(position_id)
        if before is None:
            raise no_position(position_id)
        after = position_adjusted(before, chain_token_raw, now_ms, by, is_swept=sweep_id is not None)
        if after == before or (by is not None and self._ours(before.wallet_id, [by.signature])):
            return before
        self._put_message(message)
        self._positions[position_id] = after
        taken = Adjusted(
            before.token_raw - after.token_raw,
            before.cost_lamports - after.cost_lamports,
            before.basis_lamports - after.basis_lamports,
            proceeds_of(before, after, by),
        )
        signature = None if by is None else by.signature
        self._adjustments.append(
            MemoryAdjustment(position_id, before.wallet_id, taken, signature, now_ms, sweep_id=sweep_id)
        )
        cost_lamports = self._tokens_at_cost(position_id)
        entry = adjustment_entry(before, after, storable(evidence), cost_lamports, by, is_swept=sweep_id is not None)
        if entry is not None:
            self.ledger.append(entry)
        return after


class MemoryStore(
    MemoryUsers,
    MemoryStrategyWallets,
    MemoryNotes,
    MemoryClosings,
    MemoryWithdrawals,
    MemoryKeyExports,
    MemoryFinality,
    MemoryPositions,
    MemoryLedger,
    MemoryBooks,
    MemorySnipes,
    MemoryOutbox,
    MemoryRetention,
    MemoryAlerts,
    MemoryChatMessages,
    MemoryInbox,
    MemoryLeaving,
    MemoryTracking,
    MemoryFollowed,
    MemoryPeople,
    MemoryStandings,
    MemoryCopies,
    MemoryTokens,
    MemoryOverview,
    MemoryStories,
    MemoryFlattens,
    MemoryConfigs,
    MemoryMeasures,
    MemoryProgram,
):
    """All of storage in memory."""
