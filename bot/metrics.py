"""The numbers that monitoring reads: one more view of the state record, beside what this process counts of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from actors.heartbeat import Beats
from actors.runtime import SupervisorStatistics
from actors.status_keeper import Kept
from bot.clock import day_of, day_start_ms
from bot.execution.hours import WATCHED
from bot.metrics_table import family
from bot.ports import ModeSums, Overview
from bot.status import LOOK_S, Record, StatusBoard
from bot.trading.trading_state import GLOBAL, State
from bot.tree import TradingBot
from bot.web.exposition import Family, Number, Sample, exposition

ACTIVE_MS = 3_600_000  # a followed wallet that traded within this time is active
SERVICES = ("database", "rpc", "stream", "telegram", "engine")
OFF = "off"
LISTED_MAX = 50  # children of one supervisor, above the most that any has by name; the others are counted


@dataclass(slots=True)
class SinceStart:
    """Counts since the first look, made of counts that begin anew each day (UTC), by any name.

    What happens between the last look of a day and midnight is not counted, some seconds at most. A count that falls within
    a day, because the network took a fill back, leaves its sum as it is.
    """

    sums: dict[tuple[str, ...], int] = field(default_factory=dict)
    _day: str = ""
    _before: dict[tuple[str, ...], int] = field(default_factory=dict)

    def take(self, day: str, counts: Mapping[tuple[str, ...], int]) -> None:
        """Take a look at the counts of this day."""
        for name, count in counts.items():
            first = count if not self._day else 0
            before = self._before.get(name, first) if day == self._day else first
            self.sums[name] = self.sums.get(name, 0) + max(count - before, 0)
        self._day, self._before = day, dict(counts)


class MetricsBook:
    """`stalls` counts those of the loop, `process` gives the process as `bot top` has it, `ready` what is not ready.

    `sums` must be kept by actors/status_keeper.py, so that what happens before midnight is counted.
    """

    def __init__(
        self,
        bot: TradingBot,
        board: StatusBoard,
        *,
        stalls: Callable[[], int],
        process: Callable[[], Record],
        ready: Callable[[], list[str]],
        beats: Beats,
    ) -> None:
        self._bot, self._board = bot, board
        self._stalls, self._process, self._ready, self._beats = stalls, process, ready, beats
        self._since = SinceStart()
        self._opened_before: dict[str, int] = {}
        self.sums = Kept(self._ask, bot.adapters.clock)

    async def text(self) -> str:
        """All metrics as Prometheus reads them. What the database alone knows is left out while it does not answer."""
        known = await self.sums.look(LOOK_S)
        record = await self._board.status()
        overview = known.value if known.trouble is None else None
        families = [*self._state(record), *self._money(record, overview), *self._hunt(record, overview)]
        return exposition([*families, *self._watch(record), *_services(record), *_streams(record), *self._own()])

    async def _ask(self) -> Overview:
        clock = self._bot.adapters.clock
        day = day_of(clock.now_ms())
        overview = await self._bot.adapters.store.overview(day_start_ms(day))
        counts: dict[tuple[str, ...], int] = {("opportunities",): overview.signals}
        for sums in overview.modes:
            mode = sums.mode.value
            counts |= {
                ("fills", mode, "buy"): sums.buys,
                ("fills", mode, "sell"): sums.sells,
                ("failed", mode): sums.failed,
                ("closed", mode, "gain"): sums.won,
                ("closed", mode, "loss"): sums.lost,
            }
            self._opened_before.setdefault(mode, sums.open_positions)
        self._since.take(day, counts)
        return overview

    # ----------------------------------------------------------------------------------------------------------- parts

    def _state(self, record: Record) -> Iterator[Family]:
        pauses = Counter((cause["cause"], _kind_of(cause["scope"])) for cause in record["causes"])
        yield family("info", [Sample(1, {"mode": record["mode"], "cluster": record["cluster"]})])
        yield _one("uptime_seconds", record["uptime_s"])
        yield _one("level", record["level"])
        yield family("state", [Sample(int(record["state"] == state), {"state": state.value}) for state in State])
        yield family(
            "pauses", [Sample(count, {"cause": name, "scope": scope}) for (name, scope), count in pauses.items()]
        )
        yield _one("reconciled", int(record["reconciled"]))
        yield _one("ready", int(not self._ready()))

    def _money(self, record: Record, overview: Overview | None) -> Iterator[Family]:
        sums = self._since.sums
        modes = sorted({name[1] for name in sums if name[0] == "failed"})
        fills = {mode: {side: sums["fills", mode, side] for side in ("buy", "sell")} for mode in modes}
        outcomes = [
            Sample(count, {"mode": mode, "status": status})
            for mode in modes
            for status, count in (("success", sum(fills[mode].values())), ("failed", sums["failed", mode]))
        ]
        closed = {mode: {result: sums["closed", mode, result] for result in ("gain", "loss")} for mode in modes}
        yield family("trades_total", outcomes)
        yield family(
            "trades_executed_total",
            [Sample(count, {"mode": mode, "side": side}) for mode in modes for side, count in fills[mode].items()],
        )
        yield family("trade_failures_total", [Sample(sums["failed", mode], {"mode": mode}) for mode in modes])
        yield family(
            "positions_closed_total",
            [Sample(count, {"mode": mode, "result": what}) for mode in modes for what, count in closed[mode].items()],
        )
        now = () if overview is None else overview.modes
        yield family(
            "positions_opened_total",
            [
                Sample(
                    max(one.open_positions - self._opened_before[mode] + sum(closed[mode].values()), 0), {"mode": mode}
                )
                for one in now
                if (mode := one.mode.value) in closed
            ],
        )
        yield _by_mode("positions_open", now, lambda one: one.open_positions)
        yield _by_mode("orders_unproven", now, lambda one: one.unproven)
        yield _by_mode("deployed_lamports", now, lambda one: one.deployed_lamports)
        yield _by_mode("realized_today_lamports", now, lambda one: one.realized_lamports)
        yield _by_mode("fees_today_lamports", now, lambda one: one.fees_lamports)
        yield _one("available_lamports", record["capital_lamports"]["available"])

    def _hunt(self, record: Record, overview: Overview | None) -> Iterator[Family]:
        followed = self._bot.hunt.followed
        since_ms = self._bot.adapters.clock.now_ms() - ACTIVE_MS
        yield _one("users", None if overview is None else overview.users)
        yield _one("snipers", None if overview is None else overview.snipers)
        yield _one("launches_seen_total", record["launches_seen"])
        yield _one("tokens_tracked", record["tokens_tracked"])
        yield _one("opportunities_found_total", self._since.sums.get(("opportunities",)))
        yield _one("wallets_followed", None if overview is None else overview.followed)
        yield _one(
            "wallets_with_activity",
            sum(scanner.look.traded_at_ms >= since_ms for scanner in followed.scanners.values()),
        )
        yield family(
            "scan_duration_seconds", [Sample(followed.looked_s, part="_sum"), Sample(followed.looks, part="_count")]
        )

    def _watch(self, record: Record) -> Iterator[Family]:
        monitors = record["monitors"]
        kinds = ("expected", "live", "fallback", "without_price")
        yield family(
            "monitors", [Sample(monitors[kind], {"kind": kind}) for kind in kinds if monitors[kind] is not None]
        )
        yield _one("monitor_oldest_check_seconds", monitors["oldest_check_s"])
        yield _one("prices_age_seconds", record["prices_age_s"])
        yield _one("errors_today", record["errors_today"])
        odd = {one["measure"] for one in record["unusual"]}
        yield family("unusual", [Sample(int(name in odd), {"measure": name}) for name in sorted(WATCHED)])
        yield _one("spool_records", None if record["spool"] is None else record["spool"]["records"])

    def _own(self) -> Iterator[Family]:
        process = self._process()
        states = Counter[str]()
        if self._bot.root is not None:
            _count_states(self._bot.root.statistics(LISTED_MAX), states)
        yield family("actors", [Sample(count, {"state": state}) for state, count in sorted(states.items())])
        yield _one("loop_lag_seconds", process["loop_lag_worst_ms"] / 1000)
        yield _one("loop_stalls_total", self._stalls())
        yield _one("process_memory_bytes", process["rss_bytes"])
        yield _one("process_open_files", process["open_files"])
        yield _one("process_open_files_max", process["open_files_max"])
        yield _one("process_cpu_ratio", process["cpu_bps"] / 10_000)
        yield family(
            "database_connections",
            [
                Sample(process["database_connections"], {"kind": "used"}),
                Sample(process["database_connections_max"], {"kind": "max"}),
                Sample(process["database_connections_wanted"], {"kind": "wanted"}),
            ],
        )
        yield family(
            "heartbeats_total",
            [
                Sample(self._beats.sent, {"result": "sent"}),
                Sample(self._beats.withheld, {"result": "withheld"}),
                Sample(self._beats.failed, {"result": "failed"}),
            ],
        )


def _services(record: Record) -> Iterator[Family]:
    told = record["services"]
    known = [name for name in SERVICES if told[name]["health"] != OFF]
    yield family("service_up", [Sample(int(told[name]["health"] == "up"), {"service": name}) for name in known])
    endpoints = told["rpc"]["endpoints"]
    yield family("rpc_endpoint_up", [Sample(int(one["healthy"]), {"endpoint": one["name"]}) for one in endpoints])
    yield family(
        "rpc_requests_total", [Sample(one["asked_this_month"], {"endpoint": one["name"]}) for one in endpoints]
    )
    for name, key, scale in (
        ("rpc_latency_seconds", "latency_ms", 1_000),
        ("rpc_error_ratio", "error_bps", 10_000),
        ("rpc_behind_slots", "lag_slots", 1),
    ):
        yield family(
            name, [Sample(one[key] / scale, {"endpoint": one["name"]}) for one in endpoints if one[key] is not None]
        )


def _streams(record: Record) -> Iterator[Family]:
    """What each stream told and what it did not, since the start."""
    sources = record["services"]["stream"]["sources"]
    stand = [one for one in sources if one["state"] != "waiting"]
    yield family("launch_source_up", [Sample(int(one["state"] == "up"), {"source": one["name"]}) for one in stand])
    for name, key in (
        ("launches", "launches"),
        ("lost", "lost"),
        ("passed_over", "passed_over"),
        ("gaps", "gaps"),
        ("gaps_unrepaired", "unrepaired"),
        ("repaired", "repaired"),
    ):
        yield family(f"launch_source_{name}_total", [Sample(one[key], {"source": one["name"]}) for one in sources])
    yield _one("news_connections_lost_total", record["services"]["news"].get("lost"))
    wallets = record["wallets_followed"]["stream"] or {}
    yield _one("wallet_stream_lost_total", wallets.get("lost"))
    yield _one("wallet_stream_gaps_total", wallets.get("gaps"))


def _one(name: str, value: Number | None) -> Family:
    """A metric of one number, without a sample while that is not known."""
    return family(name, () if value is None else [Sample(value)])


def _by_mode(name: str, modes: tuple[ModeSums, ...], value: Callable[[ModeSums], int]) -> Family:
    return family(name, [Sample(value(one), {"mode": one.mode.value}) for one in modes])


def _kind_of(scope: str) -> str:
    return GLOBAL if scope == GLOBAL else scope.partition(":")[0]


def _count_states(node: SupervisorStatistics, states: Counter[str]) -> None:
    """The workers at and below a supervisor by state."""
    states.update(node.unlisted)
    for child in node.children:
        if isinstance(child, SupervisorStatistics):
            _count_states(child, states)
        else:
            states[child.state] += 1
