"""Every metric by its name: what kind it is and what it says. docs/metrics.md, the dashboard and the alert rules hold to it.

All begin with `trading_bot_`, as in the seeds. No label names a user, a wallet or a token: their number has no bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from bot.web.exposition import Family, Kind, Sample

PREFIX: Final = "trading_bot_"

# Name without the prefix: kind, and what it says. Counters begin with the process, `rpc_requests_total` with the month.
METRICS: Final[Mapping[str, tuple[Kind, str]]] = {
    "info": ("gauge", "1, with the mode and the cluster that this bot trades in as labels"),
    "uptime_seconds": ("gauge", "how long this process has served"),
    "level": ("gauge", "the level of failure: 1 healthy, 2 degraded, 3 critical"),
    "state": ("gauge", "1 for the state that `bot status` shows, 0 for each other one"),
    "pauses": ("gauge", "causes that pause entries, by name and by whose: global, user or program"),
    "reconciled": ("gauge", "1 once every wallet's books were compared with the chain since the start"),
    "ready": ("gauge", "1 while /readyz is green"),
    "trades_total": ("counter", "orders with an outcome: status success for fills, failed for failed and expired ones"),
    "trades_executed_total": ("counter", "fills, by mode and side"),
    "trade_failures_total": ("counter", "orders to buy or sell that ended without a fill, by mode"),
    "positions_opened_total": ("counter", "positions that were opened, by mode"),
    "positions_closed_total": ("counter", "positions that were closed, by mode, with a gain or without"),
    "positions_open": ("gauge", "open positions by mode"),
    "orders_unproven": ("gauge", "orders that may have landed, which is not proven yet, by mode"),
    "deployed_lamports": ("gauge", "the cost of what is held, by mode"),
    "available_lamports": ("gauge", "what the wallets of the program's own mode can spend now"),
    "realized_today_lamports": ("gauge", "net result since midnight UTC, fees included, by mode"),
    "fees_today_lamports": ("gauge", "fees and tips since midnight UTC, by mode"),
    "users": ("gauge", "users with an account"),
    "snipers": ("gauge", "users whose sniper is on"),
    "launches_seen_total": ("counter", "launches that were seen since the start"),
    "tokens_tracked": ("gauge", "launches that are being watched now"),
    "opportunities_found_total": ("counter", "looks of snipers at a token that ended in more than a skip"),
    "wallets_followed": ("gauge", "addresses that somebody follows"),
    "wallets_with_activity": ("gauge", "followed wallets that traded within the last hour, as far as this process saw"),
    "scan_duration_seconds": ("summary", "looks at the history of one followed wallet, and how long they took"),
    "monitors": ("gauge", "monitors of open positions: expected, live, fallback, and without_price"),
    "monitor_oldest_check_seconds": ("gauge", "how long ago the position was judged that waits the longest"),
    "prices_age_seconds": ("gauge", "the age of the oldest price that a position is judged by"),
    "errors_today": ("gauge", "errors and crashes that were logged since midnight UTC"),
    "unusual": ("gauge", "1 for a measure of this hour that is unlike the last seven days, 0 for each other one"),
    "spool_records": ("gauge", "exits that wait in the journal for the database"),
    "service_up": ("gauge", "1 for a service that answers: database, rpc, stream, telegram, engine, as far as it is configured"),
    "launch_source_up": ("gauge", "1 for a source of launches that stands; one that waits for the others' silence is left out"),
    "launch_source_launches_total": ("counter", "launches that a source told, by source"),
    "launch_source_lost_total": ("counter", "transactions that a source of launches could not read, by source"),
    "launch_source_passed_over_total": ("counter", "transactions that were named while too many waited to be read, by source"),
    "launch_source_gaps_total": ("counter", "times that nothing of a source of launches was followed for a moment, by source"),
    "launch_source_gaps_unrepaired_total": ("counter", "those of the gaps that were not made up for, or not whole, by source"),
    "launch_source_repaired_total": ("counter", "transactions of a gap that were read afterwards, by source"),
    "news_connections_lost_total": ("counter", "connections about orders on their way and held tokens that ended"),
    "wallet_stream_lost_total": ("counter", "updates of the followed wallets' stream that could not be read"),
    "wallet_stream_gaps_total": ("counter", "gaps in the followed wallets' stream, for which histories were read"),
    "rpc_endpoint_up": ("gauge", "1 for an RPC endpoint that is used"),
    "rpc_requests_total": ("counter", "requests of this calendar month (UTC), by RPC endpoint"),
    "rpc_latency_seconds": ("gauge", "moving average of an endpoint's latency"),
    "rpc_error_ratio": ("gauge", "moving average of an endpoint's share of failed requests"),
    "rpc_behind_slots": ("gauge", "how many slots an endpoint is behind the best one"),
    "actors": ("gauge", "actors by state; quarantined ones need an operator"),
    "loop_lag_seconds": ("gauge", "the worst lateness of the event loop within the last minute"),
    "loop_stalls_total": ("counter", "how often the event loop stood still for two seconds or more"),
    "process_memory_bytes": ("gauge", "resident memory of the trading process"),
    "process_open_files": ("gauge", "file handles of the trading process"),
    "process_open_files_max": ("gauge", "how many file handles the trading process may have"),
    "process_cpu_ratio": ("gauge", "processor time of the trading process per second, 1 for a whole core"),
    "database_connections": ("gauge", "connections of the pool: used, wanted (used or waited for), and the most there may be"),
    "heartbeats_total": ("counter", "signs of life to the outside: result sent, withheld because something is red, or failed"),
}  # fmt: skip


def family(name: str, samples: Iterable[Sample]) -> Family:
    """A metric of the table with its samples; raises KeyError for a name that is not in it."""
    kind, told = METRICS[name]
    return Family(PREFIX + name, kind, told, tuple(samples))
