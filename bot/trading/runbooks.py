"""Which page of the runbooks belongs to which cause, so that everybody who names a cause names the same page."""

from __future__ import annotations

FIRST_PAGE = "runbooks/README.md"
HALTED = "runbooks/halted.md"
QUARANTINED = "runbooks/quarantined.md"
EXITS = "runbooks/exits.md"
LEDGER = "runbooks/ledger.md"
ENDPOINTS = "runbooks/endpoints.md"
STANDBY = "runbooks/standby.md"
DRIFT = "runbooks/protocol-drift.md"
FINALITY = "runbooks/finality.md"
RECORDING = "runbooks/recording.md"
VAULT = "runbooks/vault.md"
FROZEN_WALLET = "runbooks/frozen.md"
MODEL = "runbooks/model.md"
WATCHING = "runbooks/watching.md"
BACKUP = "runbooks/backup.md"
DISK_FULL = "runbooks/disk.md"
TREE = "runbooks/supervision.md"
CRASHED = "runbooks/crashed.md"
DAY_LOSS = "runbooks/day-loss.md"
EXIT_FEES = "runbooks/exit-fees.md"
DRILLS = "runbooks/drills.md"
RESOURCES = "runbooks/resources.md"
UNUSUAL = "runbooks/unusual.md"
REPORTS = "runbooks/reports.md"
SETTINGS_FILE = "runbooks/settings-file.md"

RUNBOOKS = {
    "rpc": "runbooks/no-rpc.md",
    "stream": "runbooks/stream.md",
    "database": "runbooks/database.md",
    "telegram": "runbooks/telegram.md",
    "engine": "runbooks/block-engine.md",
    "jupiter": "runbooks/jupiter.md",
    "outflow": LEDGER,
    "drift": DRIFT,
    "rpc_budget": ENDPOINTS,
    "uncompared": LEDGER,
    "lease": STANDBY,
    "vault": VAULT,
    "resources": RESOURCES,
    "frozen": FROZEN_WALLET,
}


def page_for(cause: str) -> str:
    """The page for a pause cause, from the root of the repository; the first page for one that has none of its own."""
    return RUNBOOKS.get(cause, FIRST_PAGE)
