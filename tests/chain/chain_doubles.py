"""The in-process local chain as a transport and as subscriptions, so that everything above the wire is the real code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import msgspec

from bot.chain.subscriptions import Deliver, Notification, Opened, Subscribe
from bot.errors import ChainUnavailable
from bot.localnet.inprocess import InProcessChain, NodeUnreachable, StreamDropped


class InProcessTransport:
    """JSON-RPC bytes straight into the chain's dispatcher; its faults act as they do on a socket."""

    def __init__(self, chain: InProcessChain, name: str = "in-process:1") -> None:
        self._chain = chain
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    async def post(self, body: bytes) -> bytes:
        try:
            return await self._chain.request(body)
        except NodeUnreachable as error:
            raise ChainUnavailable(f"{self._name}: {error}") from None


class InProcessSubscriptions:
    """Notifications straight from the chain's pubsub."""

    def __init__(self, chain: InProcessChain) -> None:
        self._chain = chain

    @property
    def name(self) -> str:
        return "in-process:2"

    async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
        try:
            stream = self._chain.open_stream()
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
