"""Every page that a cause or an alert names is there, and the first page leads to it."""

from __future__ import annotations

from pathlib import Path

from bot.trading.runbooks import (
    BACKUP,
    ENDPOINTS,
    FINALITY,
    FIRST_PAGE,
    HALTED,
    LEDGER,
    MODEL,
    QUARANTINED,
    RECORDING,
    RUNBOOKS,
    STANDBY,
    TREE,
    VAULT,
    WATCHING,
    page_for,
)

ROOT = Path(__file__).parents[2]


def test_every_page_exists_and_is_linked_from_the_first() -> None:
    first = (ROOT / FIRST_PAGE).read_text(encoding="utf-8")
    for page in {
        *RUNBOOKS.values(),
        BACKUP,
        ENDPOINTS,
        FINALITY,
        HALTED,
        LEDGER,
        MODEL,
        QUARANTINED,
        RECORDING,
        STANDBY,
        TREE,
        VAULT,
        WATCHING,
    }:
        assert (ROOT / page).is_file(), page
        assert f"({Path(page).name})" in first, page


def test_a_cause_without_a_page_of_its_own_leads_to_the_first() -> None:
    assert page_for("daily_loss") == FIRST_PAGE
