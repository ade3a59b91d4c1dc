"""An error that was caught and logged whole rings, with its class and never with its text, from any thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import trio

from bot import logs
from bot.execution.alerts import Alert
from bot.logged_exceptions import told_to


@pytest.fixture(autouse=True)
def _log(tmp_path: Path) -> Iterator[None]:
    root, before = logging.getLogger(), list(logging.getLogger().handlers)
    level, configured = root.level, structlog.get_config()
    logs.configure("info", file=tmp_path / "bot.log")
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)
    structlog.configure(**configured)


def fails(secret: str) -> None:
    try:
        raise ZeroDivisionError(secret)
    except ZeroDivisionError:
        structlog.get_logger().exception("command_failed", key="k")


def fails_in_a_library() -> None:
    try:
        raise KeyError("hidden")
    except KeyError:
        logging.getLogger("library").exception("of a library")


async def heard(alerts: list[Alert], count: int) -> None:
    with trio.fail_after(5):
        while len(alerts) < count:
            await trio.lowlevel.checkpoint()


async def test_what_is_logged_with_a_traceback_is_told_without_its_text() -> None:
    alerts: list[Alert] = []
    with told_to(alerts.append):
        fails("hidden")
        structlog.get_logger().error("no_traceback", why="hidden")
        structlog.get_logger().info("an aside", exc_info=True)
        thread = threading.Thread(target=fails, args=("hidden",))
        thread.start()
        await heard(alerts, 2)
        thread.join()
        fails_in_a_library()
        await heard(alerts, 3)
    fails("after the end")
    await trio.sleep(0.05)
    assert [one.key for one in alerts] == [
        "exception command_failed ZeroDivisionError",
        "exception command_failed ZeroDivisionError",
        "exception of a library KeyError",
    ]
    assert all("hidden" not in one.text and one.page == "runbooks/crashed.md" and one.urgent for one in alerts)
