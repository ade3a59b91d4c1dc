"""PumpPortal's WebSocket as a port `LaunchHints`: new tokens, migrations and, with a key, the trades of young tokens.

Messages: pumpportal.fun/data-api/real-time, and a capture of September 2026. All of them are on one connection, because the
service shuts out who opens several. Amounts come as floating point and are not read.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, Protocol
from urllib.parse import quote, urlsplit

import msgspec
import structlog
import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, open_websocket_url

from bot.errors import ChainUnavailable, DecodeError, StartupError
from bot.ports import LaunchHint

NAME = "pumpportal"
CURVE = "pump"  # other values of `pool` are launchpads and pools of others
YOUNG_S = 120.0  # how long the trades of a new token are followed
YOUNG_MAX = 200
MAX_MESSAGE_BYTES = 64 * 1024
MESSAGE_QUEUE = 512
CONNECT_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0

_KINDS: dict[str, Literal["create", "trade", "migrate"]] = {
    "create": "create",
    "buy": "trade",
    "sell": "trade",
    "migrate": "migrate",
}
# Base58 of 64 and of 32 bytes; zeros in front make it shorter.
_SIGNATURE = re.compile(r"[1-9A-HJ-NP-Za-km-z]{64,88}")
_MINT = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")


class _Message(msgspec.Struct, frozen=True, rename="camel"):
    """The members that are read. `message` and `errors` are answers to requests."""

    tx_type: str | None = None
    signature: str | None = None
    mint: str | None = None
    pool: str | None = None
    message: Any = None
    errors: Any = None


Hinted = Callable[[LaunchHint], Awaitable[None]]
Alive = Callable[[], None]

log = structlog.get_logger()
_decoder = msgspec.json.Decoder(_Message)


class Refused(DecodeError):
    """The service answered a request with an error."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One message. An answer to a request is no news; what happened at another launchpad or in a pool is no hint."""

    is_news: bool
    hint: LaunchHint | None = None


def decode(frame: str | bytes) -> Heard:
    """What one message tells.

    Raises Refused for an error of the service, DecodeError for anything that is no message of it.
    """
    try:
        told = _decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DecodeError(f"{NAME}: a message of another shape: {error}") from None
    if told.errors is not None:
        raise Refused(f"{NAME}: it refuses: {' '.join(str(told.errors).split())[:200]}")
    if told.tx_type is None and told.message is not None:
        return Heard(is_news=False)
    kind = _KINDS.get(told.tx_type or "")
    if kind is None or told.signature is None or told.mint is None:
        raise DecodeError(f"{NAME}: a message that is neither an answer nor a launch, trade or migration")
    if not _SIGNATURE.fullmatch(told.signature) or not _MINT.fullmatch(told.mint):
        raise DecodeError(f"{NAME}: a message without a signature and a mint")
    if kind != "migrate" and told.pool != CURVE:
        return Heard(is_news=True)
    return Heard(is_news=True, hint=LaunchHint(kind, told.signature, told.mint))


class Line(Protocol):
    """One connection; both raise what ended it."""

    async def send(self, message: str) -> None: ...

    async def receive(self) -> str | bytes: ...


Connect = Callable[[], AbstractAsyncContextManager[Line]]


class PumpPortal:
    """One connection for each `follow`; `connect` opens it, and the trades of young tokens are followed on each.

    Nothing but news tells of this service that it lives: it stands from the first, and counts as lost after `silence_s`
    without any.
    """

    name = NAME

    def __init__(self, connect: Connect, *, tells_trades: bool, silence_s: float) -> None:
        self._connect = connect
        self._silence_s = silence_s
        self._young = YoungTokens()
        self.tells_trades = tells_trades

    async def follow(self, hinted: Hinted, alive: Alive) -> NoReturn:
        trouble: ChainUnavailable | None = None
        # The nursery keeps cancellations of the library's own from leaking out, as in bot/chain/subscriptions.py.
        async with trio.open_nursery():
            with trio.CancelScope(deadline=trio.current_time() + CONNECT_TIMEOUT_S) as patience:
                try:
                    await self._session(hinted, alive, patience)
                except ChainUnavailable as error:
                    trouble = error
                except Refused as error:
                    trouble = ChainUnavailable(str(error))
                except (ConnectionClosed, HandshakeError, OSError) as error:
                    # The library's text may quote the URL with its key; its class says enough.
                    trouble = ChainUnavailable(f"{NAME}: the connection ended: {type(error).__name__}")
            if patience.cancelled_caught:
                trouble = ChainUnavailable(f"{NAME}: nothing heard in time")
        raise trouble or ChainUnavailable(f"{NAME}: the connection ended without a reason")

    async def _session(self, hinted: Hinted, alive: Alive, patience: trio.CancelScope) -> NoReturn:
        async with self._connect() as line:
            await _ask(line, "subscribeNewToken")
            await _ask(line, "subscribeMigration")
            if self.tells_trades and (mints := self._young.mints(trio.current_time())):
                await _ask(line, "subscribeTokenTrade", mints)
            patience.deadline = trio.current_time() + self._silence_s
            while True:
                try:
                    heard = decode(await line.receive())
                except Refused:
                    raise
                except DecodeError as error:
                    log.warning("launch_hint_not_read", source=NAME, reason=str(error))
                    continue
                if not heard.is_news:
                    continue
                # While a slow reader holds us up the service is not silent.
                patience.deadline = math.inf
                alive()
                if heard.hint is not None:
                    await hinted(heard.hint)
                    if self.tells_trades and heard.hint.kind == "create":
                        await _follow_trades(line, self._young, heard.hint.mint)
                patience.deadline = trio.current_time() + self._silence_s


def open_portal(url: str, key: Callable[[], str] | None, *, silence_s: float) -> PumpPortal:
    """The service at a WebSocket address; raises StartupError for a text that is none.

    Each connection carries the `key` of when it is opened, which is in no error.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise StartupError("streams.pumpportal_url must begin with ws:// or wss:// and name a host")

    def connect() -> AbstractAsyncContextManager[Line]:
        return _connected(url if key is None else f"{url}{'&' if parts.query else '?'}api-key={quote(key(), safe='')}")

    return PumpPortal(connect, tells_trades=key is not None, silence_s=silence_s)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Line]:
    async with open_websocket_url(
        url,
        message_queue_size=MESSAGE_QUEUE,
        max_message_size=MAX_MESSAGE_BYTES,
        disconnect_timeout=CLOSE_TIMEOUT_S,
    ) as connection:
        yield _WebSocketLine(connection)


class _WebSocketLine:
    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection

    async def send(self, message: str) -> None:
        await self._connection.send_message(message)

    async def receive(self) -> str | bytes:
        message: str | bytes = await self._connection.get_message()
        return message


class YoungTokens:
    """The tokens whose trades are followed, the oldest first. Pure but for the time that it is handed."""

    def __init__(self) -> None:
        self._since_s: OrderedDict[str, float] = OrderedDict()

    def mints(self, now_s: float) -> list[str]:
        """Those that are still young."""
        return [one for one, since_s in self._since_s.items() if since_s >= now_s - YOUNG_S]

    def add(self, mint: str, now_s: float) -> list[str]:
        """Follow one more; the mints that need not be followed any more."""
        self._since_s[mint] = now_s
        old = [one for one, since_s in self._since_s.items() if since_s < now_s - YOUNG_S]
        old += [one for one in list(self._since_s)[: max(0, len(self._since_s) - YOUNG_MAX)] if one not in old]
        for one in old:
            del self._since_s[one]
        return old


async def _ask(line: Line, method: str, keys: list[str] | None = None) -> None:
    request: dict[str, object] = {"method": method}
    if keys is not None:
        request["keys"] = keys
    await line.send(msgspec.json.encode(request).decode())


async def _follow_trades(line: Line, young: YoungTokens, mint: str) -> None:
    old = young.add(mint, trio.current_time())
    await _ask(line, "subscribeTokenTrade", [mint])
    if old:
        await _ask(line, "unsubscribeTokenTrade", old)
