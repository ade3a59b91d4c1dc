"""WebSocket subscriptions: the protocol, and trio-websocket behind a guard.

trio-websocket 0.12.2 has two traits that the guard answers. Its connect timeout does not cover a server that accepts and
then stays silent, so the guard has a deadline of its own. And a `trio.Cancelled` of its own can leak out on close, which
would end whoever waits around it without an error: a nursery per connection is the firewall, and a session that ended
without a reason counts as lost.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import msgspec
import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, open_websocket_url

from bot.chain import wire
from bot.chain.key_file import Key, filled
from bot.chain.slot_bound import SlotBound
from bot.chain.transport import one_line, redacted
from bot.errors import ChainUnavailable

MESSAGE_QUEUE = 512
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
CLOSE_TIMEOUT_S = 2.0

_frame = msgspec.json.Decoder(wire.Frame)
_slots = msgspec.json.Decoder(wire.ToldSlots)


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A subscription to ask for: its method, `logsSubscribe` for one, and its parameters."""

    method: str
    params: list[Any]


@dataclass(frozen=True, slots=True)
class Notification:
    """`method` is `logsNotification` and its like; `result` is its undecoded JSON."""

    method: str
    result: msgspec.Raw


Deliver = Callable[[Notification], Awaitable[None]]
Opened = Callable[[], None]


class Subscriptions(Protocol):
    """Where notifications of one endpoint come from. `name` is safe to print."""

    @property
    def name(self) -> str: ...

    async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
        """Subscribe to everything wanted, call `opened`, then hand on notifications in order until cancelled.

        Raises ChainUnavailable when it cannot connect, a subscription is refused or the connection is lost.
        """


class OwnSubscriptions:
    """Notifications of an endpoint for as long as it serves our chain: what another chain tells is nobody's business.

    With `bound` the connection ends with the first notification of a slot that cannot be, before anybody hears of it; the
    one to blame is `teller`, the endpoint's name among the RPC endpoints.
    """

    def __init__(
        self, source: Subscriptions, refuses: Callable[[], bool], *, bound: SlotBound | None = None, teller: str = ""
    ) -> None:
        self._source = source
        self._refuses = refuses
        self._bound = bound
        self.teller = teller or source.name

    def __repr__(self) -> str:
        return f"<OwnSubscriptions {self._source!r}>"

    @property
    def name(self) -> str:
        return self._source.name

    async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
        """As the source does; raises ChainUnavailable, too, while and as soon as the endpoint is refused."""
        await trio.lowlevel.checkpoint()
        self._check()
        if self._bound is not None:
            self._bound.refuse_caught(self.teller)

        async def told(notification: Notification) -> None:
            self._check()
            self._check_slot(notification)
            await deliver(notification)

        await self._source.follow(wanted, told, opened)
        raise AssertionError("a source ends by raising")

    def _check(self) -> None:
        if self._refuses():
            raise ChainUnavailable(f"{self.name}: it serves another chain")

    def _check_slot(self, notification: Notification) -> None:
        """Whatever a notification is about, it names its slot itself or in its context."""
        if self._bound is None:
            return
        try:
            told = _slots.decode(notification.result)
        except wire.UNREADABLE:
            raise ChainUnavailable(f"{self.name}: a notification of another shape") from None
        self._bound.check(self.teller, max(told.slot, told.context.slot))


class WebSocketSubscriptions:
    """One WebSocket connection per `follow`, opened within `connect_timeout_s`; `key` is for the mark in the URL."""

    def __init__(self, url: str, *, key: Key | None = None, connect_timeout_s: float = 5.0) -> None:
        self._url = url
        self._key = key
        self._name = redacted(url)
        self._connect_timeout_s = connect_timeout_s

    def __repr__(self) -> str:
        return f"<WebSocketSubscriptions {self._name}>"

    @property
    def name(self) -> str:
        return self._name

    async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
        trouble: ChainUnavailable | None = None
        async with trio.open_nursery():
            with trio.CancelScope(deadline=trio.current_time() + self._connect_timeout_s) as connecting:

                def subscribed() -> None:
                    connecting.deadline = math.inf
                    opened()

                try:
                    await self._session(wanted, deliver, subscribed)
                except ChainUnavailable as error:
                    trouble = error
                except (ConnectionClosed, HandshakeError, OSError) as error:
                    # The library's text may quote the URL; its class says enough.
                    trouble = ChainUnavailable(f"{self._name}: the subscription ended: {type(error).__name__}")
            if connecting.cancelled_caught:
                trouble = ChainUnavailable(f"{self._name}: no subscription within {self._connect_timeout_s:g} s")
        raise trouble or ChainUnavailable(f"{self._name}: the subscription ended without a reason") from None

    async def _session(self, wanted: Sequence[Subscribe], deliver: Deliver, subscribed: Opened) -> NoReturn:
        async with open_websocket_url(
            filled(self._url, self._key),
            message_queue_size=MESSAGE_QUEUE,
            max_message_size=MAX_MESSAGE_BYTES,
            disconnect_timeout=CLOSE_TIMEOUT_S,
        ) as connection:
            await self._ask(connection, wanted)
            waiting = set(range(len(wanted)))
            while True:
                frame = self._decode(await connection.get_message())
                if frame.error is not None:
                    told = one_line(frame.error.message)
                    raise ChainUnavailable(f"{self._name}: a subscription was refused: {told}")
                if frame.method is not None and frame.params is not None:
                    await deliver(Notification(frame.method, frame.params.result))
                elif frame.id in waiting:
                    waiting.discard(frame.id)
                    if not waiting:
                        subscribed()

    @staticmethod
    async def _ask(connection: WebSocketConnection, wanted: Sequence[Subscribe]) -> None:
        for number, one in enumerate(wanted):
            request = {"jsonrpc": "2.0", "id": number, "method": one.method, "params": one.params}
            await connection.send_message(msgspec.json.encode(request).decode())

    def _decode(self, message: str | bytes) -> wire.Frame:
        try:
            return _frame.decode(message)
        except wire.UNREADABLE:
            raise ChainUnavailable(f"{self._name}: a message that is no JSON-RPC") from None
