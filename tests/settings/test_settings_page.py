"""docs/settings.md says what the tables of the code say."""

from __future__ import annotations

from pathlib import Path

from tests.settings.settings_page import page

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_of_settings_is_that_of_the_code() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.settings.settings_page > docs/settings.md"
