"""The exit lane: whoever gets a position out of the market says so here, and every room below keeps room for it.

The mark follows the task and the tasks it starts, so that no port needs a parameter for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_leaving: ContextVar[bool] = ContextVar("exit_lane", default=False)


@contextmanager
def exit_lane() -> Iterator[None]:
    """Everything asked within the block, by this task or one that it starts, counts as part of an exit."""
    token = _leaving.set(True)
    try:
        yield
    finally:
        _leaving.reset(token)


def in_exit_lane() -> bool:
    """Whether the running task works for an exit."""
    return _leaving.get()
