"""Landed transactions that were read a moment ago, because several followed wallets often stand in one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable

import trio

from bot.chain import wire

KEPT_S = 600.0
KEPT_MAX = 2_000


class RecordCache:
    """Whoever asks for a signature that is being read waits for that answer; ten minutes later it is read again."""

    def __init__(self, read: Callable[[str], Awaitable[wire.TransactionRecord | None]]) -> None:
        self._read = read
        self._kept: OrderedDict[str, tuple[float, wire.TransactionRecord]] = OrderedDict()
        self._reading: dict[str, trio.Event] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def record(self, signature: str) -> wire.TransactionRecord | None:
        """The record; None while no endpoint shows it, which is not remembered. Raises what the reading raises."""
        while (reading := self._reading.get(signature)) is not None:
            await reading.wait()
        self._forget_old()
        if (kept := self._kept.get(signature)) is not None:
            await trio.lowlevel.checkpoint()
            return kept[1]
        done = self._reading[signature] = trio.Event()
        try:
            record = await self._read(signature)
        finally:
            del self._reading[signature]
            done.set()
        if record is not None:
            self._kept[signature] = (trio.current_time() + KEPT_S, record)
            if len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return record

    def _forget_old(self) -> None:
        now_s = trio.current_time()
        while self._kept and next(iter(self._kept.values()))[0] <= now_s:
            self._kept.popitem(last=False)
