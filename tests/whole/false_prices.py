"""Endpoints of which one tells other reserves of every curve and pool than there are."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from typing import Any

import msgspec
import trio

from bot.chain.addresses import WRAPPED_SOL_MINT
from bot.chain.layouts import BONDING_CURVE
from bot.chain.transport import Transport
from bot.localnet.inprocess import InProcessChain
from bot.trading.units import BPS
from tests.chain.chain_doubles import InProcessTransport

DELAY_S = 0.03  # so that they are asked in their order
AMOUNT, AMOUNT_AT = struct.Struct("<Q"), 64  # of a token account; a pool's SOL is wrapped in one
RESERVES = struct.Struct("<QQQQ")  # virtual and real tokens, with the lamports of each behind it


@dataclass(slots=True)
class FalsePrices:
    """Makes the doors of a world, of which the one of the endpoint `liar` tells `told_bps` of the true lamports.

    The first answers at once, each other one `delay_s` later than the one before it. `lies` are the accounts that were shown
    otherwise than they are.
    """

    liar: int = 0
    delay_s: float = DELAY_S
    told_bps: int = BPS
    lies: int = 0

    def door(self, chain: InProcessChain, name: str, endpoint: int) -> Transport:
        inner = InProcessTransport(chain, name, endpoint)
        told: Transport = _Liar(inner, self) if endpoint == self.liar else inner
        return _Slow(told, endpoint * self.delay_s) if endpoint * self.delay_s else told


@dataclass(slots=True)
class _Slow:
    inner: Transport
    delay_s: float

    @property
    def name(self) -> str:
        return self.inner.name

    async def post(self, body: bytes) -> bytes:
        await trio.sleep(self.delay_s)
        return await self.inner.post(body)


@dataclass(slots=True)
class _Liar:
    inner: InProcessTransport
    prices: FalsePrices

    @property
    def name(self) -> str:
        return self.inner.name

    async def post(self, body: bytes) -> bytes:
        answer = await self.inner.post(body)
        if self.prices.told_bps == BPS:
            return answer
        told = msgspec.json.decode(answer)
        result = told.get("result")
        shown = result.get("value") if isinstance(result, dict) else None
        for account in shown if isinstance(shown, list) else []:
            self._lie(account)
        return msgspec.json.encode(told)

    def _lie(self, account: Any) -> None:
        data = account.get("data") if isinstance(account, dict) else None
        if not isinstance(data, list):
            return
        raw = bytearray(base64.b64decode(data[0]))
        if raw[:8] == BONDING_CURVE:
            self._lie_about_curve(raw)
        elif raw[:32] == bytes(WRAPPED_SOL_MINT) and len(raw) > AMOUNT_AT:
            (lamports,) = AMOUNT.unpack_from(raw, AMOUNT_AT)
            AMOUNT.pack_into(raw, AMOUNT_AT, lamports * self.prices.told_bps // BPS)
        else:
            return
        data[0] = base64.b64encode(bytes(raw)).decode()
        self.prices.lies += 1

    def _lie_about_curve(self, raw: bytearray) -> None:
        token_raw, lamports, real_token_raw, real_lamports = RESERVES.unpack_from(raw, 8)
        told_lamports = lamports * self.prices.told_bps // BPS
        told_real_lamports = max(real_lamports + told_lamports - lamports, real_lamports)
        RESERVES.pack_into(raw, 8, token_raw, told_lamports, real_token_raw, told_real_lamports)
