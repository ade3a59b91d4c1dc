"""A source made of somebody's word: each transaction that a service names is read from the chain before it is told."""

from __future__ import annotations

from typing import NoReturn

import trio

from bot.chain.named_transactions import NamedStatistics, NamedTransactions, ReadRecord
from bot.chain.slot_bound import SlotBound
from bot.clock import Clock
from bot.errors import ChainUnavailable
from bot.ports import LaunchHint, LaunchHints, Listener, SourceLosses
from bot.trading.launch import CurveLeft


class HintedLaunches:
    """Complete where the service tells of trades as well. What another source told already is not read again."""

    def __init__(
        self, hints: LaunchHints, read: ReadRecord, clock: Clock, *, per_second: int, bound: SlotBound | None = None
    ) -> None:
        self._hints = hints
        self._clock = clock
        self._named = NamedTransactions(read, clock, per_second=per_second, source=hints.name, bound=bound)

    def __repr__(self) -> str:
        return f"<HintedLaunches {self.name}>"

    @property
    def name(self) -> str:
        return self._hints.name

    @property
    def complete(self) -> bool:
        return self._hints.tells_trades

    def statistics(self) -> NamedStatistics:
        return self._named.statistics()

    def losses(self) -> SourceLosses:
        return self._named.losses()

    async def follow(self, listener: Listener) -> NoReturn:
        trouble = ChainUnavailable(f"{self.name}: it ended without a reason")

        async def hinted(hint: LaunchHint) -> None:
            if hint.kind == "migrate":
                await listener.tell(CurveLeft(hint.mint, hint.signature, self._clock.now_ms()))
                return
            await trio.lowlevel.checkpoint()
            self._named.put(hint.signature, is_launch=hint.kind == "create")

        self._named.forget()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._named.work, listener)
            try:
                await self._hints.follow(hinted, listener.alive)
            except ChainUnavailable as error:
                trouble = error
            nursery.cancel_scope.cancel()
        raise trouble
