"""How a child ended, as a record: the kinds of exit, the errors behind one, and the report that people read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Self

import trio

ExitKind = Literal[
    "normal",
    "shutdown",
    "stopped",
    "cancelled",
    "failed",
    "init_failed",
    "failed_while_stopping",
    "hung",
    "killed",
    "unkillable",
    "fatal",
]
ReportKind = ExitKind | Literal["quarantined", "exhausted", "loop_stall"]

GOOD_ORDER: Final[frozenset[str]] = frozenset({"normal", "shutdown", "stopped"})
"""Exits that nobody needs to be told about."""

FATAL: Final = (KeyboardInterrupt, SystemExit, MemoryError)
"""Errors after which nothing is restarted: the process is meant to end."""

STACK_FRAMES: Final = 12
"""Innermost frames kept per error in the text of a report."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How one incarnation ended.

    `reason` is what the child or supervisor says (`exhausted`, the reason of a Shutdown, else `Type: text` of the first
    error), `leaves` are the errors themselves, taken out of their groups, `incarnation` counts from 1 per address and
    `on_exhausted` is the name from the spec of a supervisor that is used up.
    """

    kind: ExitKind
    reason: object = None
    leaves: tuple[BaseException, ...] = ()
    incarnation: int = 0
    on_exhausted: str | None = None
    _rendered: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def stack(self) -> str:
        """The errors with the innermost frames of each, as text; rendered once, whoever asks for it."""
        if not self._rendered:
            self._rendered.append(render_stack(self.leaves))
        return self._rendered[0]


@dataclass(frozen=True, slots=True)
class Report:
    """One abnormal event, for the log and for whoever decides what it means.

    `stack` is text, innermost frame last; `budget_left` is how many more restarts the budget that was charged allows
    in its current window, None where none was charged.
    """

    path: str
    kind: ReportKind
    incarnation: int = 0
    leaves: tuple[BaseException, ...] = ()
    reason: object = None
    on_exhausted: str | None = None
    stack: str = ""
    budget_left: int | None = None


ReportFn = Callable[[Report], None]


@dataclass(frozen=True, slots=True)
class Terminated:
    """What a watcher is told once, when no further incarnation of `id` comes by itself."""

    id: str
    incarnation: int
    exit: Exit


class Caught:
    """`with Caught() as caught:` keeps what the block raised, of whatever kind, for whoever reads `caught.error`.

    Only where an error becomes a record, or where it is raised again after something else had to be done first.
    """

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = error
        return True

    def raise_again(self) -> None:
        """Raise what was caught, if anything was."""
        if self.error is not None:
            raise self.error


def find_leaves(error: BaseException | None) -> tuple[BaseException, ...]:
    """Return the errors behind `error`: the leaves of groups, and those that a Cancelled has covered up.

    An error that is on its way out when a checkpoint in a `finally` raises Cancelled survives only as that Cancelled's
    `__context__`; it is a leaf like any other, so that no error is lost. A Cancelled itself never is, nor is what trio's
    own locks, limiters, channels and pipes raise to themselves and handle by waiting.
    """
    if error is None:
        return ()
    if not isinstance(error, BaseExceptionGroup | trio.Cancelled):
        return (error,)
    seen: set[int] = set()
    return tuple(_walk(error, seen))


def _walk(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    if id(error) in seen:
        return
    seen.add(id(error))
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _walk(inner, seen)
    elif isinstance(error, trio.Cancelled):
        if error.__context__ is not None and not _is_a_wait(error.__context__):
            yield from _walk(error.__context__, seen)
    else:
        yield error


def _is_a_wait(covered: BaseException) -> bool:
    """Whether trio raised this to itself and caught it: whoever waited for a lock or a pipe was cancelled, and nothing failed."""
    caught_in = covered.__traceback__
    if not isinstance(covered, trio.WouldBlock | BlockingIOError) or caught_in is None:
        return False
    return str(caught_in.tb_frame.f_globals.get("__name__", "")).startswith("trio.")


def describe(error: BaseException) -> str:
    """Return `Type: text` of one error, without its traceback."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def render_stack(leaves: tuple[BaseException, ...]) -> str:
    """Return file, line and function of the innermost frames of each error; reads no source file, so it is cheap."""
    lines: list[str] = []
    for leaf in leaves:
        frames = [_frame(tb) for tb in _tracebacks(leaf.__traceback__)]
        lines.extend(frames[-STACK_FRAMES:])
        lines.append(describe(leaf))
    return "\n".join(lines)


def _tracebacks(first: TracebackType | None) -> Iterator[TracebackType]:
    while first is not None:
        yield first
        first = first.tb_next


def _frame(tb: TracebackType) -> str:
    code = tb.tb_frame.f_code
    return f"  {code.co_filename}:{tb.tb_lineno} in {code.co_qualname}"
