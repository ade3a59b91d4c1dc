"""The local chain as a process of its own for a benchmark, and the world of the whole bot on it."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import trio

from bot.adapters import Adapters
from bot.chain.batches import open_transport
from bot.chain.endpoints import Endpoints
from bot.chain.launch_sources import LaunchSources
from bot.chain.launch_stream import PumpLaunchStream
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.chain.subscriptions import WebSocketSubscriptions
from bot.chain.swaps import PumpWallets
from bot.clock import Clock, system_clock
from bot.local_chain import LocalChainAddress, LocalChainProcess
from bot.localnet.inprocess import InProcessChain
from bot.ports import Store, User, Wallet
from bot.storage.memory import MemoryStore
from bot.storage.spool import SpooledStore
from bot.storage.store import PostgresStore
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.users import Registrar
from tests.whole.virtual import FUND_LAMPORTS, World

ENDPOINTS = 2
BATCH = 100
CALL_WITHIN_S = 10
POLL_S = 0.05
RPC_DEADLINE_S = 2.5
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SLOT_MS = 400


@dataclass(slots=True)
class RemoteChain:
    """A chain in another process. `call` and `step` block: they prepare a benchmark and are no part of it."""

    address: LocalChainAddress
    endpoints: Endpoints
    pid: int
    clock: Clock
    _ids: itertools.count[int] = field(default_factory=itertools.count)

    def call(self, method: str, *params: Any) -> Any:
        """The `result` of one method; raises ValueError with the error object of a refusal."""
        parts = urlsplit(self.address.http_urls[0])
        assert parts.hostname is not None
        connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=CALL_WITHIN_S)
        request = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}
        try:
            connection.request("POST", "/", json.dumps(request), {"content-type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["result"]

    def step(self, blocks: int = 1) -> None:
        """Wait until the chain has made so many more blocks."""
        until = self.call("getSlot", {"commitment": "processed"}) + blocks
        while self.call("getSlot", {"commitment": "processed"}) < until:
            time.sleep(POLL_S)

    def cpu_s(self) -> float:
        """CPU seconds of its process so far, user and kernel."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


@asynccontextmanager
async def remote_chain(directory: Path, *, batch: int = BATCH, slot_ms: int = SLOT_MS) -> AsyncIterator[RemoteChain]:
    """A chain without a market of its own for as long as the block runs; `batch` requests go to it at once."""
    options = ["--no-market", "--endpoints", str(ENDPOINTS), "--seed", "1", "--slot-ms", str(slot_ms)]
    process = LocalChainProcess(directory, 0, options)
    try:
        address = await process.start()
        async with AsyncExitStack() as opened:
            transports = [
                await opened.enter_async_context(open_transport(url, batch=batch)) for url in address.http_urls
            ]
            clock = system_clock()
            endpoints = Endpoints([RpcClient(one, RPC_DEADLINE_S, at_once=batch) for one in transports], clock)
            await endpoints.admit(address.genesis_hash)
            pid = json.loads((directory / "localnet.json").read_text())["pid"]
            yield RemoteChain(address, endpoints, pid, clock)
    finally:
        with trio.CancelScope(shield=True):
            await process.stop()


class RemoteWorld(World):
    """The whole bot's world with the real clock, a real database and that chain."""

    def __init__(self, chain: RemoteChain, store: PostgresStore) -> None:
        # The tree takes any store and any chain; the fields of the world name their twins.
        super().__init__(cast(InProcessChain, chain), chain.clock, store=cast(MemoryStore, store))
        self.remote = chain

    def adapters(self) -> Adapters:
        spooled = SpooledStore(cast(Store, self.database), self.journal)
        endpoints = self.remote.endpoints
        chain = PumpChain(endpoints)
        subscriptions = [WebSocketSubscriptions(url) for url in self.remote.address.ws_urls]
        logs = PumpLaunchStream(
            subscriptions, chain.recorded, chain.signatures_since, self.clock, tellers=endpoints.names, others=True
        )
        stream = LaunchSources([logs], self.clock)
        history = PumpWallets(endpoints)
        return Adapters(spooled.as_store, chain, stream, history, self.vault, self.clock, spool=spooled)

    async def user(self, handle: str, settings: UserSettings) -> tuple[User, Wallet]:
        registrar = Registrar(self.store, self.vault, self.clock, Mode.LIVE, self._airdrop)
        user = await registrar.ensure(handle, settings)
        return user, (await self.store.wallets(user.id))[0]

    async def _airdrop(self, address: str) -> None:
        """Whoever buys waits for it anyway."""
        await trio.lowlevel.checkpoint()
        self.remote.call("requestAirdrop", address, FUND_LAMPORTS)
