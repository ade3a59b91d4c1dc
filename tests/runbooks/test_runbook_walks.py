"""Every page is walked by `make runbooks`, or has nothing to walk; and what a walk leaves to another test is in that test."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.trading import runbooks
from bot.trading.runbooks import RUNBOOKS as PAGE_OF
from tests.runbooks.papers import ROOT, RUNBOOKS, commands
from tests.runbooks.walks import ELSEWHERE, NOTHING_TO_TYPE, OWN_SCENE, WALKS

PAGES = {page.stem for page in RUNBOOKS.glob("*.md")}
WALKED = {*WALKS, *OWN_SCENE}


def test_every_page_is_walked_or_says_by_whom() -> None:
    assert WALKED | set(NOTHING_TO_TYPE) == PAGES
    assert not WALKED & set(NOTHING_TO_TYPE)
    assert set(ELSEWHERE) <= WALKED


def test_what_is_not_walked_has_nothing_to_type() -> None:
    assert {page: [str(one) for one in commands(RUNBOOKS / f"{page}.md") if one.whole] for page in NOTHING_TO_TYPE} == {
        page: [] for page in NOTHING_TO_TYPE
    }


@pytest.mark.parametrize("page", sorted(ELSEWHERE))
def test_what_is_walked_by_another_test_has_its_alert_held_there_by_the_words_of_the_page(page: str) -> None:
    place, words = ELSEWHERE[page]
    test, paper = (ROOT / place).read_text("utf-8"), (RUNBOOKS / f"{page}.md").read_text("utf-8")
    assert words in " ".join(paper.split()), f"runbooks/{page}.md does not say {words!r}"
    assert words in test, f"{place} does not look for {words!r}"


def test_every_page_that_an_alert_names_is_walked() -> None:
    named = {page for page in vars(runbooks).values() if isinstance(page, str) and page.endswith(".md")}
    assert {Path(page).stem for page in {*named, *PAGE_OF.values()}} <= WALKED
