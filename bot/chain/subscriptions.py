"""WebSocket subscriptions: the protocol, and trio-websocket behind a guard.

trio-websocket 0.12.2 has two traits that the guard answers. Its connect timeout does not cover a server that accepts and
then stays silent, so the guard has a deadline of its own. And a `trio.Cancelled` of its own can leak out on close, which
would end whoever waits around it without an error: a nursery per connection is the firewall, and a session that ended
without a reason counts as lost.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, overload

import msgspec
import structlog
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
_number = msgspec.json.Decoder(int)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A subscription to ask for: its method, `logsSubscribe` for one, and its parameters."""

    method: str
    params: list[Any]


@dataclass(frozen=True, slots=True)
class Notification:
    """`method` is `logsNotification` and its like; `result` is its undecoded JSON; `about` the wish's name, if it is of one."""

    method: str
    result: msgspec.Raw
    about: str = ""


Deliver = Callable[[Notification], Awaitable[None]]
Opened = Callable[[], None]


class Wishes(Sequence[Subscribe]):
    """What a connection is to be subscribed to: what it begins with, and what is wanted by name and may change while it stands.

    One connection at a time follows it. A signature is told of once, and is no wish of this connection any more then.
    """

    def __init__(self, always: Sequence[Subscribe]) -> None:
        self.always = tuple(always)
        self.named: dict[str, Subscribe] = {}
        self._over: set[str] = set()
        self._changed = trio.Event()

    @overload
    def __getitem__(self, index: int) -> Subscribe: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Subscribe]: ...

    def __getitem__(self, index: int | slice) -> Subscribe | Sequence[Subscribe]:
        return (*self.always, *self.named.values())[index]

    def __len__(self) -> int:
        return len(self.always) + len(self.named)

    def want(self, named: Mapping[str, Subscribe]) -> None:
        """These by their names, and no others; what was told and is over is not asked for again."""
        self._over &= named.keys()
        self.named = {name: one for name, one in named.items() if name not in self._over}
        self._changed.set()

    def over(self, name: str) -> None:
        """What there was to tell of it has been told."""
        self._over.add(name)
        self.named.pop(name, None)

    def look_again(self) -> None:
        """Wake whoever waits for a change."""
        self._changed.set()

    async def changed(self) -> None:
        """Wait until others may be wanted than before."""
        await self._changed.wait()
        self._changed = trio.Event()


class Conversation:
    """What one connection was asked for and what it answered: what to ask next, and what a notification is about. Sans-IO."""

    def __init__(self, wanted: Sequence[Subscribe]) -> None:
        self._wishes = wanted if isinstance(wanted, Wishes) else Wishes(wanted)
        self._ids = 0
        self._first: set[int] = set()  # ids of the requests that the connection began with, while they are not answered
        self._asked: dict[int, str] = {}  # names by id
        self._held: dict[str, tuple[str, int | None]] = {}  # methods by name, with the number once it is known
        self._names: dict[int, str] = {}  # by number
        self._refused: set[str] = set()
        self._has_begun = False

    @property
    def is_open(self) -> bool:
        """Whether everything that the connection began with was answered."""
        return self._has_begun and not self._first

    def requests(self) -> Iterator[dict[str, Any]]:
        """What is to be asked now, each once: subscriptions that are wanted, and the end of those that are not any more."""
        if not self._has_begun:
            for one in self._wishes.always:
                self._first.add(self._ids)
                yield self._request(one.method, one.params)
        # While one request is on its way answers and notifications come, which change what is held and what is wished.
        for name, (method, number) in list(self._held.items()):
            if number is not None and name not in self._wishes.named and name in self._held:
                del self._held[name], self._names[number]
                yield self._request(method.replace("Subscribe", "Unsubscribe"), [number])
        self._refused &= self._wishes.named.keys()
        for name, one in list(self._wishes.named.items()):
            if name in self._wishes.named and name not in self._held and name not in self._refused:
                self._held[name] = one.method, None
                self._asked[self._ids] = name
                if not self._has_begun:
                    self._first.add(self._ids)
                yield self._request(one.method, one.params)
        self._has_begun = True

    def _request(self, method: str, params: list[Any]) -> dict[str, Any]:
        self._ids += 1
        return {"jsonrpc": "2.0", "id": self._ids - 1, "method": method, "params": params}

    def heard(self, frame: wire.Frame) -> Notification | None:
        """What a frame tells, if it tells something; raises ChainUnavailable where a subscription was refused.

        A wish by name that is refused, because of a limit of the endpoint's say, costs nobody the others: it is left out.
        """
        if frame.error is None and frame.method is not None and frame.params is not None:
            return self._notification(frame.method, frame.params)
        was_first = frame.id in self._first
        name = None if frame.id is None else self._asked.pop(frame.id, None)
        if frame.id is not None:
            self._first.discard(frame.id)
        if frame.error is not None:
            told = one_line(frame.error.message)
            if name is not None:
                del self._held[name]
                self._refused.add(name)
                log.info("subscription_refused", wanted=name, reason=told)
            elif was_first or frame.id is None:
                raise ChainUnavailable(f"a subscription was refused: {told}")
        elif name is not None:
            self._answered(name, frame.result)
        return None

    def _answered(self, name: str, result: msgspec.Raw) -> None:
        try:
            number = _number.decode(result)
        except wire.UNREADABLE:
            raise ChainUnavailable("a subscription without a number") from None
        self._held[name] = self._held[name][0], number
        self._names[number] = name
        if name not in self._wishes.named:
            self._wishes.look_again()

    def _notification(self, method: str, params: wire.Params) -> Notification:
        name = self._names.get(params.subscription, "")
        if name and method == "signatureNotification":
            del self._names[params.subscription], self._held[name]
            self._wishes.over(name)
        return Notification(method, params.result, name)


class Subscriptions(Protocol):
    """Where notifications of one endpoint come from. `name` is safe to print."""

    @property
    def name(self) -> str: ...

    async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
        """Subscribe to everything wanted, call `opened`, then hand on notifications in order until cancelled.

        `Wishes` may change meanwhile, and what they are then is what the connection is subscribed to.
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
            talk = Conversation(wanted)
            await _ask(connection, talk)
            if not isinstance(wanted, Wishes):
                await self._hear(connection, talk, deliver, subscribed)
            trouble: ChainUnavailable | ConnectionClosed | None = None
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_ask_for_changes, connection, talk, wanted)
                try:
                    await self._hear(connection, talk, deliver, subscribed)
                except (ChainUnavailable, ConnectionClosed) as error:
                    trouble = error
                nursery.cancel_scope.cancel()
            raise trouble or ChainUnavailable(f"{self._name}: the subscription ended without a reason")

    async def _hear(
        self, connection: WebSocketConnection, talk: Conversation, deliver: Deliver, subscribed: Opened
    ) -> NoReturn:
        is_open = False
        while True:
            try:
                told = talk.heard(self._decode(await connection.get_message()))
            except ChainUnavailable as error:
                raise ChainUnavailable(f"{self._name}: {error}") from None
            if told is not None:
                await deliver(told)
            elif talk.is_open and not is_open:
                is_open = True
                subscribed()

    @staticmethod
    def _decode(message: str | bytes) -> wire.Frame:
        try:
            return _frame.decode(message)
        except wire.UNREADABLE:
            raise ChainUnavailable("a message that is no JSON-RPC") from None


async def _ask(connection: WebSocketConnection, talk: Conversation) -> None:
    for request in talk.requests():
        await connection.send_message(msgspec.json.encode(request).decode())


async def _ask_for_changes(connection: WebSocketConnection, talk: Conversation, wishes: Wishes) -> None:
    """Until the connection is lost, which whoever listens to it hears as well."""
    try:
        while True:
            await wishes.changed()
            await _ask(connection, talk)
    except ConnectionClosed:
        return
