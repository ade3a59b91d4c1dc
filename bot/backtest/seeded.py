"""Running trio so that a seed decides the order of tasks, as virtual time decides everything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from trio._core import _run as scheduler


@contextmanager
def seeded_scheduling(seed: int) -> Iterator[None]:
    """Trio wakes the tasks of one moment in an order that the seed draws.

    It is trio's own switch for tests, which has no public name; whatever hangs on it is tried by tests of this project. What
    is left to the process is the order of sets of text, which PYTHONHASHSEED fixes.
    """
    allowed, tasks = scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r.getstate()
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    scheduler._r.seed(seed)
    try:
        yield
    finally:
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = allowed  # type: ignore[misc]
        scheduler._r.setstate(tasks)
