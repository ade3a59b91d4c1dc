"""The datagrams to systemd over real sockets, and what is taken out of the environment."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.errors import StartupError
from bot.systemd import ServiceManager, take_service_manager

ABSTRACT = f"@trading-bot-test-{os.getpid()}"


@contextmanager
def listening(name: str) -> Iterator[socket.socket]:
    """Systemd's end of the socket. `name` is the kernel's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(name)
        door.settimeout(5)
        yield door


def test_fields_arrive_as_one_datagram_at_a_path(tmp_path: Path) -> None:
    with listening(str(tmp_path / "notify")) as systemd:
        ServiceManager(str(tmp_path / "notify"), None).tell("READY=1", "STATUS=läuft")
        assert systemd.recv(4096).decode() == "READY=1\nSTATUS=läuft"


def test_abstract_socket_is_written_with_an_at_sign() -> None:
    with listening("\0" + ABSTRACT[1:]) as systemd:
        ServiceManager(ABSTRACT, None).tell("WATCHDOG=1")
        assert systemd.recv(4096) == b"WATCHDOG=1"


def test_full_queue_does_not_hold_the_bot_up(tmp_path: Path) -> None:
    with listening(str(tmp_path / "notify")):
        manager = ServiceManager(str(tmp_path / "notify"), None)
        with pytest.raises(BlockingIOError):
            for _ in range(10_000):
                manager.tell("STATUS=" + "x" * 1000)


def test_socket_that_is_gone_is_an_error_for_the_caller(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ServiceManager(str(tmp_path / "gone"), None).tell("READY=1")


def test_environment_is_read_and_emptied_so_that_no_child_speaks_for_the_bot() -> None:
    environment = {
        "NOTIFY_SOCKET": "/run/n",
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }
    assert take_service_manager(environment) == ServiceManager("/run/n", 30.0)
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize(
    "watchdog",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},
    ],
)
def test_watchdog_that_is_absent_or_meant_for_another_process_is_none(watchdog: dict[str, str]) -> None:
    assert take_service_manager({"NOTIFY_SOCKET": "/run/n", **watchdog}) == ServiceManager("/run/n", None)


def test_watchdog_without_a_process_is_for_whoever_reads_it() -> None:
    assert take_service_manager({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "1500000"}) == ServiceManager(
        "/run/n", 1.5
    )


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"WATCHDOG_USEC": "30000000"}])
def test_without_a_socket_there_is_no_service_manager(environment: dict[str, str]) -> None:
    assert take_service_manager(environment) is None


def test_socket_of_another_kind_refuses_the_start() -> None:
    with pytest.raises(StartupError, match="correct the unit"):
        take_service_manager({"NOTIFY_SOCKET": "vsock:2:1234"})
