"""The local cluster inside a test: the same engine, RPC, subscriptions and market, without a socket, thread or process.

Everything follows trio's clock, so that under `trio.testing.MockClock` hours of market take seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import trio

from bot.localnet.chain import FIRST_SLOT
from bot.localnet.cluster import DEFAULT_SLOT_MS, ENGINE_REQUESTS_PER_S, Cluster
from bot.localnet.dexscreener import DEFAULT_LISTED_AFTER_S
from bot.localnet.endpoints import ALL
from bot.localnet.faults import (
    BIRDEYE,
    BIRDEYE_DOWN,
    DEFAULT_LOST_PERCENT,
    DEXSCREENER,
    DEXSCREENER_DOWN,
    ENGINE_DOWN,
    JUPITER_DOWN,
    RATINGS,
    RATINGS_DOWN,
    RPC_DOWN,
    RPC_SLOW,
    SOCIAL,
    SOCIAL_DOWN,
    STREAM_DROP,
    FaultKind,
    MinuteRate,
)
from bot.localnet.forks import Fork
from bot.localnet.geyser import Geyser
from bot.localnet.market.interface import Market
from bot.localnet.migrator import DEFAULT_DELAY_SLOTS
from bot.localnet.portal import Portal
from bot.localnet.records import Block
from bot.localnet.rpc.pubsub import Message, PubSub, Session
from bot.localnet.store import Store

DEFAULT_GENESIS_TIME_S = 1_790_000_000
NOTIFICATION_BUFFER = 10_000


class NodeUnreachable(OSError):
    """The node does not answer because a fault says so; what a refused connection is on a socket."""


class TooManyRequests(NodeUnreachable):
    """The node refuses the request because of its rate; HTTP status 429 on a socket, with a Retry-After."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StreamDropped(Exception):
    """The node ended a subscription session: an outage, or the reader fell behind by more than the buffer."""


class NotificationStream:
    """One pubsub session. Requests go in through `request`, notifications come out of `receive` or `async for`."""

    def __init__(self, pubsub: PubSub) -> None:
        self._send, self._receive = trio.open_memory_channel[Message](NOTIFICATION_BUFFER)
        self._session: Session = pubsub.open(self._deliver, self._send.close)

    def request(self, method: str, params: list[Any]) -> Any:
        """Send one request and return the `result`; raises ValueError with the error object of a refusal."""
        answer = self._session.handle({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        self._session.after_reply()
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["result"]

    async def receive(self) -> Message:
        """The next notification; raises StreamDropped when the node ended the session."""
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise StreamDropped("the node ended the session") from None

    def receive_nowait(self) -> Message | None:
        """The next notification if one waits."""
        try:
            return self._receive.receive_nowait()
        except trio.WouldBlock:
            return None

    def close(self) -> None:
        """End the session from the client's side."""
        self._session.close()
        self._send.close()

    def _deliver(self, message: Message) -> None:
        try:
            self._send.send_nowait(message)
        except trio.WouldBlock:
            self._session.drop()


class PortalStream:
    """One connection to the stand-in of PumpPortal; answers and messages come out of `receive` in their order."""

    def __init__(self, portal: Portal, path: str) -> None:
        self._send, self._receive = trio.open_memory_channel[Message](NOTIFICATION_BUFFER)
        self._session = portal.open(path, self._send.send_nowait, self._send.close)

    def request(self, message: Any) -> None:
        """Send one request; its answer is received."""
        self._send.send_nowait(self._session.handle(message))

    async def receive(self) -> Message:
        """The next message; raises StreamDropped when the service ended the connection."""
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise StreamDropped("the service ended the connection") from None

    def close(self) -> None:
        """End it from the client's side."""
        self._session.close()


class GeyserStream:
    """One call to the stand-in of a Geyser stream; updates come out of `receive`."""

    def __init__(self, geyser: Geyser) -> None:
        self._send, self._receive = trio.open_memory_channel[bytes](NOTIFICATION_BUFFER)
        self._session = geyser.open(self._send.send_nowait, self._send.close)

    def send(self, request: bytes) -> None:
        """Send one request; raises Refusal where the server ends the call."""
        self._session.handle(request)

    async def receive(self) -> bytes:
        """The next update; raises StreamDropped when the server ended the call."""
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise StreamDropped("the server ended the call") from None

    def close(self) -> None:
        """End it from the client's side."""
        self._session.close()


class InProcessChain:
    """A local cluster for tests in virtual time.

    `step` produces blocks at once; `run` produces one per slot of trio time. Chain time starts at `genesis_time_s` and
    advances by one slot per block either way.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        market: Market | None = None,
        slot_ms: int = DEFAULT_SLOT_MS,
        genesis_time_s: int = DEFAULT_GENESIS_TIME_S,
        salt: bytes = b"",
        endpoints: int = 1,
        migration_slots: int | None = DEFAULT_DELAY_SLOTS,
        engine_requests_per_s: float = ENGINE_REQUESTS_PER_S,
        listed_after_s: float = DEFAULT_LISTED_AFTER_S,
    ) -> None:
        self._genesis_ms = genesis_time_s * 1000
        self.cluster = Cluster(
            Store(),
            seed=seed,
            salt=salt,
            time_s=genesis_time_s,
            clock=trio.current_time,
            market=market,
            slot_ms=slot_ms,
            endpoints=endpoints,
            migration_slots=migration_slots,
            engine_requests_per_s=engine_requests_per_s,
            listed_after_s=listed_after_s,
        )

    def handle(self, request: Any) -> Any:
        """The answer to a JSON-RPC request or batch, at once and whatever faults are on."""
        return self.cluster.dispatcher.handle(request)

    def handle_bytes(self, raw: bytes) -> bytes:
        """The same on encoded JSON."""
        return self.cluster.dispatcher.handle_bytes(raw)

    async def request(self, raw: bytes, endpoint: int = 0) -> bytes:
        """One request as a client meets it: late, or refused (NodeUnreachable, TooManyRequests), while a fault is on.

        `endpoint` counts from 0.
        """
        asked = self.cluster.endpoints[endpoint]
        slow = asked.faults.get(RPC_SLOW)
        await trio.sleep(0 if slow is None else slow.delay_ms / 1000)
        if asked.faults.get(RPC_DOWN) is not None:
            raise NodeUnreachable("the local node is down")
        retry_after_s = asked.rates.refuses_for_s()
        if retry_after_s is not None:
            raise TooManyRequests("the local node is asked too often", retry_after_s)
        return asked.dispatcher.handle_bytes(raw)

    async def ask_engine(self, raw: bytes) -> bytes:
        """One request to the block engine as a client meets it; NodeUnreachable or TooManyRequests as `request` says."""
        engine = self.cluster.engine
        slow = engine.faults.get(RPC_SLOW)
        await trio.sleep(0 if slow is None else slow.delay_ms / 1000)
        if engine.faults.get(ENGINE_DOWN) is not None:
            raise NodeUnreachable("the block engine is down")
        retry_after_s = engine.refuses_for_s()
        if retry_after_s is not None:
            raise TooManyRequests("the block engine is asked too often", retry_after_s)
        return engine.handle_bytes(raw)

    async def ask_router(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """One request to the aggregator as a client meets it, its status and body; raises as `ask_engine`."""
        router = self.cluster.router
        slow = router.faults.get(RPC_SLOW)
        await trio.sleep(0 if slow is None else slow.delay_ms / 1000)
        if router.faults.get(JUPITER_DOWN) is not None:
            raise NodeUnreachable("the aggregator is down")
        retry_after_s = router.refuses_for_s()
        if retry_after_s is not None:
            raise TooManyRequests("the aggregator is asked too often", retry_after_s)
        return router.handle(method, target, body)

    async def ask_teller(
        self, name: str, target: str, headers: Mapping[str, str], form: bytes | None = None
    ) -> tuple[int, bytes]:
        """A GET request to a service that tells of tokens as a client meets it, its status and body; raises as `ask_engine`.

        `name` is that by which its faults are asked for; with a `form` that is sent instead, which `social` alone takes.
        """
        doors: dict[str, tuple[MinuteRate, FaultKind]] = {
            DEXSCREENER: (self.cluster.dexscreener, DEXSCREENER_DOWN),
            BIRDEYE: (self.cluster.birdeye, BIRDEYE_DOWN),
            SOCIAL: (self.cluster.social, SOCIAL_DOWN),
            RATINGS: (self.cluster.ratings, RATINGS_DOWN),
        }
        teller, shut_by = doors[name]
        slow = teller.faults.get(RPC_SLOW)
        await trio.sleep(0 if slow is None else slow.delay_ms / 1000)
        if teller.faults.get(shut_by) is not None:
            raise NodeUnreachable(f"{name} is down")
        retry_after_s = teller.refuses_for_s()
        if retry_after_s is not None:
            raise TooManyRequests(f"{name} is asked too often", retry_after_s)
        if form is not None:
            return self.cluster.social.handle_form(target, headers, form)
        return teller.handle(target, headers)

    def call(self, method: str, *params: Any) -> Any:
        """The `result` of one method; raises ValueError with the error object of a refusal."""
        answer = self.handle({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["result"]

    def open_stream(self, endpoint: int = 0) -> NotificationStream:
        """A new pubsub session; raises NodeUnreachable while the node or its streams are down."""
        asked = self.cluster.endpoints[endpoint]
        if asked.faults.any(RPC_DOWN, STREAM_DROP):
            raise NodeUnreachable("the local node takes no streams")
        return NotificationStream(asked.pubsub)

    def open_portal(self, path: str = "/api/data") -> PortalStream:
        """A new connection to PumpPortal's stand-in; raises NodeUnreachable while it takes none."""
        portal = self.cluster.portal
        if portal.faults.any(RPC_DOWN, STREAM_DROP):
            raise NodeUnreachable("the service takes no connections")
        return PortalStream(portal, path)

    def open_geyser(self) -> GeyserStream:
        """A new call to the Geyser stream's stand-in; raises NodeUnreachable while it takes none."""
        geyser = self.cluster.geyser
        if geyser.faults.any(RPC_DOWN, STREAM_DROP):
            raise NodeUnreachable("the Geyser stream takes no calls")
        return GeyserStream(geyser)

    def set_fault(self, name: str, *, for_s: float, delay_ms: int = 0, endpoint: str = ALL) -> None:
        """Switch a fault on for some seconds of trio time, at `rpc-1`, `rpc-2` or `all`; see `bot.localnet.faults`."""
        self.cluster.all_faults.set(name, for_s=for_s, delay_ms=delay_ms, endpoint=endpoint)
        for one in self.cluster.endpoints:
            if one.faults.any(RPC_DOWN, STREAM_DROP):
                one.pubsub.drop_all()
        if self.cluster.portal.faults.any(RPC_DOWN, STREAM_DROP):
            self.cluster.portal.drop_all()
        if self.cluster.geyser.faults.any(RPC_DOWN, STREAM_DROP):
            self.cluster.geyser.drop_all()

    def fork(self, slots: int, *, lost_percent: int = DEFAULT_LOST_PERCENT) -> Fork:
        """Take back the newest slots; see `Cluster.fork`."""
        return self.cluster.fork(slots, lost_percent=lost_percent)

    def step(self, blocks: int = 1) -> Block:
        """Produce blocks now, however many slots are skipped between them; returns the last one."""
        made: list[Block] = []
        while len(made) < max(1, blocks):
            if (block := self._next_slot()) is not None:
                made.append(block)
        return made[-1]

    def _next_slot(self) -> Block | None:
        slots = self.cluster.chain.position.slot + 1 - FIRST_SLOT
        return self.cluster.tick((self._genesis_ms + slots * self.cluster.slot_ms) // 1000)

    async def run(self) -> None:
        """Produce a block every slot of trio time until cancelled, except in slots that are skipped."""
        next_s = trio.current_time()
        while True:
            next_s += self.cluster.slot_ms / 1000
            await trio.sleep_until(next_s)
            self._next_slot()
