"""Paper orders of a backtest: each lands at its very moment, alone in the market, and named by what it is.

The fate of an attempt hangs on nothing but who trades what for which time, so that neither the order of tasks, nor the moment,
nor anybody else's orders can change it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import trio

from bot.chain.paper import PaperChain
from bot.chain.paper_order import PaperOrder, message_of
from bot.ports import Blockhash, Routing, SwapOrder


@dataclass(slots=True, repr=False)
class PunctualPaper(PaperChain):
    """A paper chain whose `nursery` waits for each landing, which elsewhere is looked at when somebody asks for it."""

    nursery: trio.Nursery | None = None
    _tries: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def __repr__(self) -> str:
        return f"<PunctualPaper {self.real!r}>"

    def build(self, order: SwapOrder, blockhash: Blockhash) -> bytes:
        key = (order.wallet_address, order.mint, order.side.value)
        self._tries[key] += 1
        return message_of(order, blockhash, f"{order.side.value} {self._tries[key]}")

    def drawn_by(self, order: PaperOrder, signature: str) -> str:  # noqa: ARG002 - which has its blockhash in it
        return f"{order.address} {order.mint} {order.nonce}"

    async def send(self, raw: bytes, routing: Routing | None = None) -> None:
        # Not `super()`: it does not know a class with slots, which its decorator makes anew.
        await PaperChain.send(self, raw, routing)
        on_way = self._on_way.get(self.order_of(raw)[1])
        if on_way is not None and on_way.due_s is not None and self.nursery is not None:
            self.nursery.start_soon(self._land_at, on_way.due_s)

    async def _land_at(self, due_s: float) -> None:
        await trio.sleep_until(due_s)
        await self._land_due()
