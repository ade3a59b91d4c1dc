"""Copies leaders: it decides each of their swaps for every follower as soon as it is recorded, and sees what is owed through."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.errors import Unavailable
from bot.execution.copy_book import CopyBook
from bot.execution.copy_decisions import CopyDecisions
from bot.execution.copy_orders import CopyOrders, lanes_of
from bot.trading.copying import Copy
from bot.trading.intent import Side
from bot.trading.leader_swap import LeaderSwap

log = structlog.get_logger()

LOOK_S = 5.0  # without word of a swap
AWAY_S = 1.0
ENDED_EVERY_S = 60.0
ENDED_MS = 600_000  # what ended longer ago is left out of what is open: a fork may still take a younger end back
Lane = tuple[str, str]


@dataclass(slots=True, repr=False)
class CopyTrader:
    """Whatever it does is written before, so that it may be ended at any moment and goes on from the rows."""

    decisions: CopyDecisions
    orders: CopyOrders
    tracking_changed: Callable[[], Awaitable[None]]
    rehearsed: Callable[[Sequence[Copy]], AbstractAsyncContextManager[None]]
    book: CopyBook = field(init=False)
    _woken: trio.Event = field(default_factory=trio.Event)
    _reads_owed: bool = True
    _lanes: dict[Lane, deque[Copy]] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.book = CopyBook(self.orders.store, self.orders.clock, self.tracking_changed, self.look_again)

    def on_swap(self, swap: LeaderSwap) -> None:
        """Somebody who is followed traded."""
        self._woken.set()

    def look_again(self) -> None:
        """Somebody wrote copies that are owed."""
        self._reads_owed = True
        self._woken.set()

    async def run(self, ctx: Context) -> None:
        """The actor."""
        self._lanes, self._known, self._reads_owed = {}, set(), True
        ended_at_s = trio.current_time()
        ctx.ready()
        async with trio.open_nursery() as lanes:
            while True:
                self._woken = trio.Event()
                rest_s = LOOK_S
                try:
                    await self._step(lanes)
                    if trio.current_time() - ended_at_s >= ENDED_EVERY_S:
                        await self.orders.store.end_copies(self.orders.clock.now_ms() - ENDED_MS)
                        await self.book.end_left()
                        ended_at_s = trio.current_time()
                    self.decisions.look.trouble = ""
                except Unavailable as error:
                    if not self.decisions.look.trouble:
                        log.warning("copy_trader_waits", reason=str(error))
                    # What was being written may be in the rows all the same.
                    self.decisions.look.trouble, rest_s, self._reads_owed = str(error), AWAY_S, True
                with trio.move_on_after(rest_s):
                    await self._woken.wait()

    async def _step(self, lanes: trio.Nursery) -> None:
        if self._reads_owed:
            self._reads_owed = False
            self._take(lanes, await self.orders.store.owed_copies())
        await self.decisions.decide_due(lambda copies: self._take(lanes, copies))

    def _take(self, lanes: trio.Nursery, copies: Sequence[Copy]) -> None:
        """Put copies behind those of their wallet and token, each once."""
        buyers = dict[str, list[Copy]]()  # by token the first of each lane that begins with a buy
        for lane, mine in lanes_of(copies).items():
            new = [copy for copy in mine if copy.id not in self._known]
            self._known.update(copy.id for copy in new)
            if lane in self._lanes:
                self._lanes[lane].extend(new)
            elif new:
                self._lanes[lane] = deque(new)
                if new[0].side is Side.BUY:
                    buyers.setdefault(new[0].mint, []).append(new[0])
                else:
                    lanes.start_soon(self._serve, lane)
        self.decisions.look.owed = len(self._known)
        for buys in buyers.values():
            lanes.start_soon(self._serve_buyers, buys)

    async def _serve_buyers(self, buys: Sequence[Copy]) -> None:
        """What all of them would ask the chain is asked once, before the first is ordered."""
        async with self.rehearsed(buys), trio.open_nursery() as lanes:
            for lane in lanes_of(buys):
                lanes.start_soon(self._serve, lane)

    async def _serve(self, lane: Lane) -> None:
        waiting = self._lanes[lane]
        while waiting:
            copy = waiting[0]
            await self.orders.see_through(copy)
            waiting.popleft()
            self._known.discard(copy.id)
            self.decisions.look.owed = len(self._known)
        del self._lanes[lane]
