"""The world of a simulation: what outlives a bot, with two endpoints, seeded keys, and doors that a life can be cut off at.

What the bot asks of its store goes through the outer door `store`, what the store asks of the database through the inner
door `database`: between the two stands the spool, as in the product, with the journal of exits at its side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import trio
from solders.keypair import Keypair

from bot.adapters import Adapters
from bot.chain.addresses import LANDMARK
from bot.chain.chain_news import EndpointNews
from bot.chain.dry_run import DryRunChain
from bot.chain.endpoints import Endpoints
from bot.chain.launch_sources import LaunchSources
from bot.chain.launch_stream import PumpLaunchStream
from bot.chain.mode_router import ModeRouter
from bot.chain.paper import PaperChain
from bot.chain.paper_books import PaperBooks
from bot.chain.pump_chain import PumpChain
from bot.chain.raced_news import RacedNews
from bot.chain.routed_chain import RoutedChain
from bot.chain.rpc import RpcClient
from bot.chain.subscriptions import OwnSubscriptions
from bot.chain.swaps import PumpWallets
from bot.clock import Clock, virtual_clock
from bot.execution.policy import Policy
from bot.localnet.inprocess import DEFAULT_GENESIS_TIME_S, InProcessChain
from bot.ports import Chain, SealedKey, Store, Vault, Wallet
from bot.storage.memory_halt import MemoryHalt
from bot.storage.memory_tables import MemoryTables
from bot.storage.spool import SpooledStore
from bot.trading.intent import Mode
from bot.trading.limits import Ceilings
from bot.tree import TradingBot
from bot.vault.envelope import seal
from bot.vault.local_vault import LocalVault
from bot.vault.unsigned_vault import UnsignedVault
from tests.chain.chain_doubles import (
    InProcessSubscriptions,
    InProcessTransport,
    in_process_engines,
    in_process_router,
)
from tests.simulation.doors import Door, HaltDoor, JournalDoor, Life
from tests.vault.vault_samples import guard
from tests.whole.virtual import MASTER_KEY, SURE, VIRTUAL_LAMPORTS, World, living_bot

NEWS_MAX = 12  # accounts and signatures that one connection tells of
ENDPOINTS = (1, 2)  # the bot's; the first one of all never lies
RPC_DEADLINE_S = 2.5
Body = Callable[[TradingBot], Awaitable[None]]


class PastFaults(InProcessTransport):
    """An endpoint that is never away and never lies."""

    def __init__(self, chain: InProcessChain) -> None:
        super().__init__(chain, "past every fault")

    async def post(self, body: bytes) -> bytes:
        await trio.lowlevel.checkpoint()
        return self._chain.handle_bytes(body)


class SeededVault(LocalVault):
    """The vault, with keys that follow from a seed, and a clock that may be ahead of the others'."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self.ahead_ms = 0
        own = Clock(lambda: clock.now_ms() + self.ahead_ms, clock.new_id)
        super().__init__(MASTER_KEY, guard(own, address_delay_ms=0, export_delay_ms=0))
        self._seed, self._made = seed, 0

    def is_frozen(self, wallet: Wallet) -> bool:
        return self._book.is_frozen(wallet.user_id, wallet.address)

    async def create_key(self, user_id: str) -> tuple[str, SealedKey]:
        await trio.lowlevel.checkpoint()
        self._made += 1
        secret = bytearray(hashlib.sha256(f"wallet {self._seed} {self._made}".encode()).digest())
        address = str(Keypair.from_seed(bytes(secret)).pubkey())
        return address, seal(MASTER_KEY, user_id, address, secret)


@dataclass(slots=True)
class DoorWorld(World):
    """A world whose adapters are seen through the life of the moment."""

    vault: SeededVault = field(kw_only=True)
    life: Life = field(default_factory=Life)
    halt_file: MemoryHalt = field(default_factory=MemoryHalt)
    spooled: SpooledStore | None = None
    made: Adapters | None = None
    close_emptied_after_s: float | None = 600.0
    on_paper: bool = False  # whether somebody trades on paper, who has a wallet of that mode

    def adapters(self) -> Adapters:
        """Those of the life of the moment."""
        assert self.made is not None, "nobody has lived yet"
        return self.made

    def _made(self) -> tuple[Adapters, Endpoints]:
        clients = [
            RpcClient(self.door(self.chain, f"rpc-{number + 1}", number), RPC_DEADLINE_S) for number in ENDPOINTS
        ]
        endpoints = Endpoints(clients, self.clock, landmark=LANDMARK)
        engines = in_process_engines(self.chain, self.clock)
        real = RoutedChain(endpoints, engines, in_process_router(self.chain, endpoints, self.clock))
        subscriptions = [
            OwnSubscriptions(InProcessSubscriptions(self.chain, number), partial(endpoints.refuses, place))
            for place, number in enumerate(ENDPOINTS)
        ]
        raced = RacedNews(subscriptions, endpoints.newest_slot, silence_s=2)
        database = cast(Store, Door("database", self.store, self.life))
        self.spooled = SpooledStore(database, JournalDoor(self.journal, self.life))
        chain = self._of_modes(real, self.spooled.as_store) if self.on_paper else real
        adapters = Adapters(
            store=cast(Store, Door("store", self.spooled, self.life)),
            chain=cast(Chain, Door("chain", chain, self.life)),
            stream=LaunchSources(
                [
                    PumpLaunchStream(
                        subscriptions,
                        real.recorded,
                        real.signatures_since,
                        self.clock,
                        newest_slot=real.newest_slot,
                    )
                ],
                self.clock,
            ),
            history=PumpWallets(endpoints),
            vault=cast(
                Vault, Door("vault", UnsignedVault(self.vault, signed=frozenset({Mode.LIVE, Mode.DRY_RUN})), self.life)
            ),
            clock=self.clock,
            spool=self.spooled,
            engines=engines,
            news=EndpointNews(raced, most=NEWS_MAX, others=False),
        )
        return adapters, endpoints

    def _of_modes(self, real: RoutedChain, store: Store) -> ModeRouter:
        """The chain beside which some trade on paper."""
        paper, dry_run = (PaperBooks(store, VIRTUAL_LAMPORTS, mode) for mode in (Mode.PAPER, Mode.DRY_RUN))
        return ModeRouter(
            real, DryRunChain(real, dry_run, SURE, self.clock), PaperChain(real, paper, SURE, self.clock), store
        )

    def honest_chain(self) -> PumpChain:
        """The chain as those see it who are not the bot: by the endpoint that never lies."""
        return PumpChain(Endpoints([RpcClient(PastFaults(self.chain), RPC_DEADLINE_S)], self.clock))

    def exits_from_memory(self) -> bool:
        """Whether memory is in charge of exits at this moment."""
        return self.spooled is not None and self.spooled.spool().from_memory

    def in_charge(self) -> MemoryTables:
        """The rows that exits are judged by at this moment: those of the database, or those in memory."""
        if self.spooled is not None and self.exits_from_memory():
            return self.spooled._charge.memory
        return self.store

    async def live(self, life: Life, body: Body, *, ceilings: Ceilings, observe_s: float = 6.0) -> None:
        """The bot for as long as `body` runs or until the life dies, which ends `body` as well, the boot included.

        Raises ChainUnavailable or StartupError where no endpoint serves our chain at the boot.
        """
        self.life = life
        self.halt = cast(MemoryHalt, HaltDoor(self.halt_file.kept, self.halt_file.keep, life))
        with life.scope:
            self.made, endpoints = self._made()
            await endpoints.admit(await self.store.genesis_hash())
            policy = Policy(
                ceilings=ceilings,
                close_emptied_after_s=self.close_emptied_after_s,
                paper_start_lamports=VIRTUAL_LAMPORTS,
            )
            async with living_bot(self, policy=policy, observe_s=observe_s) as bot:
                await body(bot)
        life.dead = True


def make_door_world(seed: int) -> DoorWorld:
    """A new world; two of one seed are the same in everything."""
    chain = InProcessChain(seed=seed, endpoints=len(ENDPOINTS) + 1)
    clock = virtual_clock(trio.current_time, epoch_ms=DEFAULT_GENESIS_TIME_S * 1000, seed=seed)
    return DoorWorld(chain, clock, vault=SeededVault(seed, clock))
