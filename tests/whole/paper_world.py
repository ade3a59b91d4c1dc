"""The whole bot in profile paper on its twins: its chain poses as the cluster, and what is sent there is counted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import msgspec
import trio

from bot.adapters import Adapters
from bot.chain.endpoints import Endpoints
from bot.chain.paper import PaperChain
from bot.chain.paper_books import PaperBooks
from bot.chain.paper_rules import LandingModel
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.clock import virtual_clock
from bot.localnet.inprocess import DEFAULT_GENESIS_TIME_S, InProcessChain
from bot.ports import Store, User, Wallet
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from bot.users import Registrar
from bot.vault.unsigned_vault import UnsignedVault
from tests.chain.chain_doubles import InProcessTransport, in_process_sources
from tests.whole.virtual import SURE, World

START_LAMPORTS = 10 * LAMPORTS_PER_SOL


class CountingTransport(InProcessTransport):
    """An endpoint that writes down which methods it was asked for."""

    def __init__(self, chain: InProcessChain, asked: dict[str, int]) -> None:
        super().__init__(chain)
        self._asked = asked

    async def post(self, body: bytes) -> bytes:
        requests: Any = msgspec.json.decode(body)
        for request in requests if isinstance(requests, list) else [requests]:
            method = request["method"]
            self._asked[method] = self._asked.get(method, 0) + 1
        return await super().post(body)


@dataclass(slots=True)
class PaperWorld(World):
    """`asked` counts what all endpoints were asked for, by method, over all lives of the bot."""

    landing: LandingModel = SURE
    asked: dict[str, int] = field(default_factory=dict)

    def adapters(self) -> Adapters:
        endpoints = Endpoints([RpcClient(CountingTransport(self.chain, self.asked), 2.5)], self.clock)
        chain = PumpChain(endpoints)
        stream = in_process_sources(self.chain, chain, self.clock)
        made = World.adapters(self)
        books = PaperBooks(made.store, START_LAMPORTS)
        paper = PaperChain(chain, books, self.landing, self.clock)
        return replace(made, chain=paper, stream=stream, vault=UnsignedVault(self.vault), engines=None)

    async def user(self, handle: str, settings: UserSettings) -> tuple[User, Wallet]:
        """A user whose wallet is virtual."""
        registrar = Registrar(cast(Store, self.store), self.vault, self.clock, Mode.PAPER, None)
        user = await registrar.ensure(handle, settings)
        return user, (await self.store.wallets(user.id))[0]


def paper_world(chain: InProcessChain, landing: LandingModel = SURE) -> PaperWorld:
    """A world in profile paper whose clock follows trio's."""
    clock = virtual_clock(trio.current_time, epoch_ms=DEFAULT_GENESIS_TIME_S * 1000, seed=1)
    return PaperWorld(chain, clock, landing=landing)
