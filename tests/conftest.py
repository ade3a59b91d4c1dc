"""What every test's log looks like: plain lines, kept by pytest and shown where a test fails.

Nobody else reads them, and structlog's own default draws each exception with the values of all its frames' locals, which
takes longer than most of the tests that provoke one.
"""

from __future__ import annotations

import structlog

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("%H:%M:%S", utc=False),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)
