"""What `make runbooks` walks, and what it says is tried elsewhere, is there."""

from __future__ import annotations

from tests.runbooks.papers import ROOT, RUNBOOKS
from tests.runbooks.walks import ELSEWHERE, WALKED


def test_every_page_that_is_named_is_there_and_so_is_what_tries_it() -> None:
    pages = {page.stem for page in RUNBOOKS.glob("*.md")}
    assert pages >= WALKED | set(ELSEWHERE)
    assert len(WALKED) > 12
    missing = [place for place in ELSEWHERE.values() if not (ROOT / place).is_file()]
    assert not missing
