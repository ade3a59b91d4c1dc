"""The wallet scanner on the in-process chain with scripted traders, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from solders.pubkey import Pubkey

from actors.runtime import ChildSpec, Report, Supervisor, SupervisorSpec, open_supervisor
from actors.wallet_scanner import Followed, WalletScanner
from bot.chain.endpoints import Endpoints
from bot.chain.launch_stream import PumpLaunchStream
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.chain.swaps import PumpWallets
from bot.chain.wallet_stream import GeyserWallets
from bot.clock import Clock, virtual_clock
from bot.errors import ChainUnavailable
from bot.execution.leader_swaps import LeaderSwaps
from bot.execution.scan_schedule import ScanRule, ScanSchedule
from bot.localnet.inprocess import DEFAULT_GENESIS_TIME_S, InProcessChain
from bot.localnet.launchpad import sell_v2
from bot.ports import WalletSignal
from bot.storage.memory import MemoryStore
from bot.trading.launch import CurveTrade
from tests.chain.chain_doubles import (
    FaultyDoor,
    InProcessSubscriptions,
    InProcessTransport,
    in_process_geyser,
    in_process_slot,
)
from tests.whole.crowd import Crowd

LEADER, FRIEND = 2, 3
MORE_THAN_ANYBODY_HAS = 10**15


@dataclass(slots=True)
class ScannerWorld:
    """What outlives a scanner: the chain, its crowd and the store."""

    chain: InProcessChain
    crowd: Crowd
    clock: Clock
    store: MemoryStore = field(default_factory=MemoryStore)
    reports: list[Report] = field(default_factory=list)
    door: FaultyDoor = field(init=False)

    def __post_init__(self) -> None:
        self.door = FaultyDoor(self.chain, "in-process:1")

    def address(self, trader: int) -> str:
        return str(self.crowd._trader(trader).pubkey())

    async def buys(self, lamports: int, trader: int = LEADER) -> str:
        """The trader buys into a token that was just launched; its mint. Confirmed when this returns."""
        mint = self.crowd.launch()
        await self.settle()
        self.crowd.buy(mint, trader, lamports)
        await self.settle()
        return mint

    def fails_to_sell(self, mint: str, trader: int = LEADER) -> None:
        """A sale of more than the trader has, which lands with an error."""
        owner = self.crowd._trader(trader)
        creator = self.crowd._trader(1).pubkey()
        sale = sell_v2(
            Pubkey.from_string(mint), owner.pubkey(), creator, token_raw=MORE_THAN_ANYBODY_HAS, min_receive_lamports=0
        )
        self.crowd._send([sale], [owner])

    def history(self) -> PumpWallets:
        """The wallets' histories; `door` keeps what was asked."""
        return PumpWallets(Endpoints([RpcClient(self.door, 2.5)], self.clock))

    async def signals(self, trader: int = LEADER) -> list[WalletSignal]:
        """Of one trader, the oldest first."""
        return (await self.store.signals(self.address(trader), 10_000))[::-1]

    async def recorded(self, count: int, *, within_s: float = 60.0) -> list[WalletSignal]:
        """Wait until so many of the leader's swaps are recorded."""
        with trio.fail_after(within_s):
            while len(signals := await self.signals()) < count:
                await trio.sleep(0.1)
        return signals

    async def settle(self) -> None:
        """Long enough for what was sent to be confirmed."""
        await trio.sleep(2)


@asynccontextmanager
async def scanner_world() -> AsyncIterator[ScannerWorld]:
    """A chain that goes on producing blocks, and two traders with money."""
    chain = InProcessChain(seed=3)
    clock = virtual_clock(trio.current_time, epoch_ms=DEFAULT_GENESIS_TIME_S * 1000, seed=1)
    world = ScannerWorld(chain, Crowd(chain), clock)
    for trader in (1, LEADER, FRIEND):
        world.crowd._trader(trader)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(chain.run)
        yield world
        nursery.cancel_scope.cancel()


@dataclass(slots=True)
class Scanners:
    """One life of the scanners below their dynamic supervisor."""

    world: ScannerWorld
    supervisor: Supervisor
    schedule: ScanSchedule
    news: GeyserWallets
    followed: Followed = field(default_factory=Followed)
    swaps: LeaderSwaps = field(default_factory=LeaderSwaps)

    async def told(self, *traders: int) -> None:
        """Have the Geyser stream tell of these traders; returns once their scanners go by it."""
        addresses = [self.world.address(trader) for trader in traders]
        self.news.want(addresses)
        with trio.fail_after(60):
            while not all(self.followed.scanners[address].is_told for address in addresses):
                await trio.sleep(0.1)

    async def follow(self, trader: int = LEADER) -> WalletScanner:
        """Start a trader's scanner, as the bot does at boot and for /track; returns once it has read to the end."""
        world = self.world
        scanner = WalletScanner(
            world.address(trader), world.store, world.history(), world.clock, self.followed, self.schedule, self.swaps
        )
        await self.supervisor.start_child(ChildSpec(scanner.address, scanner.run))
        with trio.fail_after(600):
            while not scanner.look.checked_at_ms:
                await trio.sleep(0.1)
        return scanner

    async def stream(self) -> None:
        """The launch stream, opened again whenever it is lost; its trades are the hints."""
        world = self.world
        chain = PumpChain(Endpoints([RpcClient(InProcessTransport(world.chain), 2.5)], world.clock))
        launches = PumpLaunchStream(
            InProcessSubscriptions(world.chain), chain.recorded, chain.signatures_since, world.clock
        )
        while True:
            try:
                async with launches.events() as events:
                    async for event in events:
                        if isinstance(event, CurveTrade):
                            self.followed.hint(event)
            except ChainUnavailable:
                await trio.sleep(0.5)


@asynccontextmanager
async def scanners(
    world: ScannerWorld, *, poll_s: float = 30.0, stream: bool = False, per_call: int = 100
) -> AsyncIterator[Scanners]:
    """One life: what is started here stops with it."""
    spec = SupervisorSpec("wallet_scanners", "dynamic")
    async with open_supervisor(spec, report=world.reports.append) as supervisor, trio.open_nursery() as nursery:
        news = GeyserWallets(
            in_process_geyser(world.chain), in_process_slot(world.chain), silence_s=2, per_call=per_call
        )
        schedule = ScanSchedule(ScanRule(least_s=poll_s), world.history().credit_per_s)
        life = Scanners(world, supervisor, schedule, news)
        nursery.start_soon(news.follow, life.followed)
        if stream:
            nursery.start_soon(life.stream)
        yield life
        nursery.cancel_scope.cancel()
