"""Keeps the webhook set at Telegram, and notices when updates cannot come through it although nobody hears anything fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import structlog

from bot.errors import ChatUnavailable
from bot.ports import ChatUpdate
from bot.telegram.pushed_updates import PushedUpdates

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WebhookState:
    """What Telegram says of the webhook: its URL, empty for none, how many updates wait for it, and its latest failure.

    `failed_at_s` is in seconds of Unix time, None where none has failed.
    """

    url: str
    waiting: int
    failed_at_s: float | None
    why: str


class WebhookApi(Protocol):
    """What is asked of Telegram. Both raise ChatUnavailable, ChatForbidden or ChatRejected."""

    async def set_webhook(self, url: str, secret: str) -> None: ...

    async def webhook_state(self) -> WebhookState: ...


class WebhookUpdates:
    """Updates that are pushed; Telegram is asked about the webhook whenever none came for a whole poll."""

    def __init__(self, api: WebhookApi, url: str, secret: str, pushed: PushedUpdates) -> None:
        self._api, self._url, self._secret, self._pushed = api, url, secret, pushed
        self._is_set = False
        self._failed_at_s: float | None = None

    def __repr__(self) -> str:
        return f"<WebhookUpdates set={self._is_set} {self._pushed!r}>"

    async def updates(self, offset: int | None, wait_s: int) -> list[ChatUpdate]:
        """As `bot.ports.ChatApi.updates` says. ChatUnavailable also where Telegram fails to bring what waits there."""
        if not self._is_set:
            await self._api.set_webhook(self._url, self._secret)
            self._is_set = True
            log.info("webhook_set")
        updates = await self._pushed.poll(offset, wait_s)
        if not updates:
            self._judge(await self._api.webhook_state())
        return updates

    def _judge(self, state: WebhookState) -> None:
        """Raises ChatUnavailable when the webhook is not ours any more, or has failed since the last look."""
        if state.url != self._url:
            self._is_set = False
            raise ChatUnavailable("another program has changed this bot's webhook; stop it", rival=True)
        failed_again, self._failed_at_s = state.failed_at_s != self._failed_at_s, state.failed_at_s
        if state.waiting and failed_again:
            raise ChatUnavailable(f"Telegram cannot bring updates to telegram.webhook_url: {state.why}")
