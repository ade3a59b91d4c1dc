"""Structured logs: one JSON object a line, on stderr for the journal or in a file that is rotated.

Ids travel as fields (`mint`, `run`, `intent`, `signature`, `position`, `message`), so that one launch can be followed to
the message that told of it. Nothing secret has a field; libraries that log URLs are kept at WARNING.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import msgspec
import structlog

from bot.log_streams import LogStreams

_quick = msgspec.json.Encoder(enc_hook=str)

FILES = 5
FILE_BYTES = 20_000_000
TROUBLES_KEPT = 200

_TROUBLES = {"warning", "error", "critical"}
_PRIORITY = {"debug": "<7>", "info": "<6>", "warning": "<4>", "error": "<3>", "critical": "<2>"}

# Without local variables: a frame of the database driver holds the password, one of the vault a key.
_TRACEBACKS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


@dataclass(slots=True)
class ErrorCount:
    """How many errors this process has logged on a day in UTC: events of level error and critical, and reported crashes."""

    _day: str = ""
    _errors: int = 0

    def __call__(self, _: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """A processor that changes nothing; it runs after the one that puts the time in."""
        if event.get("level") in {"error", "critical"} or event.get("event") == "supervision":
            day = str(event["timestamp"])[: len("2026-01-31")]
            self._errors = self._errors + 1 if day == self._day else 1
            self._day = day
        return event

    def on(self, day: str) -> int:
        """The errors of a day `YYYY-MM-DD`; only the last day that had any is remembered."""
        return self._errors if day == self._day else 0


class RecentTroubles:
    """The latest events of this process from level warning on, as they were logged, for whoever asks in the chat."""

    def __init__(self) -> None:
        self._events: deque[Mapping[str, Any]] = deque(maxlen=TROUBLES_KEPT)

    def __call__(self, _: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """A processor that changes nothing; it runs after the one that puts the time in."""
        if event.get("level") in _TROUBLES:
            self._events.append(dict(event))
        return event

    def latest(self) -> list[Mapping[str, Any]]:
        """Oldest first, at most `TROUBLES_KEPT`."""
        return list(self._events)


class Exceptions:
    """Events that were logged with a traceback: `tell` hears the event and the class of the error, in the thread that logs."""

    def __init__(self) -> None:
        self.tell: Callable[[str, str], None] | None = None

    def __call__(self, _: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """A processor that changes nothing; it runs before the one that renders tracebacks."""
        record = event.get("_record")
        info = event.get("exc_info") if record is None else record.exc_info
        if self.tell is None or not info or event.get("level") not in {"error", "critical"}:
            return event
        if (name := _class_of(info)) is not None:
            self.tell(str(event.get("event")), name)
        return event


def _class_of(exc_info: Any) -> str | None:
    """The name of an error's class, of whatever form the log has it in; None where there is none."""
    if isinstance(exc_info, BaseException):
        return type(exc_info).__name__
    kind = exc_info[0] if isinstance(exc_info, tuple) else sys.exc_info()[0]
    return None if kind is None else str(kind.__name__)


class LogFile(RotatingFileHandler):
    """A log that cannot be written is said on stderr, once until it can be again; the program goes on without it.

    The bot's own events come as finished lines to `line`, records of libraries to `emit`: what `logging` does for a record
    is most of what an event costs.
    """

    _fault: BaseException | None = None
    _said = False

    def line(self, text: str) -> None:
        """Write one finished line; it has left the process's memory when this returns."""
        with self.lock or nullcontext():
            self._fault = None
            try:
                if self.shouldRollover():
                    self.doRollover()
                if self.stream is None:
                    self.stream = self._open()
                self.stream.write(f"{text}\n")
                self.stream.flush()
            except (OSError, ValueError) as error:  # the disk is full, or the file is closed already
                self._fault = error
            self._tell()

    def emit(self, record: logging.LogRecord) -> None:
        self._fault = None
        super().emit(record)
        self._tell()

    def _tell(self) -> None:
        if self._fault is not None and not self._said:
            print(f"{self.baseFilename}: the log cannot be written: {self._fault}; make room", file=sys.stderr)
        elif self._said and self._fault is None:
            print(f"{self.baseFilename}: the log is written again; what happened in between is lost", file=sys.stderr)
        self._said = self._fault is not None

    def shouldRollover(self, _: logging.LogRecord | None = None) -> bool:  # noqa: N802 - the name is that of the library
        """By the size so far: the library's own looks at the disk and renders the line once more, for every line."""
        if self.maxBytes <= 0 or self.stream is None:
            return False
        return os.lseek(self.stream.fileno(), 0, os.SEEK_CUR) >= self.maxBytes

    def handleError(self, _: logging.LogRecord) -> None:  # noqa: N802 - the name is that of the library
        self._fault = sys.exc_info()[1]


class _Lines:
    """The logger behind structlog's: each level writes the finished line."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = write


ERRORS = ErrorCount()
"""The process has one log, and one count of its errors."""
TROUBLES = RecentTroubles()
EXCEPTIONS = Exceptions()


def _encoded(event: Any) -> str:
    """One event as JSON in ASCII, so that nothing that a stranger typed breaks a line; what JSON has no form for as text.

    The quick encoder does what nearly every event is; it leaves ASCII as it is and takes no integer beyond 64 bits.
    """
    try:
        quick = _quick.encode(event)
    except (TypeError, ValueError, OverflowError):
        return json.dumps(event, default=str)
    return quick.decode() if quick.isascii() else json.dumps(event, default=str)


class _Rendered:
    """The processor that makes an event a line, which its streams get before the journal's sign is put in front of it."""

    def __init__(self, streams: LogStreams | None) -> None:
        self._streams = streams

    def __call__(self, _: object, __: str, event: structlog.typing.EventDict) -> str:
        line = _encoded(event)
        if self._streams is not None:
            self._streams.take(event, line)
        return line


def _journal_priority(_: object, method: str, rendered: Any) -> str:
    """Systemd's priority prefix, see sd-daemon(3)."""
    return f"{_PRIORITY.get(method, '<6>')}{rendered}"


def set_level(level: str) -> None:
    """Log from this level on; what goes where stays as it is."""
    number = getattr(logging, level.upper())
    logging.getLogger().setLevel(number)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(number))


def configure(level: str, *, file: Path | None = None, streams: LogStreams | None = None) -> None:
    """Send all logs as JSON lines to stderr, or to `file` (mode 0600, kept to about `FILES` times `FILE_BYTES`).

    Each line also goes to its `streams`, where there are any.
    """
    # hpack tells each header of HTTP/2 and gRPC, keys among them, where everything is logged.
    for noisy in ("httpx", "httpcore", "hpack", "trio-websocket", "hypercorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Libraries log through `logging`; their records become the same JSON, on one line, with their traceback inside.
    common: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        ERRORS,
        TROUBLES,
        EXCEPTIONS,
    ]
    rendered: list[structlog.typing.Processor] = [
        structlog.processors.ExceptionRenderer(_TRACEBACKS),
        _Rendered(streams),
    ]
    if file is not None:
        file.touch(mode=0o600)
        kept = LogFile(file, maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="utf-8")
        handler: logging.Handler = kept
        lines: structlog.typing.WrappedLogger = _Lines(kept.line)
    else:
        rendered.append(_journal_priority)
        handler, lines = logging.StreamHandler(), structlog.PrintLogger(sys.stderr)
    foreign = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=common, processors=foreign))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    structlog.configure(
        processors=[*common, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
