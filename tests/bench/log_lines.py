"""A line of the log in its stream, beside the same line in the one file that stands for the journal."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import Any

from bot.log_streams import LogStreams
from bot.logs import LogFile
from tests.bench.measure import Metrics, compete
from tests.bench.table import Line, duration, line

ROUNDS = 7
LINES = 10_000
EVENT: dict[str, Any] = {
    "event": "attempt_sent",
    "level": "info",
    "timestamp": "2026-11-22T10:00:00.123456Z",
    "intent": "0d0a9f0e-1111-2222-3333-444455556666",
    "signature": "5" * 88,
}
TEXT = "x" * 260  # as long as such a line
FILE, STREAM, THREAD = "the one file", "its stream", "its thread"


def log_lines(draw: random.Random) -> list[Line]:
    """CPU of the thread that logs, which is the loop's, and of the one that writes; in bursts, as lines come."""
    with tempfile.TemporaryDirectory() as folder:
        file = LogFile(Path(folder) / "bot.log", maxBytes=10**9, backupCount=1, encoding="utf-8")

        def of_file() -> Metrics:
            began_s = time.thread_time()
            for _ in range(LINES):
                file.line(TEXT)
            return {FILE: (time.thread_time() - began_s) / LINES}

        def of_stream() -> Metrics:
            streams = LogStreams(Path(folder), 10**9)
            began_s, all_s = time.thread_time(), time.process_time()
            for _ in range(LINES):
                streams.take(EVENT, TEXT)
            took_s = time.thread_time() - began_s
            streams.close()
            return {STREAM: took_s / LINES, THREAD: (time.process_time() - all_s - took_s) / LINES}

        rounds = compete([of_file, of_stream], rounds=ROUNDS, draw=draw)
        file.close()
    return [
        line(rounds, "a line of the log into its stream, of the loop's CPU", STREAM, FILE, duration),
        line(rounds, "  the same, of the thread that writes it", THREAD, FILE, duration),
    ]
