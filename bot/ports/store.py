"""The program's own rows, its pause causes, halt and audit among them, and all of storage as one port."""

from __future__ import annotations

from typing import Protocol

from bot.ports.alerts import AlertStore
from bot.ports.auto_trading import AutoTradingStore
from bot.ports.books import BookStore
from bot.ports.chat_messages import ChatMessageStore
from bot.ports.closings import ClosingStore
from bot.ports.community import CommunityStore
from bot.ports.config import ConfigStore
from bot.ports.copies import CopyStore
from bot.ports.exports import ExportStore
from bot.ports.finality import FinalityStore
from bot.ports.flattens import FlattenStore
from bot.ports.inbox import InboxStore
from bot.ports.intents import IntentStore
from bot.ports.leaving import LeavingStore
from bot.ports.ledger import LedgerStore
from bot.ports.measures import MeasureStore
from bot.ports.notes import NoteStore
from bot.ports.outbox import OutboxStore
from bot.ports.overview import OverviewStore
from bot.ports.positions import PositionStore
from bot.ports.retention import RetentionStore
from bot.ports.rewards import RewardStore
from bot.ports.shares import ShareStore
from bot.ports.snipes import SnipeStore
from bot.ports.standing import StandingStore
from bot.ports.stories import StoryStore
from bot.ports.tokens import TokenStore
from bot.ports.tracking import TrackingStore
from bot.ports.traders import TraderStore
from bot.ports.users import UserStore
from bot.ports.wallet_records import WalletRecordStore
from bot.ports.wallets import WalletStore
from bot.ports.withdrawals import WithdrawalStore
from bot.trading.trading_state import Cause, Halt


class ProgramStore(Protocol):
    async def genesis_hash(self) -> str | None:
        """The cluster that this database belongs to, None before its first boot."""

    async def bind_genesis(self, genesis_hash: str) -> None:
        """Bind a fresh database to a cluster; raises Conflict when it is bound to another."""

    async def causes(self) -> list[Cause]:
        """Pause causes that outlive a restart, in the order in which they came."""

    async def set_since(self, since_ms: int) -> list[Cause]:
        """Every pause of everybody that was set after that moment, ended ones too, oldest first: what the audit has."""

    async def save_cause(self, cause: Cause) -> None:
        """Write a cause, and into the audit who set it. One of its name and scope that is there keeps its first time and text."""

    async def ended_since(self, since_ms: int) -> list[tuple[Cause, str, int]]:
        """Every pause of a user or a program that was ended after that moment, by whom and when: what the audit has."""

    async def clear_cause(self, name: str, scope: str, by: str, now_ms: int | None = None) -> None:
        """Take a cause away and write into the audit who did, and when; without a moment the database takes its own.

        One that is not there changes nothing.
        """

    async def halt(self) -> Halt | None:
        """The halt that is latched; it outlives a restart and only `rearm` takes it away."""

    async def latch_halt(self, halt: Halt) -> bool:
        """Latch a halt; False when one is latched already, which stays as it is."""

    async def halt_ended(self, halt: Halt) -> bool:
        """Whether an operator has ended this halt: by its own rearm, or by one of a later moment, which ended all before it."""

    async def rearm(self, by: str, now_ms: int) -> bool:
        """Take the latched halt away and keep it as history; False when none is latched."""

    async def audit(self, by: str, action: str, detail: dict[str, object], now_ms: int) -> None:
        """Write who did what; `detail` is JSON-ready. Entries are never changed or deleted.

        Setting and clearing a cause, latching and re-arming write their own. Raises TypeError or ValueError for a
        detail that JSON cannot say.
        """

    async def ping(self) -> None:
        """One round trip; raises StoreUnavailable."""

    async def take_a_write(self) -> None:
        """Write something that nobody keeps. Raises StoreUnavailable, also where reads are answered and the disk is full."""


class Store(
    UserStore,
    WalletStore,
    NoteStore,
    ExportStore,
    IntentStore,
    ClosingStore,
    WithdrawalStore,
    FinalityStore,
    PositionStore,
    LedgerStore,
    BookStore,
    SnipeStore,
    OutboxStore,
    RetentionStore,
    AlertStore,
    ChatMessageStore,
    InboxStore,
    LeavingStore,
    TrackingStore,
    WalletRecordStore,
    TraderStore,
    CommunityStore,
    RewardStore,
    AutoTradingStore,
    ShareStore,
    StandingStore,
    CopyStore,
    TokenStore,
    OverviewStore,
    StoryStore,
    FlattenStore,
    ConfigStore,
    MeasureStore,
    ProgramStore,
    Protocol,
):
    """All of storage as one port; callers take the narrowest protocol that serves them."""
