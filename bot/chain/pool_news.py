"""The port `PoolNews`: word of trades in pools, from the logs that name them. Word only; the reserves are read elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

import msgspec
import structlog
import trio

from bot.chain import addresses as at
from bot.chain import wire
from bot.chain.pool_layouts import BUY_EVENT, SELL_EVENT, decode_pool_trade
from bot.chain.pumpfun import events_in_logs
from bot.chain.silence import Silence
from bot.chain.subscriptions import Notification, Subscribe, Subscriptions
from bot.errors import ChainUnavailable, DecodeError
from bot.execution.event_reads import EventReads
from bot.ports import PoolSale
from bot.trading.venue import PUMPSWAP

SLOTS = Subscribe("slotSubscribe", [])

_logs = msgspec.json.Decoder(wire.InContext[wire.Logs])
_slot = msgspec.json.Decoder(wire.SlotInfo)

log = structlog.get_logger()


class PumpPoolNews:
    """One connection at a time, with one subscription for each pool; after a loss the next endpoint is asked.

    Pools may be still for hours: slots show that the connection lives. No new one for `silence_s` means that it is dead, unless
    `newest_slot`, that of the endpoints, 0 while it is not known, shows that the chain stands.
    """

    def __init__(
        self,
        sources: Sequence[Subscriptions],
        newest_slot: Callable[[], int],
        *,
        silence_s: float,
        reads: EventReads | None = None,
    ) -> None:
        self._sources = tuple(sources)
        self._newest_slot = newest_slot
        self._silence_s = silence_s
        self._reads = reads or EventReads()
        self._next = 0
        self._slot = 0

    def __repr__(self) -> str:
        return f"<PumpPoolNews {', '.join(source.name for source in self._sources)}>"

    async def follow(
        self, mints: Sequence[str], traded: Callable[[str], None], sold: Callable[[PoolSale], None]
    ) -> NoReturn:
        mint_of = {str(at.canonical_pool(at.key_from(mint))): mint for mint in mints}
        wanted = [Subscribe("logsSubscribe", [{"mentions": [pool]}, {"commitment": "confirmed"}]) for pool in mint_of]
        source = self._sources[self._next]
        silence = Silence(self._silence_s, self._newest_slot, self._slot)
        trouble = f"{source.name}: nothing heard for {self._silence_s:g} s, not even a new slot"

        async def deliver(notification: Notification) -> None:
            await trio.lowlevel.checkpoint()
            if notification.method == "slotNotification":
                self._note_slot(notification.result, source.name, silence)
            mints, sales = _traded_in(notification, mint_of, self._reads)
            for mint in mints:
                traded(mint)
            for sale in sales:
                sold(replace(sale, told_by=source.name if len(self._sources) > 1 else ""))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(silence.end, nursery.cancel_scope)
            try:
                await source.follow([SLOTS, *wanted], deliver, lambda: None)
            except ChainUnavailable as error:
                trouble = str(error)
            nursery.cancel_scope.cancel()
        self._next = (self._next + 1) % len(self._sources)
        raise ChainUnavailable(trouble)

    def _note_slot(self, result: msgspec.Raw, name: str, silence: Silence) -> None:
        try:
            slot = _slot.decode(result).slot
        except wire.UNREADABLE:
            raise ChainUnavailable(f"{name}: a notification of another shape") from None
        if slot > self._slot:
            self._slot = slot
            silence.heard(slot)


def _traded_in(
    notification: Notification, mint_of: Mapping[str, str], reads: EventReads
) -> tuple[set[str], list[PoolSale]]:
    """The followed mints that a transaction traded, all of them where its log was cut or cannot be read; and its sales."""
    if notification.method != "logsNotification":
        return set(), []
    try:
        told = _logs.decode(notification.result).value
        if told.err is not None:
            return set(), []
        logged = events_in_logs(told.logs)
        trades = [decode_pool_trade(one) for one in logged.payloads if one[:8] in {BUY_EVENT, SELL_EVENT}]
    except (*wire.UNREADABLE, DecodeError) as error:
        log.warning("pool_log_not_read", reason=str(error))
        if isinstance(error, DecodeError):  # and not an endpoint that speaks nonsense
            reads.seen(PUMPSWAP, is_readable=False)
        return set(mint_of.values()), []
    if logged.truncated:
        return set(mint_of.values()), []
    reads.seen(PUMPSWAP, is_readable=bool(trades))
    ours = [
        (place, mint_of[str(trade.pool)], trade) for place, trade in enumerate(trades) if str(trade.pool) in mint_of
    ]
    sales = [
        PoolSale(mint, str(trade.user), trade.token_raw, told.signature, place, told_by="")
        for place, mint, trade in ours
        if not trade.is_buy
    ]
    return {mint for _, mint, _ in ours}, sales
