"""The record behind `bot top` beyond the status: positions with their worth, sums by mode, latest trades, the process.

Field names, types and units are those of bot/top/record.py; a field that is not known is left out.
"""

from __future__ import annotations

import os
import resource
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from bot.clock import day_of, day_start_ms, rfc3339
from bot.errors import Unavailable
from bot.trading.curve import CurveError, Fees, quote_sell
from bot.trading.intent import Mode
from bot.trading.position import Position
from bot.trading.units import BPS
from bot.tree import TradingBot

Record = dict[str, Any]

POSITIONS_SHOWN = 200


@dataclass(slots=True)
class Panels:
    """`mode` labels what the program trades in."""

    bot: TradingBot
    mode: Mode
    _cpu_s: float = 0.0
    _cpu_at_s: float = field(default_factory=trio.current_time)

    async def record(self) -> Record:
        """What is known now; while the database is away only the process is."""
        record: Record = {"process": self._process()}
        try:
            fees = await self.bot.adapters.chain.fees()
            positions = await self.bot.adapters.store.open_positions()
            handles = {user.id: user.handle for user in await self.bot.adapters.store.users()}
            since_ms = day_start_ms(day_of(self.bot.adapters.clock.now_ms()))
            day = await self.bot.adapters.store.day(since_ms, mode=self.mode)
        except Unavailable:
            return record
        rows = [self._position(position, handles, fees) for position in positions[:POSITIONS_SHOWN]]
        worths = [row["value_lamports"] - row["cost_lamports"] for row in rows if row["value_lamports"] is not None]
        deployed = sum(position.cost_lamports for position in positions)
        record["positions"] = {"total": len(positions), "rows": rows}
        record["capital"] = [{"mode": self.mode.value, "deployed_lamports": deployed}]
        record["today"] = [
            {
                "mode": self.mode.value,
                "buys": day.buys,
                "sells": day.sells,
                "failed": day.failed,
                "realized_lamports": day.realized_lamports,
                "unrealized_lamports": sum(worths) if len(worths) == len(positions) else None,
            }
        ]
        return record

    def _position(self, position: Position, handles: dict[str, str], fees: Fees) -> Record:
        now_ms = self.bot.adapters.clock.now_ms()
        point = self.bot.prices.latest(position.mint)
        worth: int | None = None
        if point is not None:
            try:
                worth = quote_sell(point.curve, position.token_raw, fees).received_lamports
            except CurveError:
                worth = None
        return {
            "id": position.id,
            "mint": position.mint,
            "user": handles.get(position.user_id, position.user_id),
            "mode": position.mode.value,
            "opened_at": rfc3339(position.opened_at_ms),
            "cost_lamports": position.cost_lamports,
            "value_lamports": worth,
            "price_age_s": None if point is None else round((now_ms - point.seen_at_ms) / 1000, 1),
            "take_profit_bps": position.plan.take_profit_bps,
            "stop_loss_bps": position.plan.stop_loss_bps,
            "monitor": self._monitor(position.id),
        }

    def _monitor(self, position_id: str) -> str:
        if position_id in self.bot.fallback.watched:
            return "fallback"
        return "live" if position_id in self.bot.looks else "none"

    def _process(self) -> Record:
        """Of this process alone; its PostgreSQL and local chain are others."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        cpu_s, now_s = usage.ru_utime + usage.ru_stime, trio.current_time()
        spent, passed = cpu_s - self._cpu_s, max(now_s - self._cpu_at_s, 0.001)
        self._cpu_s, self._cpu_at_s = cpu_s, now_s
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return {
            "cpu_bps": min(round(spent / passed * BPS), BPS * (os.cpu_count() or 1)),
            "rss_bytes": pages * resource.getpagesize(),
            "rss_max_bytes": usage.ru_maxrss * 1024,
            "open_files": sum(1 for _ in Path("/proc/self/fd").iterdir()),
            "open_files_max": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            "threads": threading.active_count(),
        }
