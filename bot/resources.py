"""What this process may use: memory by its service, file handles by its limit, monitors by supervision.toml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.errors import Unavailable
from bot.execution.caps import Usage
from bot.tree import TradingBot

CGROUPS = Path("/sys/fs/cgroup")
MONITORS = "position_monitors"


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
    found = [Usage("file_handles", "file handles", process["open_files"], process["open_files_max"])]
    if memory_bytes is not None:
        mb = 1_000_000
        found.append(Usage("memory", "MB of memory", process["rss_bytes"] // mb, memory_bytes // mb))
    most = bot.supervision.supervisors[MONITORS].get("max_children")
    if most is not None:
        found.append(Usage("monitors", "monitors of positions", _monitors(bot), most))
    return found


def _monitors(bot: TradingBot) -> int:
    try:
        return len(bot.supervisor("money", MONITORS).ids())
    except Unavailable:
        return 0
