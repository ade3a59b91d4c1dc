"""What a tree is made of: the real adapters, or their in-memory twins, which it cannot tell apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import trio

from actors.dollar_keeper import UsdRules
from actors.price_historian import HistoryRules
from actors.runtime import Context, Ignore, IgnoreType, Start
from bot.clock import Clock
from bot.execution.entry_model import ChosenModel
from bot.execution.event_reads import EventReads
from bot.execution.leadership import Leadership
from bot.execution.scan_schedule import ScanRule
from bot.ports import (
    BlockEngines,
    Chain,
    ChainNews,
    ChatApi,
    ChatDoor,
    DrawingProcess,
    Hearsay,
    LaunchStream,
    MarketRecording,
    PoolNews,
    Router,
    SocialWord,
    SolPrice,
    Spool,
    Store,
    Teller,
    Vault,
    WalletHistory,
    WalletNews,
)


@dataclass(frozen=True, slots=True)
class MarketRules:
    """How past prices are kept, how often what a SOL costs in dollars is asked, and how launches are judged.

    `model` is that by which entries are judged; with `adapts` snipers that lost spend less.
    """

    history: HistoryRules = field(default_factory=HistoryRules)
    usd: UsdRules = field(default_factory=UsdRules)
    model: ChosenModel = field(default_factory=ChosenModel)
    adapts: bool = False


@dataclass(frozen=True, slots=True)
class SocialSources:
    """Who tells what people write of tokens; `instead` are asked while none of the others answers."""

    first: tuple[Teller[SocialWord], ...] = ()
    instead: tuple[Teller[SocialWord], ...] = ()


@dataclass(frozen=True, slots=True)
class Adapters:
    """The ports of one life of the bot.

    `spool` is the store's journal of exits; None for a store that has none. `engines` is the sender of protected orders;
    `pools` tells of trades in pools, whose prices come by polling alone without it.
    `news` is what endpoints tell by themselves of orders on their way and of held tokens, which is polled without it.
    `leadership` is the lease of a database that other bots may share. `recording` keeps what is seen of the market,
    `sol_price` says what a SOL costs in dollars, `market_rules` how both are kept. `tellers` say of tokens what is shown
    beside what the chain shows, and `social` what people write of
    them. `router` is the aggregator, and `wallet_news` tells what followed wallets do, where one is
    configured;
    `event_reads` is where the streams count what they can read of each program's transactions.
    `scan_rule` says how often those are read that it does not tell of.
    `key_troubles` says what is wrong with files of providers' keys, by the setting that names each,
    and `vault_trouble` why the vault does not answer, empty while it does. `begin_drawing` starts a process that draws
    pictures.
    """

    store: Store
    chain: Chain
    stream: LaunchStream
    history: WalletHistory
    vault: Vault
    clock: Clock
    spool: Spool | None = None
    engines: BlockEngines | None = None
    leadership: Leadership | None = None
    pools: PoolNews | None = None
    news: ChainNews | None = None
    recording: MarketRecording | None = None
    sol_price: SolPrice | None = None
    tellers: tuple[Teller[Hearsay], ...] = ()
    social: SocialSources = SocialSources()
    market_rules: MarketRules = field(default_factory=MarketRules)
    router: Router | None = None
    wallet_news: WalletNews | None = None
    event_reads: EventReads = field(default_factory=EventReads)
    scan_rule: ScanRule = field(default_factory=ScanRule)
    key_troubles: Callable[[], Mapping[str, str]] = dict
    vault_trouble: Callable[[], str] = str
    begin_drawing: Callable[[], DrawingProcess] | None = None


async def absent(_: Context) -> IgnoreType:
    """The start of an actor that this configuration does not have."""
    await trio.lowlevel.checkpoint()
    return Ignore


@dataclass(frozen=True, slots=True)
class Chats:
    """Telegram's two sides: the service, and whoever answers. `cards` keeps what was shown of positions current."""

    api: ChatApi
    door: ChatDoor
    cards: Start = absent


# Who belongs to the process around the tree: systemd's, the status, the lease, whoever watches from outside.
OF_PROCESS = (
    "systemd_notifier",
    "status_keeper",
    "lease_keeper",
    "probe_door",
    "heartbeat",
    "resource_watch",
    "backup_keeper",
)
NO_PROCESS: Mapping[str, Start] = dict.fromkeys(OF_PROCESS, absent)
