"""The record behind `bot top` beyond the status: positions with their worth, sums by mode, latest trades, the process.

Field names, types and units are those of bot/top/record.py; a field that is not known is left out.
"""

from __future__ import annotations

import os
import resource
import threading
from dataclasses import dataclass
from pathlib import Path

import trio

from actors.status_keeper import Kept, LoopLag
from bot.clock import day_of, day_start_ms, rfc3339
from bot.errors import ChainUnavailable, DecodeError
from bot.execution.analysis_book import Ranked
from bot.ports import ModeSums, OutboxMessage, Overview, Owner
from bot.status import LOOK_S, Record, available
from bot.trading.curve import Fees, QuoteError
from bot.trading.intent import Mode
from bot.trading.own_impact import worth
from bot.trading.position import Position
from bot.trading.signal import STRONG_CONFIDENCE_BPS, Action, Opinion
from bot.trading.units import BPS
from bot.tree import TradingBot

POSITIONS_SHOWN = 200
EVENTS_SHOWN = 20
TOKENS_SHOWN = 12
LEVELS_SHOWN = 20
RATE_S = 2.0  # rates are over at least this long, however many look
EVENTS = ("fill", "order_failed", "order_expired", "rolled_back", "landed_after_all", "adjustment", "monitor_lost")


@dataclass(frozen=True, slots=True)
class Details:
    """What one look at database and chain brought; `fees` is None while no route tells the launchpad's fees."""

    overview: Overview
    positions: list[Position]
    messages: list[OutboxMessage]
    owners: dict[str, Owner]
    fees: Fees | None


@dataclass(slots=True)
class _Counted:
    """Counters of this process and this machine at the last look; what they did since is told per second."""

    at_s: float
    cpu_s: float
    received_bytes: int
    sent_bytes: int


class Panels:
    """`mode` labels what the program trades in. `details` and `lag` must be kept by actors/status_keeper.py."""

    def __init__(self, bot: TradingBot, mode: Mode) -> None:
        self._bot, self._mode = bot, mode
        self.details = Kept(self._ask, bot.adapters.clock)
        self.lag = LoopLag()
        self._before = self._now = _counted()

    async def record(self) -> Record:
        """What is known now. While the database is away its part is as it was, and `details_age_s` says how long ago."""
        known = await self.details.look(LOOK_S)
        record: Record = {
            "process": self.process(),
            "levels": self._levels(),
            "momentum": {"rows": self._momentum()},
        }
        if known.value is None:
            return record
        details = known.value
        rows = [self._position(position, details) for position in details.positions]
        record["details_age_s"] = round(known.age_s, 1)
        record["positions"] = {"total": sum(one.open_positions for one in details.overview.modes), "rows": rows}
        shown = [sums for sums in details.overview.modes if self._is_shown(sums)]
        record["capital"] = [self._capital(sums, details.overview) for sums in shown]
        record["today"] = [self._today(sums, rows, details.overview) for sums in shown]
        record["recent"] = [self._event(message, details.owners) for message in details.messages]
        return record

    async def _ask(self) -> Details:
        """A few statements for all users together; raises Unavailable when the database does not answer."""
        store, chain, clock = self._bot.adapters.store, self._bot.adapters.chain, self._bot.adapters.clock
        overview = await store.overview(day_start_ms(day_of(clock.now_ms())))
        positions = await store.oldest_positions(POSITIONS_SHOWN)
        messages = await store.latest_messages(EVENTS, EVENTS_SHOWN)
        users = {position.user_id for position in positions} | {message.user_id for message in messages}
        owners = await store.owners(sorted(users))
        try:
            fees = await chain.fees()
        except (ChainUnavailable, DecodeError):
            fees = None  # what a position would bring is then not known, and the panel says so
        return Details(overview, positions, messages, owners, fees)

    # ---------------------------------------------------------------------------------------------------------- money

    def _is_shown(self, sums: ModeSums) -> bool:
        """The program's own mode, and every other one that anything happened in."""
        happened = (sums.open_positions, sums.buys, sums.sells, sums.failed, sums.won, sums.lost)
        return sums.mode is self._mode or any(happened)

    def _capital(self, sums: ModeSums, overview: Overview) -> Record:
        seen = available(self._bot, overview, self._mode) if sums.mode is self._mode else None
        return {
            "mode": sums.mode.value,
            "deployed_lamports": sums.deployed_lamports,
            "available_lamports": None if seen is None else seen.lamports,
            "available_age_s": None if seen is None else seen.age_s,
        }

    def _today(self, sums: ModeSums, rows: list[Record], overview: Overview) -> Record:
        mine = [row for row in rows if row["mode"] == sums.mode.value]
        worths = [row["value_lamports"] - row["cost_lamports"] for row in mine if row["value_lamports"] is not None]
        return {
            "mode": sums.mode.value,
            "signals": overview.signals if sums.mode is self._mode else None,
            "buys": sums.buys,
            "sells": sums.sells,
            "failed": sums.failed,
            "wins": sums.won,
            "losses": sums.lost,
            "realized_lamports": sums.realized_lamports,
            "unrealized_lamports": sum(worths) if len(worths) == sums.open_positions else None,
            "fees_lamports": sums.fees_lamports,
        }

    def _position(self, position: Position, details: Details) -> Record:
        now_ms = self._bot.adapters.clock.now_ms()
        point = self._bot.prices.latest(position.mint)
        value: int | None = None
        if point is not None and details.fees is not None:
            try:
                value = worth(position, point.venue, details.fees)
            except QuoteError:
                value = None
        return {
            "id": position.id,
            "mint": position.mint,
            "symbol": self._symbol(position.mint),
            "user": _handle(position.user_id, details.owners),
            "mode": position.mode.value,
            "opened_at": rfc3339(position.opened_at_ms),
            "cost_lamports": position.cost_lamports,
            "value_lamports": value,
            "price_age_s": None if point is None else round((now_ms - point.seen_at_ms) / 1000, 1),
            "take_profit_bps": position.plan.take_profit_bps,
            "stop_loss_bps": position.plan.stop_loss_bps,
            "monitor": self._monitor(position.id),
        }

    def _monitor(self, position_id: str) -> str:
        if position_id in self._bot.fallback.watched:
            return "fallback"
        return "live" if position_id in self._bot.looks else "none"

    def _symbol(self, mint: str) -> str | None:
        """What the token calls itself, where its launch was seen since the start."""
        return self._bot.hunt.hunted.symbols.get(mint)

    def _event(self, message: OutboxMessage, owners: dict[str, Owner]) -> Record:
        """One message to a user as an event. What a payload lacks is None: rows of older versions have fewer facts."""
        told = message.payload
        mint, side = told.get("mint"), told.get("side")
        return {
            "at": rfc3339(message.created_at_ms),
            "kind": message.kind,
            "side": side,
            "user": _handle(message.user_id, owners),
            "mode": told.get("mode"),
            "mint": mint,
            "symbol": self._symbol(mint) if isinstance(mint, str) else None,
            "lamports": told.get("proceeds_lamports" if side == "sell" else "cost_lamports"),
            "realized_lamports": told.get("realized_lamports") if side == "sell" else None,
            "reason": told.get("reason") or told.get("failure"),
            "order": message.trace_id,
        }

    # -------------------------------------------------------------------------------------------------- market, levels

    def _momentum(self) -> list[Record]:
        now_ms = self._bot.adapters.clock.now_ms()
        judged = {one.launch.mint: one.opinion for one in self._bot.hunt.opinions.best(TOKENS_SHOWN, now_ms)}
        top = self._bot.market.analyses.top(TOKENS_SHOWN, now_ms, besides=judged)
        return [
            _momentum_row(ranked, judged.get(ranked.launch.mint), now_ms)
            for ranked in top
            if ranked.analysis.momentum.score > 0 or ranked.launch.mint in judged
        ]

    def _levels(self) -> list[Record]:
        newest = list(self._bot.guard.history)[: -LEVELS_SHOWN - 1 : -1]
        return [
            {
                "at": rfc3339(change.at_ms),
                "state": change.state.value,
                "level": change.level,
                "cause": change.cause,
                "why": change.why,
            }
            for change in newest
        ]

    # --------------------------------------------------------------------------------------------------------- process

    def process(self) -> Record:
        """Of this process alone, its PostgreSQL and local chain are others; the network is this machine's."""
        # Two counts are kept, so that the rates of somebody who looks soon after another are over some seconds too.
        now, before = _counted(), self._before
        if now.at_s - self._now.at_s >= RATE_S:
            before = self._before = self._now
            self._now = now
        passed_s = max(now.at_s - before.at_s, 0.001)
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        pool = self._bot.adapters.store.connections()
        return {
            "cpu_bps": min(round((now.cpu_s - before.cpu_s) / passed_s * BPS), BPS * (os.cpu_count() or 1)),
            "rss_bytes": pages * resource.getpagesize(),
            "rss_peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "open_files": sum(1 for _ in Path("/proc/self/fd").iterdir()),
            "open_files_max": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            "threads": threading.active_count(),
            "loop_lag_ms": round(self.lag.lag_s * 1000),
            "loop_lag_worst_ms": round(self.lag.worst_s * 1000),
            "database_connections": pool.used,
            "database_connections_max": pool.most,
            "database_connections_wanted": pool.wanted,
            "received_bytes_per_s": _rate(before.received_bytes, now.received_bytes, passed_s),
            "sent_bytes_per_s": _rate(before.sent_bytes, now.sent_bytes, passed_s),
        }


def _handle(user_id: str, owners: dict[str, Owner]) -> str:
    return owners[user_id].handle if user_id in owners else user_id


def _momentum_row(ranked: Ranked, opinion: Opinion | None, now_ms: int) -> Record:
    """A token as the dashboard shows it; an opinion that is older than a minute is none any more."""
    momentum = ranked.analysis.momentum
    return {
        "mint": ranked.launch.mint,
        "symbol": ranked.launch.symbol,
        "score_bps": round(momentum.score * 100),
        "action": None if opinion is None else _action(opinion),
        "age_s": round((now_ms - ranked.launch.seen_at_ms) / 1000, 1),
        "curve_lamports": ranked.analysis.curve.curve_lamports,
        "reason": momentum.evidence if opinion is None else "; ".join(opinion.reasons),
    }


def _action(opinion: Opinion) -> str:
    """The action as the dashboard names it: a buy of high confidence is a strong one."""
    strong = opinion.action is Action.BUY and opinion.confidence_bps >= STRONG_CONFIDENCE_BPS
    return "strong_buy" if strong else opinion.action.value


def _counted() -> _Counted:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    received, sent = _network_bytes(Path("/proc/self/net/dev").read_text(encoding="ascii"))
    return _Counted(trio.current_time(), usage.ru_utime + usage.ru_stime, received, sent)


def _rate(before: int, now: int, passed_s: float) -> int | None:
    """Bytes per second since the last look; None when an interface, and its count with it, has gone."""
    return round((now - before) / passed_s) if now >= before else None


def _network_bytes(table: str) -> tuple[int, int]:
    """Bytes received and sent by all interfaces, the loopback too, by the table of proc_pid_net(5)."""
    counts = [line.partition(":")[2].split() for line in table.splitlines()[2:]]
    return sum(int(count[0]) for count in counts), sum(int(count[8]) for count in counts)
