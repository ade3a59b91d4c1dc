"""The door at which Telegram brings updates: HTTP/1.1 on loopback, behind a reverse proxy that speaks TLS to the world.

Whoever does not know the secret of the webhook learns nothing here and leaves nothing in the log. Wire facts: setWebhook in the
Bot API's documentation, https://core.telegram.org/bots/api#setwebhook: each update is a POST of JSON, the secret comes in a
header, and an answer other than 2xx has it brought again. One chat's updates come one after the other, those of different
chats beside each other (https://grammy.dev/guide/deployment-types).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

import h11
import structlog
import trio

from bot.errors import StartupError
from bot.ports import ChatUpdate
from bot.telegram.pushed_updates import PushedUpdates

log = structlog.get_logger()

HOST = "127.0.0.1"
SECRET_HEADER = b"x-telegram-bot-api-secret-token"
MAX_PUSHING = 40  # deliveries at once that we ask of Telegram, its own default
MAX_CONNECTIONS = 100  # Telegram's, and what strangers leave open through the proxy
BODY_BYTES_MAX = 262_144  # an update is some kilobytes
HEAD_BYTES_MAX = 16_384
RECEIVE_BYTES = 65_536
REQUEST_WITHIN_S = 10.0  # from its first byte to its last
IDLE_S = 75.0  # between two requests of a connection

Read = Callable[[object], ChatUpdate]


@dataclass(frozen=True, slots=True)
class WebhookTerms:
    """Where Telegram is told to bring updates, and the port of loopback to which the proxy there passes them on."""

    url: str
    port: int


def secret_of(token: str) -> str:
    """What Telegram is told to show with each update: 64 letters and digits that follow from the bot's token.

    So there is no further secret to keep, and what Telegram brings after a restart still shows the right one.
    """
    return hmac.new(token.encode(), b"webhook of trading-bot", hashlib.sha256).hexdigest()


class WebhookDoor:
    """Serves connections. `read` makes an update out of JSON and raises ValueError where it is none."""

    def __init__(self, secret: str, pushed: PushedUpdates, read: Read) -> None:
        self._secret, self._pushed, self._read = secret.encode(), pushed, read
        self._connections = trio.CapacityLimiter(MAX_CONNECTIONS)
        self.refused = 0

    def __repr__(self) -> str:
        return f"<WebhookDoor connections={self._connections.borrowed_tokens} refused={self.refused}>"

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection until the client leaves, is silent for too long, or says what nobody understands."""
        try:
            self._connections.acquire_on_behalf_of_nowait(stream)
        except trio.WouldBlock:
            await trio.aclose_forcefully(stream)
            return
        try:
            async with stream:
                with suppress(h11.RemoteProtocolError, h11.LocalProtocolError, trio.BrokenResourceError):
                    await self._requests(stream)
        except Exception:
            log.exception("webhook_failed")
        finally:
            self._connections.release_on_behalf_of(stream)

    async def _requests(self, stream: trio.abc.Stream) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        while True:
            status = HTTPStatus.BAD_REQUEST
            try:
                received = await _receive(connection, stream)
                if received is None:
                    return
                status = await self._status(*received)
            except h11.RemoteProtocolError:
                self.refused += 1
                if connection.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
                    return
            await stream.send_all(_answer(connection, status))
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _status(self, request: h11.Request, body: bytes | None) -> HTTPStatus:
        """Whoever does not show the secret hears the same whatever else he sent."""
        shown = next((value for name, value in request.headers if name == SECRET_HEADER), b"")
        if not hmac.compare_digest(shown, self._secret) or request.method != b"POST":
            self.refused += 1
            return HTTPStatus.NOT_FOUND
        if body is None:
            self.refused += 1
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        try:
            update = self._read(json.loads(body))
        except (ValueError, RecursionError):
            self.refused += 1
            return HTTPStatus.BAD_REQUEST
        return HTTPStatus.OK if await self._pushed.bring(update) else HTTPStatus.SERVICE_UNAVAILABLE


@asynccontextmanager
async def open_webhook_door(door: WebhookDoor, port: int) -> AsyncIterator[int]:
    """Serve on this port of loopback, 0 for a free one, for the time of the block; the port.

    Raises StartupError where another program has the port.
    """
    try:
        [listener] = await trio.open_tcp_listeners(port, host=HOST)
    except OSError as error:
        raise StartupError(
            f"telegram.webhook_port: {HOST}:{port} cannot be listened on ({error.strerror}); choose another port, there and in"
            " the proxy"
        ) from None
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, door.serve, [listener])
        yield int(listener.socket.getsockname()[1])
        nursery.cancel_scope.cancel()


async def _receive(connection: h11.Connection, stream: trio.abc.Stream) -> tuple[h11.Request, bytes | None] | None:
    """The next request with its body, None in place of a body beyond the limit; None when no more comes."""
    request: h11.Request | None = None
    body = bytearray()
    with trio.move_on_after(IDLE_S) as patience:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if connection.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[])
                    await stream.send_all(connection.send(go_on) or b"")
                connection.receive_data(bytes(await stream.receive_some(RECEIVE_BYTES)))
                patience.deadline = min(patience.deadline, trio.current_time() + REQUEST_WITHIN_S)
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_BYTES_MAX:
                    return None if request is None else (request, None)
            elif isinstance(event, h11.EndOfMessage):
                return None if request is None else (request, bytes(body))
            else:
                return None
    return None


def _answer(connection: h11.Connection, status: HTTPStatus) -> bytes:
    """An answer without a body."""
    headers = [("content-length", "0")]
    if status is not HTTPStatus.OK:
        headers.append(("connection", "close"))
    response = h11.Response(status_code=status, headers=headers, reason=status.phrase.encode())
    return (connection.send(response) or b"") + (connection.send(h11.EndOfMessage()) or b"")
