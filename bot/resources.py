"""What this process may use: memory by its service, file handles by its limit, monitors and connections by their numbers."""

from __future__ import annotations

import errno
import resource
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bot.errors import Unavailable
from bot.execution.caps import Usage
from bot.trading.units import BPS
from bot.tree import TradingBot

CGROUPS = Path("/sys/fs/cgroup")
MONITORS = "position_monitors"
NO_HANDLE = frozenset({errno.EMFILE, errno.ENFILE})  # of this process, or of the machine


def memory_max(chosen_mb: int | None, cgroups: Path = CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int | None:
    """The bytes of memory that this process may have: the least of the settings' and of what its service and those above allow.

    None where nobody has set a bound; the machine's own memory is none of ours.
    """
    bounds = [] if chosen_mb is None else [chosen_mb * 1_000_000]
    try:
        inside = [line[3:] for line in own.read_text(encoding="ascii").splitlines() if line.startswith("0::")]
    except OSError:
        inside = []
    for path in inside:
        folder = cgroups / path.strip("/")
        for one in (folder, *folder.parents):
            if one == cgroups or cgroups not in one.parents:
                break
            try:
                text = (one / "memory.max").read_text(encoding="ascii").strip()
            except OSError:
                continue
            if text.isdigit():
                bounds.append(int(text))
    return min(bounds, default=None)


def usages(bot: TradingBot, process: Mapping[str, Any], memory_bytes: int | None) -> list[Usage]:
    """What is used of each thing that has a cap; `process` is the record of `bot top` about this process."""
    found = [_handles(process["open_files"], process["open_files_max"])]
    if memory_bytes is not None:
        mb = 1_000_000
        found.append(Usage("memory", "MB of memory", process["rss_bytes"] // mb, memory_bytes // mb))
    most = bot.supervision.supervisors[MONITORS].get("max_children")
    if most is not None:
        found.append(Usage("monitors", "monitors of positions", _monitors(bot), most))
    # While the database is away its pool is full of those who wait for it, and that pause has a name of its own.
    if bot.health["database"].healthy:
        pool = bot.adapters.store.connections()
        asked = "connections to the database asked for"
        found.append(Usage("database", asked, pool.wanted, pool.most, short_bps=BPS + 1, easy_bps=BPS))
    return found


def looked(bot: TradingBot, process: Callable[[], Mapping[str, Any]], memory_bytes: int | None) -> list[Usage]:
    """The usages of now. Where the last file handle is taken nobody can count them any more: then all are."""
    try:
        return usages(bot, process(), memory_bytes)
    except OSError as error:
        if error.errno not in NO_HANDLE:
            raise
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return [_handles(most, most)]


def _handles(used: int, most: int) -> Usage:
    return Usage("file_handles", "file handles", used, most)


def _monitors(bot: TradingBot) -> int:
    try:
        return len(bot.supervisor("money", MONITORS).ids())
    except Unavailable:
        return 0
