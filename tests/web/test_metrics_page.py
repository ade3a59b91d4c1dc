"""The page about metrics is the table of the code, and the name of each says what it is, as Prometheus wants it."""

from __future__ import annotations

import re
from pathlib import Path

from bot.metrics_table import METRICS
from tests.web.metrics_page import page

ROOT = Path(__file__).parents[2]

# The names of the seeds, under the same prefix.
OF_THE_SEEDS = {
    "trades_total",
    "rpc_requests_total",
    "uptime_seconds",
    "scan_duration_seconds",
    "opportunities_found_total",
    "wallets_with_activity",
    "trades_executed_total",
    "trade_failures_total",
    "positions_opened_total",
    "positions_closed_total",
}


def test_the_page_is_the_table() -> None:
    assert (ROOT / "docs/metrics.md").read_text(encoding="utf-8") == page()


def test_names_are_those_of_the_seeds_and_counters_end_in_total() -> None:
    assert set(METRICS) >= OF_THE_SEEDS
    for name, (kind, told) in METRICS.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name), name
        assert (kind == "counter") is name.endswith("_total"), name
        assert "|" not in told and not told.endswith("."), name
