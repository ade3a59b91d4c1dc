"""The side of the fake Bot API that brings updates by itself, with the reverse proxy that stands before a bot.

As Telegram does it brings one chat's updates one after the other and those of different chats beside each other, and goes on
bringing one until it is answered for with 200. Descriptions are Telegram's own words.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import trio

from tests.telegram.bot_api_messages import Json, Refusal

AGAIN_AFTER_S = 0.05  # Telegram waits longer
ANSWERED_WITHIN_S = 60.0
WEBHOOK_STANDS = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
PORTS = {443, 80, 88, 8443}
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


class _Body(httpx.AsyncByteStream):
    """Bytes in one chunk, without an async generator: httpx leaves its own unclosed when the other side hangs up."""

    def __init__(self, body: bytes) -> None:
        self._rest = [body]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._rest:
            raise StopAsyncIteration
        return self._rest.pop()


@dataclass(slots=True)
class Webhook:
    """What was set, and how it went. `proxied` are the ports of loopback to which the public addresses are passed on."""

    url: str = ""
    secret: str = ""
    at_once: int = 40
    proxied: dict[str, int] = field(default_factory=dict)
    delivered: int = 0
    failed_at_s: int = 0
    failure: str = ""
    twice: bool = False  # whether the first answer for each update is lost on its way
    _answered: set[int] = field(default_factory=set)

    def set(self, url: str, secret: str, at_once: int) -> None:
        """As setWebhook; raises Refusal for what Telegram refuses."""
        parts = urlsplit(url)
        if parts.scheme != "https":
            raise Refusal(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if (parts.port or 443) not in PORTS:
            raise Refusal(400, "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
        if secret and not _SECRET.fullmatch(secret):
            raise Refusal(400, "Bad Request: secret token contains unallowed characters")
        self.url, self.secret, self.at_once = url, secret, at_once

    def state(self, waiting: int) -> Json:
        """As getWebhookInfo."""
        failed: Json = {"last_error_date": self.failed_at_s, "last_error_message": self.failure} if self.failure else {}
        return {"url": self.url, "has_custom_certificate": False, "pending_update_count": waiting, **failed}

    async def bring(self, updates: list[Json], now_s: float) -> set[int]:
        """Bring these, one of each chat; the numbers of those that were answered for."""
        done: set[int] = set()
        first: dict[int, Json] = {}
        for update in updates:
            first.setdefault(_chat_of(update), update)
        async with (
            httpx.AsyncClient(trust_env=False, timeout=ANSWERED_WITHIN_S) as client,
            trio.open_nursery() as nursery,
        ):
            for update in list(first.values())[: self.at_once]:
                nursery.start_soon(self._bring_one, client, update, done, now_s)
        return done

    async def _bring_one(self, client: httpx.AsyncClient, update: Json, done: set[int], now_s: float) -> None:
        body = json.dumps(update).encode()
        try:
            answer = await client.post(
                f"http://127.0.0.1:{self.proxied[self.url]}{urlsplit(self.url).path}",
                content=_Body(body),
                headers={
                    "Content-Type": "application/json",
                    "Content-Length": str(len(body)),
                    "X-Telegram-Bot-Api-Secret-Token": self.secret,
                    "X-Forwarded-For": "149.154.160.1",
                },
            )
        except (httpx.HTTPError, KeyError) as error:
            self.failed_at_s, self.failure = int(now_s), f"Connection refused ({type(error).__name__})"
            await trio.sleep(AGAIN_AFTER_S)
            return
        self.delivered += 1
        number = int(update["update_id"])
        if answer.status_code != httpx.codes.OK:
            self.failed_at_s, self.failure = int(now_s), f"Wrong response from the webhook: {answer.status_code}"
            await trio.sleep(AGAIN_AFTER_S)
        elif not self.twice or number in self._answered:
            done.add(number)
        self._answered.add(number)


class WebhookMethods:
    """The methods of the Bot API about webhooks, for the fake that has these."""

    webhook: Webhook
    _pending: list[Json]
    _allowed: list[str] | None
    _polling: trio.CancelScope | None
    _arrived: trio.Event
    _now_s: Callable[[], float]

    async def m_setWebhook(
        self, *, url: str, secret_token: str = "", max_connections: int = 40, allowed_updates: list[str] | None = None
    ) -> tuple[bool, str]:
        self.webhook.set(url, secret_token, max_connections)
        self._allowed = allowed_updates if allowed_updates is not None else self._allowed
        if self._polling is not None:
            self._polling.cancel()
        self._wake()
        return True, "Boolean"

    async def m_deleteWebhook(self, *, drop_pending_updates: bool = False) -> tuple[bool, str]:
        if drop_pending_updates:
            raise Refusal(501, "FAKE: what waits must not be dropped")
        self.webhook.url = ""
        return True, "Boolean"

    async def m_getWebhookInfo(self) -> tuple[Json, str]:
        return self.webhook.state(len(self._pending)), "WebhookInfo"

    async def push(self) -> None:
        """Bring what is pending to the webhook while there is one, until cancelled."""
        while True:
            if not self.webhook.url or not self._pending:
                await self._arrived.wait()
                continue
            done = await self.webhook.bring(self._pending, self._now_s())
            self._pending = [update for update in self._pending if update["update_id"] not in done]

    def _wake(self) -> None:
        """Whoever waits for updates looks again."""
        self._arrived.set()
        self._arrived = trio.Event()


def _chat_of(update: Json) -> int:
    inner = update.get("message") or update.get("callback_query", {}).get("message") or {}
    return int(inner.get("chat", {}).get("id", 0))


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
