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
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from http import HTTPStatus

from bot.http_door import Bounds, HttpDoor, Reply, Request, opened
from bot.ports import ChatUpdate
from bot.telegram.pushed_updates import PushedUpdates

SHOWN_IN = "x-telegram-bot-api-secret-token"
MAX_PUSHING = 40  # deliveries at once that we ask of Telegram, its own default
MAX_CONNECTIONS = 100  # Telegram's, and what strangers leave open through the proxy
BODY_BYTES_MAX = 262_144  # an update is some kilobytes
HEAD_BYTES_MAX = 16_384
REQUEST_WITHIN_S = 10.0
BOUNDS = Bounds(MAX_CONNECTIONS, HEAD_BYTES_MAX, BODY_BYTES_MAX, REQUEST_WITHIN_S)

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


class WebhookDoor(HttpDoor):
    """Takes updates. `read` makes one out of JSON and raises ValueError where it is none."""

    def __init__(self, secret: str, pushed: PushedUpdates, read: Read) -> None:
        super().__init__(BOUNDS, self._reply, failed="webhook_failed")
        self._secret, self._pushed, self._read = secret.encode(), pushed, read

    async def _reply(self, request: Request) -> Reply:
        status = await self._status(request)
        return Reply(status, closes=status is not HTTPStatus.OK)

    async def _status(self, request: Request) -> HTTPStatus:
        """Whoever does not show the secret hears the same whatever else he sent."""
        shown = request.headers.get(SHOWN_IN, "").encode("latin-1")
        if not hmac.compare_digest(shown, self._secret) or request.method != "POST":
            return HTTPStatus.NOT_FOUND
        if request.body is None:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        try:
            update = self._read(json.loads(request.body))
        except (ValueError, RecursionError):
            return HTTPStatus.BAD_REQUEST
        return HTTPStatus.OK if await self._pushed.bring(update) else HTTPStatus.SERVICE_UNAVAILABLE


def open_webhook_door(door: WebhookDoor, port: int) -> AbstractAsyncContextManager[int]:
    """Serve on this port of loopback, 0 for a free one, for the time of the block; the port.

    Raises StartupError where another program has the port.
    """
    return opened(door, port, key="telegram.webhook_port", cure="choose another port, there and in the proxy")
