"""What all tests share: plain lines as their log, which of their files begin first, and what the collector leaves alone.

A test whose output holds a secret fails; tests/leaks says what is one, and where else it is looked for.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from tests.leaks.detect import leaks

# What hypothesis draws must not depend on which modules of ours a worker has imported by then: it takes their constants too,
# and a failure that it finds so is found in no other run.
providers._get_local_constants = lambda: providers._local_constants

# Property tests are judged by what they find, never by how long this machine took.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Read what a test and its fixtures have printed and logged, once it is over."""
    report = yield
    if report.when == "teardown" and report.passed:
        found = leaks("\n".join(text for _, text in report.sections).encode(errors="replace"))
        if found:
            report.outcome, report.longrepr = "failed", f"its output holds secrets: {found}"
    return report


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


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    """A verb that is run in this process sends its log where it likes; that of the next test goes where it went before."""
    configured = structlog.get_config()
    yield
    if structlog.get_config()["logger_factory"] is not configured["logger_factory"]:
        structlog.configure(**configured)


@pytest.fixture
def private_files() -> Iterator[None]:
    """What the test writes is its owner's alone, as files of keys must be."""
    before = os.umask(0o077)
    yield
    os.umask(before)
