"""What the code needs of the tree in supervision.toml: who must be there, where it is looked for, who takes messages.

A file that the bot cannot be built from, or that would take its guards away, is refused with the rest of the check.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from actors.failure_policy import CRITICAL, EXIT, OUTCOMES
from actors.runtime import Supervision

Key = tuple[str, ...]
Fault = tuple[Key, str]

# Every actor that bot/tree.py makes once.
STATIC = (
    "systemd_notifier",
    "status_keeper",
    "control_socket",
    "telegram_gateway",
    "operator_alerts",
    "halt_news",
    "sweeper",
    "outbox_sender",
    "probe_door",
    "heartbeat",
    "backup_keeper",
    "resource_watch",
    "lease_keeper",
    "database_link",
    "rpc_pool",
    "launch_stream",
    "block_engine",
    "price_poller",
    "rug_watch",
    "chain_news",
    "protocol_watch",
    "trading_guard",
    "flattener",
    "reconciler",
    "confirmation_watcher",
    "fallback_monitor",
    "sale_follower",
    "launch_watcher",
    "hunt_keeper",
    "wallet_stream",
    "wallet_judge",
    "copy_trader",
    "account_closer",
    "recorder",
    "market_analyst",
    "price_historian",
    "dollar_keeper",
    "picture_drawer",
    "position_cards",
    "daily_report",
    "hour_watch",
    "hearsay_keeper",
)
MESSAGES = frozenset({"launch_watcher", "executor", "sniper", "auto_trader"})
# Those that end by themselves when their work is done, and must come back when they fail before.
ENDING = ("position_monitor", "token_tracker", "standing_order")
# Where whoever is started on demand is looked for: supervisor, the one above it, and its template.
ON_DEMAND = (
    ("flatten", "guard", "executor"),
    ("executors", "money", "executor"),
    ("position_monitors", "money", "position_monitor"),
    ("token_trackers", "hunt", "token_tracker"),
    ("snipers", "hunt", "sniper"),
    ("wallet_scanners", "hunt", "wallet_scanner"),
    ("standing_orders", "hunt", "standing_order"),
    ("auto_traders", "hunt", "auto_trader"),
)
SUBTREES = ("ops", "links", "guard", "money", "hunt")
LAST_RESORT = (("money", CRITICAL), ("guard", EXIT))

# The least and the greatest value of each number, wide beside what is shipped: beyond them stands a slip of the pen.
STOP_MS = 10_000  # what the whole bot has to stop
BOUNDS = {
    "intensity": (0, 10_000),
    "period_s": (0.1, 86_400),
    "shutdown_ms": (0, STOP_MS),
    "init_timeout_ms": (1, 600_000),
    "max_children": (0, 1_000_000),
    "max_quarantined": (0, 1_000_000),
    "backoff.min_s": (0, 3_600),
    "backoff.max_s": (0, 3_600),
    "backoff.reset_after_s": (0, 86_400),
    "mailbox.capacity": (1, 1_000_000),
    "mailbox.redeliver": (0, 1_000),
    "mailbox.hung_after_ms": (1, 3_600_000),
}


def unfit(supervision: Supervision) -> Iterator[Fault]:
    """What is wrong with a file that is good in itself, each with the key where it stands."""
    for name in SUBTREES:
        if name not in _children(supervision, "root"):
            yield ("supervisor", "root", "children"), f"the bot needs the supervisor {name!r} below the root"
    yield from _unfit_actors(supervision)
    for name, home, template in ON_DEMAND:
        section = supervision.supervisors.get(name, {})
        if name not in _children(supervision, home):
            yield ("supervisor", home, "children"), f"the bot looks for {name!r} here"
        elif section.get("template") != template:
            yield ("supervisor", name, "template"), f"{name} is dynamic, of the template {template!r}"
    for name, outcome in LAST_RESORT:
        section = supervision.supervisors.get(name, {})
        if section.get("on_exhausted") != outcome:
            what = f'{name} needs on_exhausted = "{outcome}": {OUTCOMES[outcome]}'
            yield ("supervisor", name, "on_exhausted"), what
        if section.get("restart") != "transient":
            what = f'{name} needs restart = "transient": once it is used up it may not come back by itself'
            yield ("supervisor", name, "restart"), what


def _unfit_actors(supervision: Supervision) -> Iterator[Fault]:
    there = supervision.static_actors()
    for name in STATIC:
        if name not in there:
            yield ("supervisor", "root"), f"the bot needs the actor {name!r} in some supervisor's children"
    for name in there:
        if name not in STATIC:
            near = get_close_matches(name, STATIC, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            yield ("actor", name), f"{name!r} is no actor of the bot{meant}"
    if "launch_watcher" not in _children(supervision, "hunt"):
        yield ("supervisor", "hunt", "children"), "the bot looks for 'launch_watcher' here"
    for name, section in supervision.actors.items():
        if section.get("shutdown_ms") == "infinity":
            what = f"shutdown_ms = 'infinity': must be 0 to {STOP_MS} or 'brutal_kill'; the bot has 10 s to stop"
            yield ("actor", name, "shutdown_ms"), what
        if "mailbox" in section and name not in MESSAGES:
            yield ("actor", name, "mailbox"), f"{name!r} takes no messages, so it has no mailbox"
    for name in ENDING:
        if supervision.actors.get(name, {}).get("restart") != "transient":
            what = (
                f'{name} needs restart = "transient": it ends when its work is done, and only a failure brings it back'
            )
            yield ("actor", name, "restart"), what


def _children(supervision: Supervision, name: str) -> list[str]:
    return list(supervision.supervisors.get(name, {}).get("children", ()))
