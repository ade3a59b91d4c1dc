"""One event is one line of JSON in ASCII, whatever is in it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import structlog

from bot import logs
from bot.trading.intent import Side


class Odd:
    def __str__(self) -> str:
        return "an odd one"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("plain", "plain"),
        ("two\u2028lines \u00e9", "two\u2028lines \u00e9"),
        (2**70, 2**70),
        (Odd(), "an odd one"),
        (Side.SELL, "sell"),
        ((1, None, 2.5), [1, None, 2.5]),
        ({3: "three"}, {"3": "three"}),
    ],
)
def test_a_line_is_one_line_and_says_what_was_logged(tmp_path: Path, value: object, read: object) -> None:
    root, before = logging.getLogger(), list(logging.getLogger().handlers)
    level, configured = root.level, structlog.get_config()
    file = tmp_path / "bot.log"
    try:
        logs.configure("info", file=file)
        structlog.get_logger().info("something", value=value)
        for handler in root.handlers:
            handler.close()
        [line] = file.read_text("ascii").splitlines()
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        structlog.configure(**configured)
    assert json.loads(line)["value"] == read


def test_who_logs_everything_logs_no_address_and_no_header(tmp_path: Path) -> None:
    root, before = logging.getLogger(), list(logging.getLogger().handlers)
    level, configured = root.level, structlog.get_config()
    try:
        logs.configure("debug", file=tmp_path / "bot.log")
        for library in (
            "httpx",
            "httpcore.connection",
            "httpcore.http11",
            "hpack.hpack",
            "hpack.table",
            "trio-websocket",
        ):
            assert not logging.getLogger(library).isEnabledFor(logging.INFO)
        for handler in root.handlers:
            handler.close()
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        structlog.configure(**configured)
