"""The in-process local chain as a transport and as subscriptions, so that everything above the wire is the real code."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NoReturn

import msgspec
import trio
from solders.hash import Hash
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from bot.chain import wire
from bot.chain.block_engines import BlockEngines, Region
from bot.chain.endpoints import Endpoints
from bot.chain.engine_client import EngineClient
from bot.chain.geyser_stream import Call, GeyserLaunches, OpenCall
from bot.chain.hinted_launches import HintedLaunches
from bot.chain.jupiter import Jupiter
from bot.chain.jupiter_client import JupiterClient
from bot.chain.launch_sources import LaunchSources
from bot.chain.launch_stream import SILENCE_S, PumpLaunchStream
from bot.chain.polled_launches import PolledLaunches, PollingRule
from bot.chain.pump_chain import PumpChain
from bot.chain.slot_bound import SlotBound
from bot.chain.subscriptions import Conversation, Deliver, Opened, OwnSubscriptions, Subscribe, Subscriptions, Wishes
from bot.chain.tip_floor import PATH as TIP_FLOOR
from bot.chain.tip_floor import TipFloor
from bot.chain.transport import RateLimited
from bot.clock import Clock
from bot.errors import ChainUnavailable
from bot.execution.event_reads import EventReads
from bot.localnet.faults import ENGINE_DOWN
from bot.localnet.geyser import Refusal
from bot.localnet.inprocess import (
    GeyserStream,
    InProcessChain,
    NodeUnreachable,
    NotificationStream,
    PortalStream,
    StreamDropped,
    TooManyRequests,
)
from bot.market.pumpportal import Line, PumpPortal
from bot.ports import LaunchSource

# The bytes of a transaction on a blockhash that no chain ever had.
NEVER_SENT = bytes(
    VersionedTransaction.populate(
        Message.new_with_blockhash([], Pubkey.default(), Hash.new_unique()), [Signature.default()]
    )
)


class InProcessTransport:
    """JSON-RPC bytes straight into the chain's dispatcher; its faults act as they do on a socket."""

    def __init__(self, chain: InProcessChain, name: str = "in-process:1", endpoint: int = 0) -> None:
        self._chain = chain
        self._name = name
        self._endpoint = endpoint

    @property
    def name(self) -> str:
        return self._name

    async def post(self, body: bytes) -> bytes:
        try:
            return await self._chain.request(body, self._endpoint)
        except TooManyRequests as error:
            raise RateLimited(f"{self._name}: {error}", error.retry_after_s) from None
        except NodeUnreachable as error:
            raise ChainUnavailable(f"{self._name}: {error}") from None


class InProcessEngine:
    """The chain's block engine as a transport; one object serves all its paths."""

    name = "in-process:3"

    def __init__(self, chain: InProcessChain) -> None:
        self._chain = chain

    async def post(self, body: bytes) -> bytes:
        try:
            return await self._chain.ask_engine(body)
        except TooManyRequests as error:
            raise RateLimited(f"{self.name}: {error}", float(error.retry_after_s)) from None
        except NodeUnreachable as error:
            raise ChainUnavailable(f"{self.name}: {error}") from None


def in_process_engines(chain: InProcessChain, clock: Clock, *, requests_per_s: float = 100.0) -> BlockEngines:
    """The chain's block engine as one region."""
    door = InProcessEngine(chain)
    floor = TipFloor(InProcessTips(chain))
    return BlockEngines([Region(EngineClient(door, door, door), requests_per_s)], clock, floor)


class InProcessTips:
    """The feed of landed tips of the chain's block engine."""

    name = "in-process:5"

    def __init__(self, chain: InProcessChain) -> None:
        self._chain = chain

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        await trio.lowlevel.checkpoint()
        assert (method, path, body) == ("GET", "", b"")
        if self._chain.cluster.engine.faults.get(ENGINE_DOWN) is not None:
            raise ChainUnavailable(f"{self.name}: the engine is down")
        return 200, self._chain.cluster.engine.shown(TIP_FLOOR.encode()) or b""


class InProcessRouter:
    """The chain's aggregator as an interface of paths; its faults act as they do on a socket."""

    name = "in-process:4"

    def __init__(self, chain: InProcessChain) -> None:
        self._chain = chain

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        try:
            return await self._chain.ask_router(method, path, body)
        except TooManyRequests as error:
            raise RateLimited(f"{self.name}: {error}", float(error.retry_after_s)) from None
        except NodeUnreachable as error:
            raise ChainUnavailable(f"{self.name}: {error}") from None


def in_process_router(
    chain: InProcessChain, endpoints: Endpoints, clock: Clock, *, requests_per_s: float = 20.0
) -> Jupiter:
    """The chain's aggregator."""
    client = JupiterClient(InProcessRouter(chain))
    return Jupiter(client, requests_per_s, clock, endpoints.newest_slot)


class FaultyDoor(InProcessTransport):
    """A door that can also hang, be late, refuse, and lie about its slot or its chain; it keeps what it was asked.

    `of_methods` is how it fails at single methods: an error is raised, bytes are the answer, None hangs.
    """

    def __init__(self, chain: InProcessChain, name: str) -> None:
        super().__init__(chain, name)
        self.asked: list[str] = []
        self.asked_at_s: list[float] = []
        self.cut_off = 0
        self.hangs = False
        self.delay_s = 0.0
        self.refusal: ChainUnavailable | None = None
        self.slots_behind = 0
        self.genesis: str | None = None
        self.of_methods: dict[str, ChainUnavailable | bytes | None] = {}

    async def post(self, body: bytes) -> bytes:
        method = msgspec.json.decode(body)["method"]
        self.asked.append(method)
        self.asked_at_s.append(trio.current_time())
        trouble = self.of_methods.get(method, b"")
        try:
            await trio.sleep(math.inf if self.hangs or trouble is None else self.delay_s)
        except trio.Cancelled:
            self.cut_off += 1
            raise
        if self.refusal is not None:
            raise self.refusal
        if isinstance(trouble, ChainUnavailable):
            raise trouble
        if trouble:
            return trouble
        answer = msgspec.json.decode(await super().post(body))
        if method == "getGenesisHash" and self.genesis is not None:
            answer["result"] = self.genesis
        if self.slots_behind:
            self._lie(answer)
        return msgspec.json.encode(answer)

    def _lie(self, answer: dict[str, Any]) -> None:
        result = answer["result"]
        if isinstance(result, int):
            answer["result"] = result - self.slots_behind
        elif isinstance(result, dict) and "context" in result:
            result["context"]["slot"] -= self.slots_behind


class InProcessSubscriptions:
    """Notifications straight from the chain's pubsub."""

    def __init__(self, chain: InProcessChain, endpoint: int = 0) -> None:
        self._chain = chain
        self._endpoint = endpoint

    @property
    def name(self) -> str:
        return "in-process:2"

    async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
        try:
            stream = self._chain.open_stream(self._endpoint)
        except NodeUnreachable as error:
            raise ChainUnavailable(str(error)) from None
        talk = Conversation(wanted)
        try:
            _ask(stream, talk)
            opened()
            if not isinstance(wanted, Wishes):
                await _hear(stream, talk, deliver)
            trouble: StreamDropped | ChainUnavailable | None = None
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_ask_for_changes, stream, talk, wanted)
                try:
                    await _hear(stream, talk, deliver)
                except (StreamDropped, ChainUnavailable) as error:
                    trouble = error
                nursery.cancel_scope.cancel()
            raise trouble or StreamDropped("cancelled")
        except StreamDropped as error:
            raise ChainUnavailable(str(error)) from None
        finally:
            stream.close()


async def _hear(stream: NotificationStream, talk: Conversation, deliver: Deliver) -> NoReturn:
    while True:
        message = await stream.receive()
        result = msgspec.Raw(msgspec.json.encode(message["params"]["result"]))
        frame = wire.Frame(method=message["method"], params=wire.Params(result, message["params"]["subscription"]))
        if (told := talk.heard(frame)) is not None:
            await deliver(told)


def _ask(stream: NotificationStream, talk: Conversation) -> None:
    """Have the chain answer what is to be asked now."""
    for request in talk.requests():
        try:
            result = stream.request(request["method"], request["params"])
        except ValueError as refused:
            talk.heard(wire.Frame(id=request["id"], error=msgspec.convert(refused.args[0], wire.ErrorBody)))
        else:
            talk.heard(wire.Frame(id=request["id"], result=msgspec.Raw(msgspec.json.encode(result))))


async def _ask_for_changes(stream: NotificationStream, talk: Conversation, wishes: Wishes) -> NoReturn:
    while True:
        await wishes.changed()
        _ask(stream, talk)


def in_process_streams(
    net: InProcessChain,
    endpoints: Endpoints,
    count: int,
    bound: SlotBound,
    door: Callable[[InProcessChain, int], Subscriptions] = InProcessSubscriptions,
) -> list[OwnSubscriptions]:
    """The streams of the first `count` endpoints, each heard for as long as it tells what can be."""
    return [
        OwnSubscriptions(
            door(net, place), partial(endpoints.refuses, place), bound=bound, teller=endpoints.names[place]
        )
        for place in range(count)
    ]


PORTAL_SILENCE_S = 20.0
READS_PER_S = 50
FOLLOW_S = 12.0


class InProcessLine:
    """A connection to PumpPortal's stand-in."""

    def __init__(self, stream: PortalStream) -> None:
        self._stream = stream

    async def send(self, message: str) -> None:
        await trio.lowlevel.checkpoint()
        self._stream.request(msgspec.json.decode(message))

    async def receive(self) -> bytes:
        try:
            return msgspec.json.encode(await self._stream.receive())
        except StreamDropped as error:
            raise ChainUnavailable(f"pumpportal: {error}") from None


def in_process_portal(net: InProcessChain, *, key: bool = True) -> PumpPortal:
    """The client of PumpPortal on the stand-in."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Line]:
        try:
            stream = net.open_portal("/api/data?api-key=k" if key else "/api/data")
        except NodeUnreachable as error:
            raise ChainUnavailable(f"pumpportal: {error}") from None
        try:
            yield InProcessLine(stream)
        finally:
            stream.close()

    return PumpPortal(connect, tells_trades=key, silence_s=PORTAL_SILENCE_S)


class InProcessCall:
    """A call to the stand-in of a Geyser stream."""

    def __init__(self, stream: GeyserStream) -> None:
        self._stream = stream

    async def send(self, message: bytes) -> None:
        await trio.lowlevel.checkpoint()
        try:
            self._stream.send(message)
        except Refusal as error:
            raise ChainUnavailable(f"status {error.code}: {error}") from None

    async def receive(self) -> bytes:
        try:
            return await self._stream.receive()
        except StreamDropped as error:
            raise ChainUnavailable(str(error)) from None


def in_process_slot(net: InProcessChain) -> Callable[[], int]:
    """What endpoints that are asked all the time know of the newest slot, whatever faults are on."""
    return lambda: net.cluster.chain.position.slot - net.cluster.chain.position.skipped


def in_process_geyser(net: InProcessChain) -> OpenCall:
    """Calls to the stand-in."""

    @asynccontextmanager
    async def open_call() -> AsyncIterator[Call]:
        await trio.lowlevel.checkpoint()
        try:
            stream = net.open_geyser()
        except NodeUnreachable as error:
            raise ChainUnavailable(str(error)) from None
        try:
            yield InProcessCall(stream)
        finally:
            stream.close()

    return open_call


def in_process_sources(
    net: InProcessChain,
    chain: PumpChain,
    clock: Clock,
    names: Sequence[str] = ("logs",),
    *,
    key: bool = True,
    reads: EventReads | None = None,
    streams: Sequence[OwnSubscriptions] = (),
    bound: SlotBound | None = None,
) -> LaunchSources:
    """Sources of launches by their names in the settings; `key` is one for PumpPortal.

    The logs are those of the `streams`, without any those of the first endpoint.
    """
    made: dict[str, LaunchSource] = {
        "logs": PumpLaunchStream(
            streams or [InProcessSubscriptions(net)],
            chain.recorded,
            chain.signatures_since,
            clock,
            newest_slot=chain.newest_slot,
            reads=reads,
            tellers=[stream.teller for stream in streams],
            bound=bound,
            others=len(streams) > 1,
        ),
        "pumpportal": HintedLaunches(in_process_portal(net, key=key), chain.recorded, clock, per_second=READS_PER_S),
    }
    made["grpc"] = GeyserLaunches(
        in_process_geyser(net), chain.newest_slot, clock, silence_s=SILENCE_S, reads=reads, bound=bound
    )
    rule = PollingRule(interval_s=1.0, per_second=READS_PER_S, follow_s=FOLLOW_S)
    polling = PolledLaunches(chain.signatures_of, chain.recorded, chain.newest_slot, clock, rule)
    followed = [made[name] for name in names if name != "polling"]
    return LaunchSources(followed, clock, polling if "polling" in names else None)
