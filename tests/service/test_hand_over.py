"""What a hand-over makes of a program that does not become ready, and a successor of a bot that ends without a word."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import trio

from bot import hand_over_cli
from bot.clock import system_clock
from bot.control import ControlServer
from bot.errors import BotError, StartupError
from bot.hand_over import HandOver
from bot.hand_over_cli import until_led
from bot.refusal import CannotError
from bot.storage.memory import MemoryStore
from bot.successor import CHANNEL, Successor, take_successor
from bot.systemd import ServiceManager

SAYS = f"import os, socket; channel = socket.socket(fileno=int(os.environ['{CHANNEL}'])); channel.sendall(%r)"
WAITS = "; import time; time.sleep(60)"


def handing_to(
    program: str, manager: ServiceManager | None, stopping: Callable[[], bool] = lambda: False
) -> Callable[[], Awaitable[dict[str, Any]]]:
    """The verb of a bot that watches three positions, in front of an installed program of these words."""
    argv = [sys.executable, "-c", program]
    handing = HandOver(
        manager,
        MemoryStore(),
        system_clock(),
        lambda: 3,
        lambda: None,
        stopping,
        lambda: None,
        lambda: (argv, Path.cwd()),
    )
    verb = handing.verbs()["hand_over"]
    return lambda: verb({"by": "operator root"})


def hand_over(
    manager: ServiceManager | None, program: str, stopping: Callable[[], bool] = lambda: False
) -> CannotError:
    """Why nothing was handed over to a program of these words."""
    with pytest.raises(CannotError) as refused:
        trio.run(handing_to(program, manager, stopping))
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
    refused = str(hand_over(manager, SAYS % b'{"ready": 1}\n' + WAITS))
    assert refused == "nothing was handed over: [Errno 2] No such file or directory; this bot goes on"


def test_a_bot_that_is_stopped_meanwhile_hands_nothing_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        manager = ServiceManager(str(tmp_path / "notify"), 30.0)
        asked = iter([False, True])  # while the other got ready
        ready = SAYS % b'{"ready": 1}\n' + WAITS
        assert "this bot is stopping" in str(hand_over(manager, ready, lambda: next(asked)))
        assert "this bot is stopping" in str(hand_over(manager, "raise SystemExit", lambda: True))
        with pytest.raises(BlockingIOError):
            systemd.recv(4096)


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")  # it outlives whoever started it
def test_a_place_is_given_away_once_and_systemd_waits_as_long_for_the_next_sign_of_life(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        ask = handing_to(SAYS % b'{"ready": 1}\n' + WAITS, ServiceManager(str(tmp_path / "notify"), 30.0))

        async def twice() -> int:
            with trio.open_signal_receiver(signal.SIGTERM) as signals:
                given = await ask()
                with pytest.raises(CannotError, match=f"process {given['process']} takes this bot's place already"):
                    await ask()
                assert await anext(signals) == signal.SIGTERM  # this process's own stop
            assert given["watched"] == 3
            return int(given["process"])

        process = trio.run(twice)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        assert systemd.recv(4096) == f"MAINPID={process}\nWATCHDOG=1".encode()


def test_a_process_that_ended_before_it_led_is_not_waited_for(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE)
    assert ended.stdout is not None
    assert ended.stdout.read() == b""  # it is a zombie from here on, or about to be one
    with ended.stdout, pytest.raises(BotError, match=f"process {ended.pid} took over and has ended"):
        trio.run(until_led, tmp_path / "control.sock", ended.pid)
    ended.wait()


def test_a_successor_whose_tree_runs_and_that_watches_nothing_is_given_up_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_over_cli, "WATCHES_WITHIN_S", 0.2)

    async def blind(request: dict[str, Any]) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        assert request["verb"] == "leads"
        return {"process": os.getpid(), "watched": None, "unwatched_ms": None}

    async def no_chat(_: object, push: object) -> Any:
        raise NotImplementedError(push)

    server = ControlServer(tmp_path / "control.sock", blind, no_chat)
    listens, token = threading.Event(), SimpleQueue[tuple[trio.lowlevel.TrioToken, trio.CancelScope]]()

    async def serve() -> None:
        with trio.CancelScope() as scope:
            token.put((trio.lowlevel.current_trio_token(), scope))
            await server.serve(listens.set)

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    try:
        assert listens.wait(10)
        with pytest.raises(BotError, match=f"process {os.getpid()} does not watch all positions after 0 s"):
            trio.run(until_led, tmp_path / "control.sock", os.getpid())
    finally:
        runs, scope = token.get()
        runs.run_sync_soon(scope.cancel)
        thread.join()


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
