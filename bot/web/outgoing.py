"""What the bot tells addresses of the operator's choice: alerts as JSON to a webhook, and signs of life.

The addresses are secrets, because whoever knows one can speak in the bot's name: they stand in files of their own, and no
error, log or repr has them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx
import trio

from bot.clock import rfc3339
from bot.errors import ChatUnavailable, Undeliverable
from bot.execution.alert_channels import ToldAlert
from bot.execution.retry_after import retry_after_s

WITHIN_S = 10.0
# What a receiver may get over by itself; any other refusal would be the same the next time.
FOR_NOW = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})

Address = Callable[[], str]


def address_fault(address: str) -> str:
    """Why this cannot be the address of a receiver, as the rest of a sentence; empty for one that can. It is not repeated."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
        host.encode("idna")  # as whoever looks a name up does
    except ValueError:
        return "holds no address"
    if parts.scheme not in {"http", "https"} or not host:
        return "holds no address that begins with https://"
    if parts.scheme == "http" and not _is_loopback(host):
        return "holds an address without TLS; only this machine's own may be http://"
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Receiver:
    """Somebody at an address that is asked for anew each time; `name` is who that is for people."""

    def __init__(self, client: httpx.AsyncClient, name: str, address: Address, now_ms: Callable[[], int]) -> None:
        self._client, self._name, self._address, self._now_ms = client, name, address, now_ms

    def __repr__(self) -> str:
        return f"<Receiver {self._name}>"

    async def tell(self, told: ToldAlert) -> None:
        """Send an alert; raises ChatUnavailable for not now, and Undeliverable for a receiver that does not take it.

        `text` is what Slack and Mattermost show, `content` what Discord shows; the other fields are for programs.
        """
        fields = {
            "text": told.text,
            "content": told.text[:2_000],
            "about": told.alert.key,
            "level": told.level.name.lower(),
            "turn": told.alert.turn.name.lower(),
            "page": told.alert.page,
            "at": rfc3339(told.at_ms),
        }
        await self._ask("POST", fields)

    async def live(self) -> None:
        """Send a sign of life; raises as `tell` does."""
        await self._ask("GET", None)

    async def _ask(self, method: str, fields: dict[str, str] | None) -> None:
        with trio.move_on_after(WITHIN_S):
            try:
                async with self._client.stream(method, self._address(), json=fields) as answer:
                    self._judge(answer)
                    return
            except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, UnicodeError) as error:
                # A name that is none is found when it is looked up, and is a UnicodeError. What an error says may quote the
                # address; its class says enough.
                raise ChatUnavailable(f"{self._name}: {type(error).__name__}") from None
        raise ChatUnavailable(f"{self._name}: no answer within {WITHIN_S:.0f} s")

    def _judge(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if answer.is_success:
            return
        told = f"{self._name}: HTTP status {status}"
        if status in FOR_NOW or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait_s = retry_after_s(
                answer.headers.get("retry-after", ""), answer.headers.get("date", ""), self._now_ms()
            )
            raise ChatUnavailable(told, retry_after_s=wait_s)
        raise Undeliverable(told)


@asynccontextmanager
async def open_receivers() -> AsyncIterator[httpx.AsyncClient]:
    """The connections for all of them; nothing follows a redirect, and no proxy of the environment is used."""
    async with httpx.AsyncClient(timeout=WITHIN_S, trust_env=False, follow_redirects=False) as client:
        yield client
