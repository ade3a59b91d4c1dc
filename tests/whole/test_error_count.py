"""The errors of a day are counted as they are logged, and another day begins at none."""

from __future__ import annotations

from bot.logs import ErrorCount


def test_errors_and_crashes_of_the_day_are_counted_and_nothing_else() -> None:
    errors = ErrorCount()
    for level, event in (
        ("error", "a"),
        ("critical", "b"),
        ("warning", "supervision"),
        ("warning", "c"),
        ("info", "d"),
    ):
        line = {"level": level, "event": event, "timestamp": "2026-11-21T23:59:59Z"}
        assert errors(None, level, line) is line
    assert (errors.on("2026-11-21"), errors.on("2026-11-22")) == (3, 0)
    errors(None, "error", {"level": "error", "event": "e", "timestamp": "2026-11-22T00:00:00Z"})
    assert (errors.on("2026-11-21"), errors.on("2026-11-22")) == (0, 1)
