"""Which page is walked by what, in which order, and which ones other tests try."""

from __future__ import annotations

from collections.abc import Callable

from tests.runbooks import operation_walks as operations
from tests.runbooks import outage_walks as outages
from tests.runbooks import people_walks as people
from tests.runbooks import routine_walks as routines
from tests.runbooks import scene_walks as scenes
from tests.runbooks.walker import Walker

# In this order, because an alert about one thing is told once a minute: without the chain the stream is away as well.
WALKS: dict[str, Callable[[Walker], None]] = {
    "model": outages.model,
    "README": outages.operator,
    "stream": outages.stream,
    "day-loss": people.day_loss,
    "no-rpc": outages.no_rpc,
    "ledger": people.ledger,
    "database": outages.database,
    "endpoints": outages.endpoints,
    "frozen": people.frozen,
    "block-engine": outages.block_engine,
    "finality": outages.finality,
    "exit-fees": people.exit_fees,
    "vault": outages.vault,
    "loop-stalled": outages.loop_stalled,
    "exits": people.exits,
    "settings-file": outages.settings_file,
    "recording": outages.recording,
    "supervision": outages.supervision,
    "protocol-drift": outages.protocol_drift,
    "telegram": operations.telegram,
    "watching": operations.watching,
    "jupiter": operations.jupiter,
    "resources": operations.resources,
    "disk": operations.disk,
    "import-sqlite": routines.import_sqlite,
    "daily": routines.daily,
    "weekly": routines.weekly,
    "monthly": routines.monthly,
    "quarterly": routines.quarterly,
    "reports": routines.reports,
    "drills": routines.drills,
    "unusual": operations.unusual,
    "crashed": operations.crashed,
    "quarantined": operations.quarantined,
    "emergency": people.emergency,
    "halted": outages.halted,
}

# Walked on bots of their own.
OWN_SCENE: dict[str, Callable[[], Walker]] = {
    "standby": scenes.standby,
    "backup": scenes.backup,
    "going-live": scenes.going_live,
}

# Walked too, but what rings is held by a test, by these words of the page: nobody makes midnight come.
ELSEWHERE: dict[str, tuple[str, str]] = {"reports": ("tests/service/test_hour_watch.py", "The day from")}

# Nothing in them is typed at all.
NOTHING_TO_TYPE = ("contacts",)
