"""The JSON-RPC client of one region of a block engine: bundles, tip accounts, and what it says of its bundles.

Paths, methods and shapes: the Jito block engine's documentation of February 2026. A bundle holds one transaction here, with
its tip inside, so that whoever takes the bundle apart gains nothing by it.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any, TypeVar

import msgspec

from bot.chain import wire
from bot.chain.json_rpc import ask_once
from bot.chain.key_file import Key
from bot.chain.rpc_errors import RpcFault
from bot.chain.transport import Transport, open_http_transport
from bot.errors import ChainUnavailable, SendRejected

Answer = TypeVar("Answer")

BUNDLES = "/api/v1/bundles"
TIP_ACCOUNTS = "/api/v1/getTipAccounts"
INFLIGHT = "/api/v1/getInflightBundleStatuses"
MAX_STATUSES = 5
DEADLINE_S = 3.0
INVALID_PARAMS = -32602
KEY_HEADER = b"x-jito-auth"

_text = msgspec.json.Decoder(str)
_texts = msgspec.json.Decoder(list[str])
_inflight = msgspec.json.Decoder(wire.InContext[list[wire.InflightBundle] | None])


class _Refused(ChainUnavailable):
    """The engine says that what it was given is wrong."""


class EngineClient:
    """Typed calls to one region. `transports` are its doors by path; all raise ChainUnavailable, RateLimited for one."""

    def __init__(self, bundles: Transport, tip_accounts: Transport, inflight: Transport) -> None:
        self._bundles, self._tip_accounts, self._inflight = bundles, tip_accounts, inflight
        self._ids = count(1)

    def __repr__(self) -> str:
        return f"<EngineClient {self.name}>"

    @property
    def name(self) -> str:
        return self._bundles.name

    async def send(self, raw: bytes) -> str:
        """Hand over signed bytes as a bundle of their own and give its id; SendRejected when it will not have them."""
        params = [[base64.b64encode(raw).decode()], {"encoding": "base64"}]
        try:
            return await self._call(self._bundles, "sendBundle", params, _text)
        except _Refused as refused:
            raise SendRejected("invalid", str(refused)) from None

    async def tip_accounts(self) -> list[str]:
        """The accounts that a tip may go to, base58; never an empty list."""
        found = await self._call(self._tip_accounts, "getTipAccounts", [], _texts)
        if not found:
            raise ChainUnavailable(f"{self.name}: getTipAccounts: it names no tip account")
        return found

    async def inflight(self, bundle_ids: Sequence[str]) -> dict[str, str]:
        """What the engine says of at most MAX_STATUSES bundles, by id: Invalid, Pending, Failed or Landed."""
        params = [list(bundle_ids)]
        told = await self._call(self._inflight, "getInflightBundleStatuses", params, _inflight)
        return {one.bundle_id: one.status for one in told.value or ()}

    async def _call(
        self, transport: Transport, method: str, params: list[Any], decoder: msgspec.json.Decoder[Answer]
    ) -> Answer:
        try:
            return await ask_once(transport, method, params, decoder, number=next(self._ids), deadline_s=DEADLINE_S)
        except RpcFault as fault:
            if fault.code == INVALID_PARAMS:
                raise _Refused(str(fault)) from None
            raise


@asynccontextmanager
async def open_engine(url: str, key: Key | None = None) -> AsyncIterator[EngineClient]:
    """One region's client for the time of the block; `url` is its root, without a path. StartupError for one that is none.

    `key` goes with each request as the header `x-jito-auth`.
    """
    async with AsyncExitStack() as opened:
        bundles, tip_accounts, inflight = [
            await opened.enter_async_context(
                open_http_transport(url.rstrip("/") + path, max_in_flight=2, key=key, key_header=KEY_HEADER)
            )
            for path in (BUNDLES, TIP_ACCOUNTS, INFLIGHT)
        ]
        yield EngineClient(bundles, tip_accounts, inflight)
