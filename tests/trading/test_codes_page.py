"""docs/codes.md says what the source says."""

from __future__ import annotations

from pathlib import Path

from tests.trading.codes_page import page, said

PAGE = Path(__file__).parents[2] / "docs" / "codes.md"


def test_the_page_of_codes_is_that_of_the_source() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.trading.codes_page > docs/codes.md"


def test_codes_are_found_where_they_are_said_in_each_of_the_ways() -> None:
    codes = {code for code, _, _ in said()}
    assert codes >= {"paused", "frozen", "no_engine", "price_moved", "not_sent", "trade_size"}
