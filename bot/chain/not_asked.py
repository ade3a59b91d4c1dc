"""Questions that were never put to an endpoint, and who may put them all the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bot.errors import BudgetSpent, ChainUnavailable

_anyway: ContextVar[bool] = ContextVar("methods_that_fail_too", default=False)


class NotAsked(ChainUnavailable):
    """The question never left: the lane is full or the endpoint is left alone. It says nothing new about the endpoint."""


class MethodRests(NotAsked):
    """The question never left, because what it asks fails at this endpoint; who has nobody else may ask all the same."""


class OverBudget(NotAsked, BudgetSpent):
    """The question never left, because the endpoint may be asked by exits alone now."""


@contextmanager
def even_failing_methods() -> Iterator[None]:
    """Within the block endpoints are asked for what fails there, too: nobody else can say, or all are to be heard."""
    token = _anyway.set(True)
    try:
        yield
    finally:
        _anyway.reset(token)


def asks_failing_methods() -> bool:
    """Whether the running task asks endpoints even for methods that fail there."""
    return _anyway.get()
