"""Structured logs: one JSON object a line on stderr for the journal, or short coloured lines for a person at a terminal.

Ids travel as fields (`mint`, `run`, `intent`, `signature`, `position`, `message`), so that one launch can be followed to
the message that told of it. Nothing secret has a field; libraries that log URLs are kept at WARNING.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any, TextIO

import structlog

_PRIORITY = {"debug": "<7>", "info": "<6>", "warning": "<4>", "error": "<3>", "critical": "<2>"}


def _journal_priority(_: object, method: str, rendered: Any) -> str:
    """Systemd's priority prefix, see sd-daemon(3)."""
    return f"{_PRIORITY.get(method, '<6>')}{rendered}"


def configure(level: str, *, stream: TextIO = sys.stderr, file: Path | None = None) -> None:
    """Send all logs to `stream`, or to `file` (append, mode 0600) when one is given."""
    for noisy in ("httpx", "httpcore", "trio-websocket", "hypercorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    out: TextIO = stream
    if file is not None:
        file.touch(mode=0o600)
        out = file.open("a", encoding="utf-8", buffering=1)
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.dict_tracebacks,
    ]
    if out.isatty():
        processors[-1] = structlog.dev.set_exc_info
        processors.append(structlog.dev.ConsoleRenderer())
    else:
        processors.append(structlog.processors.JSONRenderer(default=str))
        if file is None:
            processors.append(_journal_priority)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
