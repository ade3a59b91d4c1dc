"""SOL in dollars from whoever speaks Jupiter's price interface v3 (`GET /price/v3?ids=MINT`), over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal, InvalidOperation
from urllib.parse import quote, urlsplit

import httpx
import msgspec
import trio

from bot.errors import DollarsUnavailable, StartupError

SOL = "So11111111111111111111111111111111111111112"
ANSWER_WITHIN_S = 5.0
ANSWER_BYTES_MAX = 100_000
MICRO = 1_000_000
MARK = "{key}"  # where a key stands in the address; without a place there it goes into the header x-api-key
USD_MAX = 1_000_000  # a SOL of more than a million dollars is an error of the source


class JupiterSolPrice:
    """Implements `SolPrice`. `url` is the interface's address without the question; it may hold a key and is never shown.

    With a `key` each question carries the one of that moment.
    """

    def __init__(self, client: httpx.AsyncClient, url: str, key: Callable[[], str] | None = None) -> None:
        self._client = client
        self._template = url
        self._key = key
        self.name = self._question()[0].host

    def _question(self) -> tuple[httpx.URL, dict[str, str]]:
        url, headers = self._template, {}
        if self._key is not None and MARK in url:
            url = url.replace(MARK, quote(self._key(), safe=""))
        elif self._key is not None:
            headers["x-api-key"] = self._key()
        return httpx.URL(url).copy_merge_params({"ids": SOL}), headers

    async def micro_usd(self) -> int:
        url, headers = self._question()
        with trio.move_on_after(ANSWER_WITHIN_S):
            try:
                async with self._client.stream("GET", url, headers=headers) as answer:
                    body = await _read(answer)
                    status = answer.status_code
            except (httpx.HTTPError, httpx.StreamError) as error:
                # The library's text may quote the URL, which may hold a key; its class says enough.
                raise DollarsUnavailable(f"{self.name}: {type(error).__name__}") from None
            if status != httpx.codes.OK:
                raise DollarsUnavailable(f"{self.name}: HTTP status {status}")
            return micro_usd_of(body, self.name)
        raise DollarsUnavailable(f"{self.name}: no answer within {ANSWER_WITHIN_S:.0f} s")


async def _read(answer: httpx.Response) -> bytes:
    body = b""
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise httpx.StreamError("the answer is longer than any price")
    return body


def micro_usd_of(body: bytes, name: str) -> int:
    """The price in an answer, exact; raises DollarsUnavailable for whatever is no sensible one."""
    try:
        prices = msgspec.json.decode(body, type=dict[str, dict[str, msgspec.Raw]])
        price = Decimal(bytes(prices[SOL]["usdPrice"]).decode())
    except (msgspec.MsgspecError, KeyError, InvalidOperation, UnicodeDecodeError, RecursionError) as error:
        raise DollarsUnavailable(f"{name}: its answer holds no price of SOL") from error
    if not price.is_finite() or not 0 < price <= USD_MAX:
        raise DollarsUnavailable(f"{name}: {str(price)[:40]} USD is no price of SOL")
    return max(round(price * MICRO), 1)


@asynccontextmanager
async def open_sol_price(
    url: str | None, key: Callable[[], str] | None = None
) -> AsyncIterator[JupiterSolPrice | None]:
    """The source at `url`, which is asked with `key`; None without a `url`. Raises StartupError for a text that is none."""
    if url is None:
        yield None
        return
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise StartupError("usd.url is no http:// or https:// address; give that of a price interface, or leave it out")
    async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False) as client:
        yield JupiterSolPrice(client, url, key)
