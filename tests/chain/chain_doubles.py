"""The in-process local chain as a transport and as subscriptions, so that everything above the wire is the real code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec
import trio

from bot.chain.block_engines import BlockEngines, Region
from bot.chain.engine_client import EngineClient
from bot.chain.subscriptions import Deliver, Notification, Opened, Subscribe
from bot.chain.transport import RateLimited
from bot.clock import Clock
from bot.errors import ChainUnavailable
from bot.localnet.inprocess import InProcessChain, NodeUnreachable, StreamDropped, TooManyRequests


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
    return BlockEngines([Region(EngineClient(door, door, door), requests_per_s)], clock)


class FaultyDoor(InProcessTransport):
    """A door that can also hang, be late, refuse, and lie about its slot or its chain; it keeps what it was asked."""

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

    async def post(self, body: bytes) -> bytes:
        method = msgspec.json.decode(body)["method"]
        self.asked.append(method)
        self.asked_at_s.append(trio.current_time())
        try:
            await trio.sleep(math.inf if self.hangs else self.delay_s)
        except trio.Cancelled:
            self.cut_off += 1
            raise
        if self.refusal is not None:
            raise self.refusal
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
        try:
            for one in wanted:
                stream.request(one.method, one.params)
            opened()
            while True:
                message = await stream.receive()
                result = msgspec.Raw(msgspec.json.encode(message["params"]["result"]))
                await deliver(Notification(message["method"], result))
        except StreamDropped as error:
            raise ChainUnavailable(str(error)) from None
        finally:
            stream.close()
