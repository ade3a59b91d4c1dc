"""Running trio so that a seed decides everything: the order of tasks, virtual time, backoff, and what is logged when.

Identifiers come from the seeded clock and keys from the seeded vault. What is left to the process is the order of sets
of text, which PYTHONHASHSEED fixes: `campaign.py` sets it for its workers.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
import trio
from trio.testing import MockClock

from bot.backtest.seeded import seeded_scheduling

Result = TypeVar("Result")

LINES_KEPT = 400
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_LEFT_OUT = frozenset({"exc_info", "stack_info"})


@dataclass(slots=True)
class Trace:
    """Every event of a run in order: a hash of them all, and the last ones as text."""

    count: int = 0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))
    _hash: Any = field(default_factory=hashlib.sha256)

    def add(self, at_s: float, event: MutableMapping[str, Any]) -> None:
        """Take one event; what differs from process to process, memory addresses, is left out."""
        told = " ".join(f"{key}={event[key]}" for key in sorted(event) if key not in _LEFT_OUT)
        line = _ADDRESS.sub("0x", f"{at_s:10.3f} {told}")
        self.count += 1
        self.lines.append(line)
        self._hash.update(line.encode() + b"\n")

    @property
    def digest(self) -> str:
        """Sixteen digits that stand for the whole trace."""
        return str(self._hash.hexdigest()[:16])


def run_seeded(seed: int, main: Callable[[], Awaitable[Result]]) -> tuple[Result, Trace]:
    """Run `main` on virtual time with everything drawn from `seed`; its result and the trace of its log.

    An exception of `main` carries the trace's last lines as notes.
    """
    trace = Trace()
    with _seeded(seed), _logging_to(trace):
        clock = MockClock(rate=0.0, autojump_threshold=0.0)
        try:
            return trio.run(main, clock=clock), trace
        except BaseException as error:
            error.add_note("\n".join(list(trace.lines)[-40:]))
            raise


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The order of trio's tasks, as in a backtest, and the runtime's backoff."""
    backoff = random.getstate()
    random.seed(seed)
    try:
        with seeded_scheduling(seed):
            yield
    finally:
        random.setstate(backoff)


@contextmanager
def _logging_to(trace: Trace) -> Iterator[None]:
    """Send structlog's events to the trace instead of anywhere else."""

    def take(_: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        trace.add(trio.current_time(), {**event, "level": method})
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[take], wrapper_class=structlog.make_filtering_bound_logger(0))
    try:
        yield
    finally:
        structlog.configure(**before)
