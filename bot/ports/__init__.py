"""The ports: what the rooms above ask of storage, the chain, the vault and the doors, as protocols and plain records.

Every port has a real adapter and an in-memory twin that pass the same contract suite. Whatever a port cannot answer it
says by raising `bot.errors.Unavailable`; no port ever answers a failed question with zero or with an empty list.

There is one file per noun. Other rooms import every name from here, so that a name may move between the files.
"""

from __future__ import annotations

from bot.ports.alerts import AlertStore
from bot.ports.auto_trading import AutoDecision, AutoTradingStore, Verdict
from bot.ports.books import BookedEntry, BookStore, ClosedSums, PeriodSums, ReasonSums, ResultSums
from bot.ports.cards import Card, CardFace, CardView, SpareEdits
from bot.ports.chain import (
    Blockhash,
    Chain,
    ClosingOrder,
    EndpointHealth,
    PoolNews,
    PoolSale,
    SeenLamports,
    SwapOrder,
    TransferOrder,
    WalletBalances,
)
from bot.ports.chat import (
    MAX_UPDATES,
    Button,
    ButtonPress,
    ChatApi,
    ChatDoor,
    ChatReply,
    ChatText,
    ChatUpdate,
    Document,
    OtherUpdate,
    Photo,
    Secret,
    ShownSecret,
)
from bot.ports.chat_messages import ChatMessage, ChatMessageStore, Subject, Topic
from bot.ports.closings import ClosingStore
from bot.ports.community import CommunityStore, Remark
from bot.ports.config import ConfigStore, ConfigVersion
from bot.ports.copies import CopyHolding, CopyStore, CopyTold, SpentBy
from bot.ports.dollars import SolPrice
from bot.ports.engines import BlockEngines, EngineHealth, Routing
from bot.ports.exports import ExportStore, KeyExport
from bot.ports.finality import FinalityStore, LandedAttempt, MakeReversal, Reversed
from bot.ports.flattens import FlattenStore
from bot.ports.hearsay import Hearsay, MintWord, Span, Teller
from bot.ports.inbox import KEPT_MS, InboxStore, TakenCommand
from bot.ports.intents import Desk, Gate, IntentStore, MakeMessage, Preview, Settled, SnipeDesk, Submitted
from bot.ports.launches import LaunchHint, LaunchHints, LaunchSource, LaunchStream, Listener, SourceHealth, SourceLosses
from bot.ports.lease import LEASE_S, STANDBY_S, Brought, Leader, Lease, LeaseStore, Party, Standby
from bot.ports.ledger import LedgerCheck, LedgerStore, WalletLedger
from bot.ports.measures import HourMeasure, MeasureStore
from bot.ports.news import ChainNews, NewsHealth, NewsListener
from bot.ports.notes import (
    Allowance,
    ExportDemand,
    ExportedKey,
    NewCode,
    NoteKind,
    NoteRow,
    NoteStore,
    SealedNote,
    SecondFactor,
    Sweeping,
    Withdrawing,
    Withdrawn,
    kind_of,
)
from bot.ports.outbox import BROADCAST, Messenger, OutboxMessage, OutboxStore
from bot.ports.overview import Connections, ModeSums, Overview, OverviewStore, Owner
from bot.ports.past_market import PastCreator, PastMarket, PastToken
from bot.ports.pictures import DrawingProcess, Pictures, Recipe
from bot.ports.positions import Day, PositionStore, PricePoint, Prices
from bot.ports.recording import MarketRecording, RecordingState, Seen, Snapshot
from bot.ports.retention import (
    BOOKS_KEPT_MS,
    DECISIONS_KEPT_MS,
    FORGOTTEN_AT_ONCE,
    MESSAGES_KEPT_MS,
    RUNS_KEPT_MS,
    SWAPS_KEPT_MS,
    RetentionStore,
)
from bot.ports.rewards import RewardStore, RewardSums
from bot.ports.routing import Router, RouterHealth
from bot.ports.shares import FollowerCounts, ShareStore, ShareSums
from bot.ports.snipes import Snipe, SnipeRun, SnipeStore
from bot.ports.social import SocialWord
from bot.ports.spool import Spool, SpoolState
from bot.ports.standing import StandingStore
from bot.ports.store import ProgramStore, Store
from bot.ports.stories import Booked, Landed, OrderStory, SentAttempt, StoryStore, Told
from bot.ports.tokens import PastPrice, Token, TokenStore
from bot.ports.tracking import (
    TrackedWallet,
    TrackingStore,
    WalletCursor,
    WalletHistory,
    WalletListener,
    WalletMove,
    WalletNews,
    WalletNewsHealth,
    WalletSignal,
    WalletTold,
    WalletTransaction,
)
from bot.ports.traders import TraderStore
from bot.ports.users import (
    ChangeSettings,
    SealedKey,
    Signing,
    User,
    UserStore,
    Vault,
    Wallet,
    telegram_id_of,
    wallet_in,
)
from bot.ports.wallet_records import WalletRecordStore
from bot.ports.wallets import WalletStore
from bot.ports.withdrawals import AllowedAddress, WithdrawalStore, safe_address

__all__ = [
    "BOOKS_KEPT_MS",
    "BROADCAST",
    "DECISIONS_KEPT_MS",
    "FORGOTTEN_AT_ONCE",
    "KEPT_MS",
    "LEASE_S",
    "MAX_UPDATES",
    "MESSAGES_KEPT_MS",
    "RUNS_KEPT_MS",
    "STANDBY_S",
    "SWAPS_KEPT_MS",
    "AlertStore",
    "Allowance",
    "AllowedAddress",
    "AutoDecision",
    "AutoTradingStore",
    "BlockEngines",
    "Blockhash",
    "BookStore",
    "Booked",
    "BookedEntry",
    "Brought",
    "Button",
    "ButtonPress",
    "Card",
    "CardFace",
    "CardView",
    "Chain",
    "ChainNews",
    "ChangeSettings",
    "ChatApi",
    "ChatDoor",
    "ChatMessage",
    "ChatMessageStore",
    "ChatReply",
    "ChatText",
    "ChatUpdate",
    "ClosedSums",
    "ClosingOrder",
    "ClosingStore",
    "CommunityStore",
    "ConfigStore",
    "ConfigVersion",
    "Connections",
    "CopyHolding",
    "CopyStore",
    "CopyTold",
    "Day",
    "Desk",
    "Document",
    "DrawingProcess",
    "EndpointHealth",
    "EngineHealth",
    "ExportDemand",
    "ExportStore",
    "ExportedKey",
    "FinalityStore",
    "FlattenStore",
    "FollowerCounts",
    "Gate",
    "Hearsay",
    "HourMeasure",
    "InboxStore",
    "IntentStore",
    "KeyExport",
    "Landed",
    "LandedAttempt",
    "LaunchHint",
    "LaunchHints",
    "LaunchSource",
    "LaunchStream",
    "Leader",
    "Lease",
    "LeaseStore",
    "LedgerCheck",
    "LedgerStore",
    "Listener",
    "MakeMessage",
    "MakeReversal",
    "MarketRecording",
    "MeasureStore",
    "Messenger",
    "MintWord",
    "ModeSums",
    "NewCode",
    "NewsHealth",
    "NewsListener",
    "NoteKind",
    "NoteRow",
    "NoteStore",
    "OrderStory",
    "OtherUpdate",
    "OutboxMessage",
    "OutboxStore",
    "Overview",
    "OverviewStore",
    "Owner",
    "Party",
    "PastCreator",
    "PastMarket",
    "PastPrice",
    "PastToken",
    "PeriodSums",
    "Photo",
    "Pictures",
    "PoolNews",
    "PoolSale",
    "PositionStore",
    "Preview",
    "PricePoint",
    "Prices",
    "ProgramStore",
    "ReasonSums",
    "Recipe",
    "RecordingState",
    "Remark",
    "ResultSums",
    "RetentionStore",
    "Reversed",
    "RewardStore",
    "RewardSums",
    "Router",
    "RouterHealth",
    "Routing",
    "SealedKey",
    "SealedNote",
    "SecondFactor",
    "Secret",
    "Seen",
    "SeenLamports",
    "SentAttempt",
    "Settled",
    "ShareStore",
    "ShareSums",
    "ShownSecret",
    "Signing",
    "Snapshot",
    "Snipe",
    "SnipeDesk",
    "SnipeRun",
    "SnipeStore",
    "SocialWord",
    "SolPrice",
    "SourceHealth",
    "SourceLosses",
    "Span",
    "SpareEdits",
    "SpentBy",
    "Spool",
    "SpoolState",
    "Standby",
    "StandingStore",
    "Store",
    "StoryStore",
    "Subject",
    "Submitted",
    "SwapOrder",
    "Sweeping",
    "TakenCommand",
    "Teller",
    "Token",
    "TokenStore",
    "Told",
    "Topic",
    "TrackedWallet",
    "TrackingStore",
    "TraderStore",
    "TransferOrder",
    "User",
    "UserStore",
    "Vault",
    "Verdict",
    "Wallet",
    "WalletBalances",
    "WalletCursor",
    "WalletHistory",
    "WalletLedger",
    "WalletListener",
    "WalletMove",
    "WalletNews",
    "WalletNewsHealth",
    "WalletRecordStore",
    "WalletSignal",
    "WalletStore",
    "WalletTold",
    "WalletTransaction",
    "WithdrawalStore",
    "Withdrawing",
    "Withdrawn",
    "kind_of",
    "safe_address",
    "telegram_id_of",
    "wallet_in",
]
