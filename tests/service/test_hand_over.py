"""What a hand-over makes of a program that does not become ready, and a successor of a bot that ends without a word."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest
import trio

from bot.clock import system_clock
from bot.errors import StartupError
from bot.hand_over import HandOver
from bot.refusal import CannotError
from bot.storage.memory import MemoryStore
from bot.successor import CHANNEL, Successor, take_successor
from bot.systemd import ServiceManager

SAYS = f"import os, socket; socket.socket(fileno=int(os.environ['{CHANNEL}'])).sendall(%r)"
WAITS = "; import time; time.sleep(60)"


def hand_over(manager: ServiceManager | None, program: str) -> CannotError:
    """Why nothing was handed over to a program of these words."""
    clock = system_clock()

    async def ask() -> None:
        handing = HandOver(
            manager,
            MemoryStore(),
            clock,
            lambda: 3,
            lambda: None,
            lambda: ([sys.executable, "-c", program], Path.cwd()),
        )
        await handing.verbs()["hand_over"]({"by": "operator root"})

    with pytest.raises(CannotError) as refused:
        trio.run(ask)
    return refused.value


def test_without_systemd_nothing_is_handed_over() -> None:
    assert "was not started by systemd" in str(hand_over(None, "raise SystemExit"))


def test_a_program_that_ends_says_nothing_or_refuses_leaves_the_bot_where_it_is(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        manager = ServiceManager(str(tmp_path / "notify"), 30.0)
        assert "the new program ended before it was ready" in str(hand_over(manager, "raise SystemExit(1)"))
        refuses = SAYS % b'{"refused": "settings: no such key"}\n' + WAITS
        assert "refuses to start: settings: no such key; this bot goes on" in str(hand_over(manager, refuses))
        with pytest.raises(BlockingIOError):  # systemd was told nothing
            systemd.recv(4096)
        assert not manager.is_followed
        manager.tell("WATCHDOG=1")
        assert systemd.recv(4096) == b"WATCHDOG=1"


def test_systemd_that_cannot_be_told_leaves_the_bot_where_it_is(tmp_path: Path) -> None:
    manager = ServiceManager(str(tmp_path / "gone"), 30.0)
    assert "nothing was handed over" in str(hand_over(manager, SAYS % b'{"ready": 1}\n' + WAITS))


def test_a_successor_of_a_bot_that_ends_without_a_word_starts_nothing() -> None:
    ours, theirs = socket.socketpair()
    environment = {CHANNEL: str(theirs.detach()), "HOME": "/"}
    successor = take_successor(environment)
    assert successor is not None and environment == {"HOME": "/"}
    ours.close()
    with pytest.raises(StartupError, match="nothing was started"):
        successor.wait()


def test_a_successor_takes_over_the_way_to_systemd_with_its_deadline() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        ours.sendall(b'{"notify": "/run/n", "watchdog_s": 30.0}\n')
        assert Successor(theirs).wait() == ServiceManager("/run/n", 30.0, is_followed=True)
        assert ours.recv(4096) == b'{"ready": %d}\n' % os.getpid()


def test_a_start_of_its_own_is_no_succession() -> None:
    assert take_successor({}) is None
    with pytest.raises(StartupError, match="names no socket"):
        take_successor({CHANNEL: "stdin"})
