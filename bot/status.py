"""The one state record: `bot status`, `bot supervisor status` and the chat's /status are views of it (cli.md has the fields)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import trio

from actors.runtime import ChildStatistics, Supervisor, SupervisorStatistics
from bot.clock import day_of, day_start_ms, rfc3339
from bot.errors import Unavailable
from bot.ports import Day, User
from bot.trading.intent import Context, IntentState, Mode
from bot.trading.trading_state import GLOBAL
from bot.tree import TradingBot

STORE_DEADLINE_S = 2.0
SILENT_DATABASE = Day(0, 0, 0, 0, 0)

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What only the database knows; `known` is False while it is away, and the numbers say nothing then."""

    known: bool
    users: list[User]
    snipers: int
    open_positions: int
    open_cost_lamports: int
    unknown: int
    day: Day
    signals: int


class StatusBoard:
    """Builds the records. `mode` and `cluster` label them; `foundation` is the tree of the bot's own servers, if any."""

    def __init__(self, bot: TradingBot, *, mode: Mode, cluster: str, foundation: Supervisor | None) -> None:
        self._bot, self._mode, self._cluster, self._foundation = bot, mode, cluster, foundation
        self._started_ms = bot.adapters.clock.now_ms()

    async def status(self) -> Record:
        """The record of `bot status --json`."""
        bot, clock = self._bot, self._bot.adapters.clock
        facts = await self._facts()
        now_ms = clock.now_ms()
        looks = [now_ms - look.checked_at_ms for look in bot.looks.values()]
        return {
            "state": bot.guard.state.value,
            "level": bot.guard.level,
            "causes": [
                {
                    "cause": cause.name,
                    "scope": cause.scope,
                    "since": rfc3339(cause.since_ms),
                    "by": cause.by,
                    "why": cause.why,
                    "binds": cause.binds.value,
                    "ends_at": None if (ends_ms := bot.guard.ends_at_ms(cause)) is None else rfc3339(ends_ms),
                }
                for cause in bot.guard.causes()
            ],
            "halt": None
            if (halt := bot.guard.halt) is None
            else {"cause": halt.cause, "since": rfc3339(halt.since_ms), "by": halt.by, "why": halt.why},
            "mode": self._mode.value,
            "cluster": self._cluster,
            "uptime_s": round((now_ms - self._started_ms) / 1000, 1),
            "reconciled": bot.reconciler.reconciled,
            "users": len(facts.users),
            "snipers": facts.snipers,
            "launches_seen": bot.hunted.launches_seen,
            "tokens_tracked": sum(not tracker.done for tracker in bot.hunted.trackers.values()),
            "signals_today": facts.signals,
            "positions": {
                "open": facts.open_positions,
                "closed_today": facts.day.closed_positions,
                "unknown": facts.unknown,
            },
            "trades_today": {"buys": facts.day.buys, "sells": facts.day.sells, "failed": facts.day.failed},
            "pnl_lamports_today": facts.day.realized_lamports,
            "capital_lamports": {"deployed": facts.open_cost_lamports},
            "monitors": {
                "expected": facts.open_positions,
                "live": self._live_monitors(),
                "fallback": len(bot.fallback.watched),
                "oldest_check_s": round(max(looks, default=0) / 1000, 1),
            },
            "services": self._services(),
        }

    async def _facts(self) -> Facts:
        store, clock = self._bot.adapters.store, self._bot.adapters.clock
        since_ms = day_start_ms(day_of(clock.now_ms()))
        try:
            with trio.fail_after(STORE_DEADLINE_S):
                users = await store.users()
                positions = await store.open_positions()
                unknown = [row for row, _ in await store.in_flight() if row.state is IntentState.UNKNOWN]
                settings = [await store.settings(user.id) for user in users]
                runs = [await store.runs_since(user.id, since_ms) for user in users]
                day = await store.day(since_ms)
        except (Unavailable, trio.TooSlowError):
            return Facts(False, [], 0, 0, 0, 0, SILENT_DATABASE, 0)
        return Facts(
            known=True,
            users=users,
            snipers=sum(row.snipe_enabled for row in settings),
            open_positions=len(positions),
            open_cost_lamports=sum(position.cost_lamports for position in positions),
            unknown=len(unknown),
            day=day,
            signals=sum(run.status != "SKIPPED" for rows in runs for run in rows),
        )

    def _live_monitors(self) -> int:
        try:
            monitors = self._bot.supervisor("money", "position_monitors")
        except Unavailable:
            return 0
        return sum(child.state == "running" for child in monitors.which_children())

    def _services(self) -> Record:
        services: Record = {
            name: {
                "health": "up" if health.healthy else "down",
                "since": rfc3339(health.since_ms) if health.since_ms else None,
                "detail": health.detail,
            }
            for name, health in self._bot.health.items()
        }
        services["rpc"]["endpoints"] = [
            {
                "name": endpoint.name,
                "healthy": endpoint.healthy,
                "slot": endpoint.slot,
                "breaker": endpoint.breaker,
                "latency_ms": endpoint.latency_ms,
                "error_bps": endpoint.error_bps,
                "detail": endpoint.detail,
            }
            for endpoint in self._bot.adapters.chain.health()
        ]
        if not self._bot.health["telegram"].since_ms:
            services["telegram"] = {"health": "off", "since": None, "detail": "no token is set; see bot chat"}
        return services

    def line(self, user_id: str) -> str:
        """The first line of the chat's /status."""
        guard = self._bot.guard
        lead = f"{guard.state}, level {guard.level}"
        if commands := guard.covering(user_id, Context.MANUAL_COMMAND):
            return f"{lead}: entries are paused for you by {', '.join(commands)}; exits go on."
        if automated := guard.covering(user_id, Context.SNIPER):
            return (
                f"{lead}: what buys by itself, as the sniper, is paused for you by {', '.join(automated)}; your own commands"
                " and exits go on."
            )
        return f"{lead}: entries are open for you."

    def tree(self, path: str | None) -> Record:
        """The record of `bot supervisor status --json`; raises LookupError when nothing lies at `path`."""
        roots = [tree for tree in (self._foundation, self._bot.root) if tree is not None]
        children = [_node(tree.statistics(), self._bot.guard.level) for tree in roots]
        whole = {**_empty("bot"), "kind": "supervisor", "children": children}
        return {"sentence": self._sentence(whole), "tree": whole if path is None else _find(whole, path)}

    def _sentence(self, tree: Record) -> str:
        """What is wrong, since when, what the bot does about it, and the runbook's page."""
        if (halt := self._bot.guard.halt) is not None:
            doing = "everything is flat" if self._bot.guard.flattened else "every position is being sold"
            return (
                f"Halted since {rfc3339(halt.since_ms)} by {halt.by} ({halt.why}); {doing}, nothing is bought until an"
                " operator gives bot rearm; see runbooks/halted.md."
            )
        causes = [cause for cause in self._bot.guard.causes() if cause.scope == GLOBAL]
        if causes:
            cause = causes[0]
            page = "runbooks/no-rpc.md" if cause.name in {"rpc", "stream"} else "runbooks/README.md"
            return (
                f"Entries are paused since {rfc3339(cause.since_ms)} by {cause.name} ({cause.why}); exits and monitors go on"
                f" and entries open again by themselves; see {page}."
            )
        stuck = [node for node in _walk(tree) if node["state"] in {"quarantined", "restarting"}]
        if stuck:
            first = stuck[0]
            return (
                f"{len(stuck)} actor(s) not running, first {first['name']} ({first['state']}): {first['last_failure']};"
                " nobody else is touched, see runbooks/quarantined.md."
            )
        return "Everything runs; nothing is asked of you."


def _empty(name: str) -> Record:
    return {
        "name": name,
        "kind": "worker",
        "strategy": None,
        "state": "running",
        "incarnation": 1,
        "restarts": 0,
        "mailbox": None,
        "message_age_s": None,
        "last_failure": None,
        "level": 1,
        "children": [],
    }


def _node(statistics: SupervisorStatistics | ChildStatistics, level: int) -> Record:
    node = {
        **_empty(statistics.id),
        "state": statistics.state,
        "incarnation": statistics.incarnation,
        "restarts": statistics.restarts,
        "level": level,
    }
    if isinstance(statistics, SupervisorStatistics):
        node["kind"] = "supervisor"
        node["strategy"] = statistics.strategy
        node["children"] = [_node(child, level) for child in statistics.children if not _absent(child)]
        return node
    node["last_failure"] = statistics.last_failure
    if statistics.mailbox is not None:
        node["mailbox"] = {"depth": statistics.mailbox.depth, "capacity": statistics.mailbox.capacity}
        node["message_age_s"] = statistics.mailbox.message_age_s
    return node


def _absent(statistics: SupervisorStatistics | ChildStatistics) -> bool:
    """An actor that this configuration does not have: its start was ignored."""
    return (
        isinstance(statistics, ChildStatistics)
        and statistics.state == "undefined"
        and statistics.last_failure is None
        and statistics.restarts == 0
    )


def _walk(node: Record) -> list[Record]:
    return [node, *(below for child in node["children"] for below in _walk(child))]


def _find(tree: Record, path: str) -> Record:
    node = tree
    for name in path.strip("/").split("/"):
        if name == node["name"] and node is tree:
            continue
        matches = [child for child in node["children"] if child["name"] == name]
        if not matches:
            known = ", ".join(child["name"] for child in node["children"][:20]) or "nothing"
            raise LookupError(f"there is no {name!r} below {node['name']}; there is {known}")
        node = matches[0]
    return node
