"""What recent transactions paid per compute unit to write an account, and what a provider that keeps statistics advises.

The advice, `getPriorityFeeEstimate` as Helius documents it (January 2026), is a hint: it can raise the price that the network
itself tells, whoever gives it late or not at all costs an order nothing, and what an order may pay bounds it as before.
"""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec
import structlog
import trio

from bot.chain import wire
from bot.chain.endpoints import Endpoints
from bot.chain.transport import Transport, one_line
from bot.errors import ChainUnavailable

MAX_AGE_S = 5.0
MAX_KEPT = 20_000
HINT_WITHIN_S = 0.25
HINT_REST_S = 10.0  # after one that did not come
LEVEL = "High"  # the upper quartile, as the network's own figures are read here
MOST_MICRO_LAMPORTS = 10**12  # more is no advice

log = structlog.get_logger()
_envelope = msgspec.json.Decoder(wire.Envelope)


class _Estimate(wire.Wire, frozen=True):
    priority_fee_estimate: Decimal


_estimate = msgspec.json.Decoder(_Estimate)


class FeeHints:
    """Asks one provider, whose URL may hold a key; `name` of the transport is safe to print."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._ids = count(1)
        self._rests_until_s = 0.0

    async def unit_price(self, account: str) -> int:
        """Micro-lamports per unit for a transaction that writes this account; 0 for no advice. Never raises."""
        if trio.current_time() < self._rests_until_s:
            return 0
        with trio.move_on_after(HINT_WITHIN_S) as scope:
            try:
                return await self._ask(account)
            except ChainUnavailable as error:
                self._rest(str(error))
        if scope.cancelled_caught:
            self._rest(f"{self._transport.name}: no answer within {HINT_WITHIN_S:g} s")
        return 0

    def _rest(self, reason: str) -> None:
        log.info("fee_hint_missing", reason=reason)
        self._rests_until_s = trio.current_time() + HINT_REST_S

    async def _ask(self, account: str) -> int:
        params: list[Any] = [{"accountKeys": [account], "options": {"priorityLevel": LEVEL}}]
        request = {"jsonrpc": "2.0", "id": next(self._ids), "method": "getPriorityFeeEstimate", "params": params}
        answer = await self._transport.post(msgspec.json.encode(request))
        try:
            envelope = _envelope.decode(answer)
            if envelope.error is not None:
                raise ChainUnavailable(f"{self._transport.name}: {one_line(envelope.error.message)}")
            told = _estimate.decode(envelope.result).priority_fee_estimate
        except wire.UNREADABLE:
            raise ChainUnavailable(f"{self._transport.name}: the answer is no estimate") from None
        if not (told.is_finite() and 0 <= told <= MOST_MICRO_LAMPORTS):
            raise ChainUnavailable(f"{self._transport.name}: an estimate of {one_line(str(told))} is none")
        return int(told.to_integral_value(rounding="ROUND_CEILING"))


class UnitPrices:
    """Prices by the account that is written, at most five seconds old; many exits of one market ask at once."""

    def __init__(self, endpoints: Endpoints, hints: FeeHints | None) -> None:
        self._endpoints = endpoints
        self._hints = hints
        self._prices: OrderedDict[str, tuple[int, float]] = OrderedDict()  # micro-lamports per unit, trio time
        self._locks: dict[str, trio.Lock] = {}

    async def of(self, market: str) -> int:
        """The upper quartile of the last blocks that held such a transaction, or the advice where that is more."""
        if (known := self._known(market)) is not None:  # a lock would be passed by one order in each turn of the loop
            await trio.lowlevel.checkpoint_if_cancelled()
            return known
        lock = self._locks.setdefault(market, trio.Lock())
        try:
            async with lock:  # the first asks, the others have its answer
                known = self._known(market)
                return await self._read(market) if known is None else known
        finally:
            if not lock.locked():
                self._locks.pop(market, None)

    def _known(self, market: str) -> int | None:
        """What it was seconds ago; None for what is older."""
        known = self._prices.get(market)
        return known[0] if known is not None and trio.current_time() < known[1] + MAX_AGE_S else None

    async def _read(self, market: str) -> int:
        advice: list[int] = []
        asked: list[int] = []
        trouble: ChainUnavailable | None = None

        async def advise(hints: FeeHints) -> None:
            advice.append(await hints.unit_price(market))

        async with trio.open_nursery() as nursery:
            if self._hints is not None:
                nursery.start_soon(advise, self._hints)
            try:
                asked = await self._endpoints.first(lambda client: client.prioritization_fees([market]), hedge=True)
            except ChainUnavailable as error:  # raised below, where the nursery does not put it into a group
                trouble = error
                nursery.cancel_scope.cancel()
        if trouble is not None:
            raise trouble
        paid = sorted(asked)
        price = max(paid[len(paid) * 3 // 4] if paid else 0, *advice, 0)
        self._prices[market] = (price, trio.current_time())
        while len(self._prices) > MAX_KEPT:
            self._prices.popitem(last=False)
        return price
