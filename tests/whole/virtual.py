"""The whole bot on its in-memory twins: the store in memory, the local chain in this process, trio's virtual clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import trio

from actors.runtime import Report, Start, Supervision
from bot.adapters import Adapters, Chats, MarketRules, SocialSources, absent
from bot.alarm import Alarm
from bot.chain.chain_news import EndpointNews
from bot.chain.dry_run import DryRunChain
from bot.chain.endpoint import DISTRUST_S
from bot.chain.endpoints import Endpoints
from bot.chain.mode_router import ModeRouter
from bot.chain.paper import PaperChain
from bot.chain.paper_books import PaperBooks
from bot.chain.paper_rules import LandingModel
from bot.chain.pool_news import PumpPoolNews
from bot.chain.pump_chain import PumpChain
from bot.chain.raced_news import RacedNews
from bot.chain.routed_chain import RoutedChain
from bot.chain.rpc import RpcClient
from bot.chain.slot_bound import SlotBound
from bot.chain.subscriptions import OwnSubscriptions, Subscriptions
from bot.chain.swaps import PumpWallets
from bot.chain.transport import Transport
from bot.chain.wallet_stream import GeyserWallets
from bot.clock import Clock, virtual_clock
from bot.console import ConsoleMessenger
from bot.execution.entry_model import ChosenModel
from bot.execution.event_reads import EventReads
from bot.execution.leadership import Leadership
from bot.execution.policy import Policy
from bot.localnet.inprocess import DEFAULT_GENESIS_TIME_S, InProcessChain
from bot.market.memory import MemorySolPrice
from bot.pictures.memory import MemoryDrawings
from bot.ports import Chain, Hearsay, Store, Teller, User, Wallet
from bot.recorder.memory import MemoryRecording
from bot.shutdown import OrderlyStop, open_tree
from bot.storage.memory import MemoryStore
from bot.storage.memory_halt import MemoryHalt
from bot.storage.spool import SpooledStore
from bot.storage.spool_journal import MemoryJournal
from bot.supervision.sections import SHIPPED, load, outage_rules
from bot.trading.intent import Mode
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.outage import OutageRule
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from bot.users import Registrar
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import MasterKey
from bot.vault.unsigned_vault import UnsignedVault
from tests.chain.chain_doubles import (
    InProcessSubscriptions,
    InProcessTransport,
    in_process_engines,
    in_process_geyser,
    in_process_router,
    in_process_sources,
    in_process_streams,
)
from tests.leaks.detect import leaks
from tests.vault.vault_samples import guard
from tests.whole.outages import CutStore

MASTER_KEY = MasterKey("test", bytes(range(32)))
FUND_LAMPORTS = 10 * LAMPORTS_PER_SOL
VIRTUAL_LAMPORTS = 5 * LAMPORTS_PER_SOL  # of a wallet of mode dry_run
SURE = LandingModel(landing_bps=10_000)  # every order of a dry run lands


def shipped_supervision() -> Supervision:
    """The file that comes with the bot, as it is in profile local."""
    return load(SHIPPED, "local")


def default_rules() -> dict[str, OutageRule]:
    """The rules of profile local."""
    return outage_rules(shipped_supervision())


@dataclass(slots=True)
class World:
    """What outlives one bot: its store, its chain, its key and its clock."""

    chain: InProcessChain
    clock: Clock
    store: MemoryStore = field(default_factory=MemoryStore)
    vault: LocalVault = field(default_factory=lambda: LocalVault(MASTER_KEY, guard()))
    told: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    chats: Chats | None = None
    lease: Start = absent
    leadership: Leadership | None = None
    database: CutStore = field(init=False)
    halt: MemoryHalt = field(default_factory=MemoryHalt)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    recording: MemoryRecording = field(default_factory=MemoryRecording)
    drawings: MemoryDrawings = field(default_factory=MemoryDrawings)
    sol_price: MemorySolPrice = field(default_factory=MemorySolPrice)
    tellers: tuple[Teller[Hearsay], ...] = ()
    social: SocialSources = field(default_factory=SocialSources)
    overtaken: bool = False
    model: ChosenModel = field(default_factory=ChosenModel)
    adapts: bool = False
    vault_trouble: str = ""
    sources: tuple[str, ...] = ("logs",)
    wallets_by_stream: bool = False
    subscriptions_max: int = 90
    endpoints: int = 1
    door: Callable[[InProcessChain, str, int], Transport] = InProcessTransport
    stream_door: Callable[[InProcessChain, int], Subscriptions] = InProcessSubscriptions
    rules: dict[str, OutageRule] = field(default_factory=default_rules)
    supervision: Supervision = field(default_factory=shipped_supervision)

    def __post_init__(self) -> None:
        self.database = CutStore(self.store)

    def doors(self) -> Sequence[Transport]:
        """The endpoints that the bot is given."""
        return [self.door(self.chain, f"in-process:{1 + number}", number) for number in range(self.endpoints)]

    def adapters(self) -> Adapters:
        """Fresh adapters, as a new process would make them."""
        endpoints = Endpoints([RpcClient(door, 2.5) for door in self.doors()], self.clock)
        engines = in_process_engines(self.chain, self.clock)
        router = in_process_router(self.chain, endpoints, self.clock)
        chain = RoutedChain(endpoints, engines, router)
        reads = EventReads()
        bound = SlotBound(endpoints.newest_slot, endpoints.distrust, rest_s=DISTRUST_S if self.endpoints > 1 else 0.0)
        streams = in_process_streams(self.chain, endpoints, self.endpoints, bound, self.stream_door)
        stream = in_process_sources(
            self.chain, chain, self.clock, self.sources, reads=reads, streams=streams, bound=bound
        )
        spooled = SpooledStore(cast(Store, self.database), self.journal, overtaken=self.overtaken)
        store = spooled.as_store
        dry_run = DryRunChain(chain, PaperBooks(store, VIRTUAL_LAMPORTS, Mode.DRY_RUN), SURE, self.clock)
        return Adapters(
            store,
            ModeRouter(chain, dry_run, PaperChain(chain, PaperBooks(store, VIRTUAL_LAMPORTS), SURE, self.clock), store),
            stream,
            PumpWallets(endpoints),
            UnsignedVault(self.vault, signed=frozenset({Mode.LIVE, Mode.DRY_RUN})),
            self.clock,
            spool=spooled,
            engines=engines,
            leadership=self.leadership,
            pools=PumpPoolNews(streams, endpoints.newest_slot, silence_s=2, reads=reads),
            news=self._news(streams, endpoints, bound),
            recording=self.recording,
            sol_price=self.sol_price,
            tellers=self.tellers,
            social=self.social,
            router=router,
            wallet_news=self._wallet_news(endpoints),
            event_reads=reads,
            vault_trouble=lambda: self.vault_trouble,
            begin_drawing=self.drawings.begin,
            market_rules=MarketRules(model=self.model, adapts=self.adapts),
        )

    def _news(self, streams: list[OwnSubscriptions], endpoints: Endpoints, bound: SlotBound) -> EndpointNews | None:
        if not self.subscriptions_max:
            return None
        raced = RacedNews(streams, endpoints.newest_slot, silence_s=2, bound=bound)
        return EndpointNews(raced, most=self.subscriptions_max, others=self.endpoints > 1)

    def _wallet_news(self, endpoints: Endpoints) -> GeyserWallets | None:
        if not self.wallets_by_stream:
            return None
        return GeyserWallets(in_process_geyser(self.chain), endpoints.newest_slot, silence_s=2, per_call=100)

    def cluster(self) -> Chain:
        """What the chain shows of a wallet, whoever asks and whatever the database says."""
        return PumpChain(Endpoints([RpcClient(InProcessTransport(self.chain), 2.5)], self.clock))

    async def user(self, handle: str, settings: UserSettings) -> tuple[User, Wallet]:
        """A user with a funded wallet."""
        registrar = Registrar(self.store, self.vault, self.clock, Mode.LIVE, self._fund)
        user = await registrar.ensure(handle, settings)
        return user, (await self.store.wallets(user.id))[0]

    async def _fund(self, address: str) -> None:
        self.chain.call("requestAirdrop", address, FUND_LAMPORTS)
        self.chain.step(2)

    async def books_equal_chain(self) -> bool:
        """Whether every wallet's open positions are what the chain shows, dust of closed ones included."""
        chain = self.adapters().chain
        for wallet in await self.store.wallets():
            balances = await chain.balances(wallet.address)
            held = {mint: raw for mint, raw in balances.token_raw.items() if raw}
            booked = {
                row.mint: row.token_raw
                for row in await self.store.open_positions(wallet.user_id)
                if row.wallet_id == wallet.id
            }
            if held != booked:
                return False
        return True


def make_world(chain: InProcessChain) -> World:
    """A world whose clock follows trio's."""
    clock = virtual_clock(trio.current_time, epoch_ms=DEFAULT_GENESIS_TIME_S * 1000, seed=1)
    return World(chain, clock)


def quick_policy() -> Policy:
    """The default policy; nothing in it waits for the machine."""
    return Policy(ceilings=Ceilings(), paper_start_lamports=VIRTUAL_LAMPORTS)


@asynccontextmanager
async def running_bot(
    world: World, *, policy: Policy | None = None, observe_s: float = 6.0, stop: OrderlyStop | None = None
) -> AsyncIterator[TradingBot]:
    """One life of the bot in this world; the chain goes on producing blocks. It ends at once, or in the order of `stop`."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.chain.run)
        async with living_bot(world, policy=policy, observe_s=observe_s, stop=stop) as bot:
            yield bot
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def living_bot(
    world: World, *, policy: Policy | None = None, observe_s: float = 6.0, stop: OrderlyStop | None = None
) -> AsyncIterator[TradingBot]:
    """One life of the bot on a chain that somebody else runs, so that blocks are made between two lives as well."""
    bot = TradingBot(
        world.adapters(),
        policy or quick_policy(),
        world.supervision,
        observe_s,
        ConsoleMessenger(world.told.append),
        world.rules,
        world.halt,
        Alarm(world.alerts.append),
    )

    def report(report: Report) -> None:
        world.reports.append(report)
        bot.failures.report(report)

    heard = report if stop is None else stop.noting(report)
    async with open_tree(bot.spec(_no_door, world.chats, {"lease_keeper": world.lease}), heard) as root:
        await bot.began(root)
        yield bot
        if stop is not None:
            await stop.stop_tree(root, bot)
        bot.guard.stop_entries()
    assert leaks("\n".join([*world.told, *world.alerts]).encode()) == []


async def _no_door(ready: Callable[[], None]) -> None:
    """The operator's socket would wait on the machine; virtual time has none."""
    ready()
    await trio.sleep_forever()


async def until(condition: Callable[[], bool], *, within_s: float) -> None:
    """Look every 100 ms of virtual time; raises trio.TooSlowError."""
    with trio.fail_after(within_s):
        while not condition():
            await trio.sleep(0.1)


async def open_for_entries(bot: TradingBot) -> None:
    await until(lambda: bot.guard.state == "OPEN" and bot.reconciler.reconciled, within_s=20)


def pausing(bot: TradingBot) -> set[str]:
    """The names of the causes that stand."""
    return {cause.name for cause in bot.guard.causes()}


async def bought(world: World, count: int, within_s: float = 20) -> None:
    with trio.fail_after(within_s):
        while (await world.store.day(0)).buys < count:
            await trio.sleep(0.1)


async def closed(world: World, count: int, within_s: float = 30) -> None:
    with trio.fail_after(within_s):
        while sum(sums.won + sums.lost for sums in (await world.store.overview(0)).modes) < count:
            await trio.sleep(0.1)


async def nothing_stands(user: User, code: str) -> str | None:
    """For whoever has nothing but orders: there is nothing else of that code."""
    await trio.lowlevel.checkpoint()
