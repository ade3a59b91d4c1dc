"""Which opinions are remembered, and for how long."""

from __future__ import annotations

from bot.execution.opinion_book import KEPT_MS, REMEMBERED_MS, TOKENS_MAX, OpinionBook
from bot.trading.signal import Action, Opinion
from tests.analysis.launch_samples import launch


def _opinion(mint: str, at_ms: int, confidence_bps: int = 0) -> Opinion:
    return Opinion(mint, Action.NEUTRAL, confidence_bps, (), 0, 0, "rules-1", at_ms)


def test_an_opinion_is_known_for_a_day_and_among_the_best_for_a_minute() -> None:
    book = OpinionBook()
    book.note(launch(mint="old"), _opinion("old", 1, 9_000))
    book.note(launch(mint="low"), _opinion("low", KEPT_MS, 10))
    book.note(launch(mint="high"), _opinion("high", KEPT_MS + 1, 20))
    assert [one.opinion.mint for one in book.best(5, KEPT_MS + 2)] == ["high", "low"]
    old = book.of("old")
    assert old is not None
    assert old.opinion.confidence_bps == 9_000
    book.note(launch(mint="new"), _opinion("new", REMEMBERED_MS + 2))
    assert book.of("old") is None
    assert book.of("low") is not None


def test_a_flood_of_launches_leaves_the_newest() -> None:
    book = OpinionBook()
    for number in range(TOKENS_MAX + 10):
        book.note(launch(mint=f"m{number}"), _opinion(f"m{number}", 1))
    assert book.of("m9") is None
    assert book.of("m10") is not None
