"""What was logged with a traceback: an error that nobody had thought of, caught where one command or request ends.

A crash of an actor is told by its supervisor; these end nothing, and nobody would hear of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import trio

from bot import logs
from bot.execution.alerts import Alert
from bot.execution.trouble_alerts import exception_logged


@contextmanager
def told_to(alert: Callable[[Alert], None]) -> Iterator[None]:
    """Operators hear of each while this lasts, whichever thread logs it."""
    token = trio.lowlevel.current_trio_token()

    def tell(event: str, error: str) -> None:
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(alert, exception_logged(event, error))

    logs.EXCEPTIONS.tell = tell
    try:
        yield
    finally:
        logs.EXCEPTIONS.tell = None
