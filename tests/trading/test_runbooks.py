"""Every page that a cause or an alert names is there, and the first page leads to it."""

from __future__ import annotations

from pathlib import Path

from bot.trading import runbooks
from bot.trading.runbooks import FIRST_PAGE, RUNBOOKS, page_for

ROOT = Path(__file__).parents[2]
NAMED = {name: page for name, page in vars(runbooks).items() if isinstance(page, str) and page.endswith(".md")}


def test_every_page_exists_and_is_linked_from_the_first() -> None:
    first = (ROOT / FIRST_PAGE).read_text(encoding="utf-8")
    pages = {*RUNBOOKS.values(), *NAMED.values()} - {FIRST_PAGE}
    assert len(pages) > len(RUNBOOKS)
    for page in pages:
        assert (ROOT / page).is_file(), page
        assert f"({Path(page).name})" in first, page


def test_a_cause_without_a_page_of_its_own_leads_to_the_first() -> None:
    assert page_for("daily_loss") == FIRST_PAGE
