"""All of storage on PostgreSQL, put together from one file per noun."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.storage.address import DatabaseAddress
from bot.storage.alerts import Alerts
from bot.storage.audit import Audit
from bot.storage.auto_trading import AutoTrading
from bot.storage.books import Books
from bot.storage.chat_messages import ChatMessages
from bot.storage.closings import Closings
from bot.storage.community import Community
from bot.storage.config import Configs
from bot.storage.copies import Copies
from bot.storage.database import DatabaseStatistics, DatabaseTimeouts, open_database
from bot.storage.finality import Finality
from bot.storage.flattens import Flattens
from bot.storage.halts import Halts
from bot.storage.inbox import Inbox
from bot.storage.intents import Intents
from bot.storage.island import open_island
from bot.storage.key_exports import KeyExports
from bot.storage.leaving import Leaving
from bot.storage.ledger import Ledger
from bot.storage.measures import Measures
from bot.storage.notes import NoteRows
from bot.storage.outbox import Outbox
from bot.storage.overview import Overviews
from bot.storage.positions import Positions
from bot.storage.program import Program
from bot.storage.retention import Retention
from bot.storage.rewards import Rewards
from bot.storage.shares import Shares
from bot.storage.snipe_runs import SnipeRuns
from bot.storage.standing import Standings
from bot.storage.stories import Stories
from bot.storage.strategy_wallets import StrategyWallets
from bot.storage.tokens import Tokens
from bot.storage.tracking import Tracking
from bot.storage.traders import Traders
from bot.storage.users import Users
from bot.storage.wallet_books import WalletBooks
from bot.storage.withdrawals import WithdrawalRows


class PostgresStore(
    Users,
    StrategyWallets,
    NoteRows,
    KeyExports,
    Intents,
    Closings,
    WithdrawalRows,
    Finality,
    Positions,
    Ledger,
    Books,
    SnipeRuns,
    Outbox,
    Retention,
    Alerts,
    ChatMessages,
    Inbox,
    Leaving,
    Tracking,
    WalletBooks,
    Traders,
    Community,
    Rewards,
    AutoTrading,
    Shares,
    Standings,
    Copies,
    Tokens,
    Overviews,
    Stories,
    Flattens,
    Configs,
    Measures,
    Program,
    Halts,
    Audit,
):
    """The `Store` port on PostgreSQL. Made by `open_store`."""

    def __repr__(self) -> str:
        return f"<PostgresStore on {self._database!r}>"

    def statistics(self) -> DatabaseStatistics:
        """The connection pool at this moment, for status."""
        return self._database.statistics()


@asynccontextmanager
async def open_store(
    address: DatabaseAddress, timeouts: DatabaseTimeouts | None = None
) -> AsyncIterator[PostgresStore]:
    """The store in the database at `address`, which is brought to this program's schema first.

    It outlives the server: while that is away its methods raise StoreUnavailable, and they work again when it is back
    at the same address. Raises what `open_database` raises.
    """
    async with open_island() as island, open_database(island, address, timeouts) as database:
        yield PostgresStore(database)
