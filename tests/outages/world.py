"""The world of the outage matrix: two endpoints, the second of which may lie, a database and streams that can be in trouble.

The bot in it is whole; the people and the market ask another endpoint, which never lies, past every fault.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, NoReturn, cast

import trio

from bot.adapters import Adapters, Chats
from bot.chain.addresses import LANDMARK
from bot.chain.endpoints import Endpoints
from bot.chain.launch_sources import LaunchSources
from bot.chain.launch_stream import PumpLaunchStream
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.chain.subscriptions import Deliver, Notification, Opened, OwnSubscriptions, Subscribe
from bot.chain.swaps import PumpWallets
from bot.clock import virtual_clock
from bot.errors import StoreUnavailable
from bot.localnet.inprocess import DEFAULT_GENESIS_TIME_S, InProcessChain
from bot.ports import Store
from bot.storage.memory import MemoryStore
from bot.storage.spool import SpooledStore
from bot.telegram.gateway_memory import MemoryTelegram
from tests.chain.chain_doubles import InProcessSubscriptions, InProcessTransport, in_process_engines
from tests.simulation.world import SeededVault
from tests.whole.database_twin import writes
from tests.whole.test_levels_services import NoDoor
from tests.whole.virtual import World

RPC_DEADLINE_S = 2.5
HONEST, LIAR = 2, 1
# The liar stands first in the settings, so that it is who is asked while nothing speaks against it.
ORDER = (LIAR, HONEST)

# What `bot.storage.database.DatabaseTimeouts` allows a unit of work and a probe.
ANSWER_WITHIN_S = 5.0
PROBE_WITHIN_S = 2.0
RESTART_TAKES_S = 2.0
RESTARTS_EVERY_S = 7.0

After = Callable[[str, tuple[Any, ...]], None]


class TroubledStore:
    """The store in memory behind a database that can be stopped, hang, restart within a transaction, or be full.

    A restart comes at a write: of those, the first is committed and its answer lost, the second is rolled back, and so on.
    `after` hears of each call that was answered.
    """

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.stopped = self.hung = self.full = self.restarts = False
        self.after: After = lambda _method, _arguments: None
        self._commits = False
        self._back_at_s = 0.0
        self._next_restart_s = 0.0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)
        if not iscoroutinefunction(method):
            return method  # type: ignore[no-any-return]

        async def call(*arguments: Any, **named: Any) -> Any:
            await trio.lowlevel.checkpoint()
            await self._answers(name)
            if name in writes() and self._restarts_now():
                if self._commits:
                    await method(*arguments, **named)
                raise StoreUnavailable("the database: connection was closed in the middle of operation")
            answer = await method(*arguments, **named)
            self.after(name, arguments)
            return answer

        return call

    async def _answers(self, name: str) -> None:
        """Return when the server would carry the call out; raises StoreUnavailable in place of the adapter."""
        with trio.move_on_after(PROBE_WITHIN_S if name == "ping" else ANSWER_WITHIN_S) as waiting:
            while self.hung:
                await trio.sleep(0.1)
        if waiting.cancelled_caught:
            raise StoreUnavailable("the database: no answer in time")
        if self.stopped or trio.current_time() < self._back_at_s:
            raise StoreUnavailable("the database: nothing listens there")
        if self.full and name in writes():
            raise StoreUnavailable("the database: could not extend file: No space left on device")

    def _restarts_now(self) -> bool:
        now_s = trio.current_time()
        if not self.restarts or now_s < self._next_restart_s:
            return False
        self._commits = not self._commits
        self._back_at_s = now_s + RESTART_TAKES_S
        self._next_restart_s = now_s + RESTARTS_EVERY_S
        return True


@dataclass(slots=True)
class StreamTrouble:
    """What the streams of all endpoints do: stay open and say nothing, or say everything twice."""

    silent: bool = False
    doubles: bool = False


class TroubledSubscriptions(InProcessSubscriptions):
    """Notifications of one endpoint as its stream's trouble leaves them."""

    def __init__(self, chain: InProcessChain, endpoint: int, trouble: StreamTrouble) -> None:
        super().__init__(chain, endpoint)
        self._trouble = trouble

    async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
        async def told(notification: Notification) -> None:
            for _ in range(0 if self._trouble.silent else 2 if self._trouble.doubles else 1):
                await deliver(notification)

        await super().follow(wanted, told, opened)
        raise AssertionError("the stream of the twin ends by raising")


@dataclass(slots=True)
class OutageWorld(World):
    """A world whose services can be taken away one by one."""

    postgres: TroubledStore = field(init=False)
    streams: StreamTrouble = field(default_factory=StreamTrouble)
    telegram: MemoryTelegram = field(init=False)
    spooled: SpooledStore | None = None
    made: Adapters | None = None

    def __post_init__(self) -> None:
        World.__post_init__(self)
        self.postgres = TroubledStore(self.store)
        self.telegram = MemoryTelegram(self.clock)
        self.chats = Chats(self.telegram, NoDoor())

    async def boot(self) -> None:
        """Make the adapters as a boot does: every endpoint is asked which chain it serves before anything else."""
        self.made, endpoints = self._made()
        await endpoints.admit(await self.store.genesis_hash())

    def adapters(self) -> Adapters:
        assert self.made is not None, "boot comes first"
        return self.made

    def _made(self) -> tuple[Adapters, Endpoints]:
        clients = [RpcClient(InProcessTransport(self.chain, f"rpc-{n + 1}", n), RPC_DEADLINE_S) for n in ORDER]
        endpoints = Endpoints(clients, self.clock, landmark=LANDMARK)
        engines = in_process_engines(self.chain, self.clock)
        chain = PumpChain(endpoints, engines)
        subscriptions = [
            OwnSubscriptions(TroubledSubscriptions(self.chain, number, self.streams), partial(endpoints.refuses, place))
            for place, number in enumerate(ORDER)
        ]
        self.spooled = SpooledStore(cast(Store, self.postgres), self.journal)
        adapters = Adapters(
            store=self.spooled.as_store,
            chain=chain,
            stream=LaunchSources(
                [
                    PumpLaunchStream(
                        subscriptions,
                        chain.recorded,
                        chain.signatures_since,
                        self.clock,
                        newest_slot=chain.newest_slot,
                    )
                ],
                self.clock,
            ),
            history=PumpWallets(endpoints),
            vault=self.vault,
            clock=self.clock,
            spool=self.spooled,
            engines=engines,
        )
        return adapters, endpoints

    def exits_from_memory(self) -> bool:
        """Whether memory is in charge of exits at this moment."""
        return self.spooled is not None and self.spooled.spool().from_memory


def make_outage_world(seed: int) -> OutageWorld:
    """A new world with two endpoints whose clock follows trio's."""
    chain = InProcessChain(seed=seed, endpoints=3)
    clock = virtual_clock(trio.current_time, epoch_ms=DEFAULT_GENESIS_TIME_S * 1000, seed=seed)
    return OutageWorld(chain, clock, vault=SeededVault(seed, clock))
