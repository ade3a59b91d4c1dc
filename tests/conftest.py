"""What all tests share: plain lines as their log, which of their files begin first, and what the collector leaves alone."""

from __future__ import annotations

import gc

import pytest
import structlog

# What takes ten seconds or more, the longest first, by a run on quiet cores. A worker that begins one of them at the end
# would be left alone with it, and the real ones wait most of the time, beside which others can compute.
LONGEST_FIRST = (
    "tests/whole/test_real_faults.py",
    "tests/crash/test_crash_matrix.py",
    "tests/whole/test_real_database.py",
    "tests/whole/test_real_chat.py",
    "tests/whole/test_real_standby.py",
    "tests/whole/test_real_telegram.py",
    "tests/simulation/test_simulation.py",
    "tests/whole/test_real_bad_input.py",
    "tests/whole/test_real_service.py",
    "tests/whole/test_real_kill.py",
    "tests/whole/test_real_life.py",
    "tests/storage/test_database_link.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file; the tests of one stay in their order."""
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


def pytest_collection_finish() -> None:
    """Keep modules and collected tests, which live as long as the process, from being gone over at each collection."""
    gc.collect()
    gc.freeze()


# Kept by pytest and shown where a test fails. structlog's own default draws each exception with the values of all its
# frames' locals, which takes longer than most of the tests that provoke one.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("%H:%M:%S", utc=False),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)
