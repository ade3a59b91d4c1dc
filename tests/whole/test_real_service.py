"""A life under systemd, played by a datagram socket: ready, alive, and stopped while orders hang on their way."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.telegram.fake_webhook import free_port
from tests.web.exposition_reader import read_samples, value
from tests.whole.audit import audit
from tests.whole.real import POLL_S, UNTIL_WITHIN_S, RealBot, processes_of, real_bot
from tests.whole.real_market import write_busy_market

LAUNCHES = 120
LOOK_S = 1.0
WATCHDOG_USEC = "3000000"
PHASES = ["entries", "hunt", "in flight", "monitors", "guard", "links", "ops", "connections", "servers"]


class PlayedSystemd:
    """Takes every datagram at once, so that the socket's short queue is never full."""

    def __init__(self, bot: RealBot) -> None:
        self.path = bot.directory / "notify"
        self._bot = bot
        self.fields: list[str] = []
        self._news = threading.Condition()
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._door.bind(str(self.path))
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while datagram := self._door.recv(65_536):
            with self._news:
                self.fields += datagram.decode().split("\n")
                self._news.notify_all()

    def until_heard(self, wanted: str, holds: Callable[[str], bool]) -> None:
        """Wait for a field; `wanted` is told on failure, which the end of the bot is too."""
        deadline_s = time.monotonic() + UNTIL_WITHIN_S
        with self._news:
            while not self._news.wait_for(lambda: any(map(holds, self.fields)), timeout=LOOK_S):
                process = self._bot.process
                ended = process is not None and process.poll() is not None
                assert not ended and time.monotonic() < deadline_s, f"{wanted}: {self.fields}\n{self._bot.told()}"

    def close(self) -> None:
        """End the thread by an empty datagram."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", str(self.path))
        self._thread.join()
        self._door.close()


@contextmanager
def played_systemd(bot: RealBot) -> Iterator[PlayedSystemd]:
    systemd = PlayedSystemd(bot)
    try:
        yield systemd
    finally:
        systemd.close()


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def asked(port: int, path: str) -> str:
    """What the bot tells monitoring; an answer that is not 200 fails."""
    answer = httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=UNTIL_WITHIN_S)
    assert answer.status_code == 200, answer.text
    return answer.text


def give_up_a_start(bot: RealBot) -> None:
    """Ask a bot to stop that has not begun to trade: it ends at once, in good order, and the next start finds no obstacle."""
    bot.start()
    console = bot.directory / "console"
    deadline_s = time.monotonic() + UNTIL_WITHIN_S
    while "starting PostgreSQL" not in console.read_text():
        assert time.monotonic() < deadline_s, bot.told()
        time.sleep(POLL_S)
    bot.stop()
    assert "running; try" not in console.read_text()


@pytest.mark.slow
def test_unit_is_ready_alive_and_stopped_in_order_while_its_orders_hang() -> None:
    """Slow: two lives of a bot. The second settles what the first left on its way, and the books equal the chain."""
    with real_bot() as bot, played_systemd(bot) as systemd:
        market = str(write_busy_market(bot.directory / "busy.csv", LAUNCHES))
        give_up_a_start(bot)
        door, unit = free_port(), {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": WATCHDOG_USEC}
        bot.start("--market", market, environment={**unit, "BOT_WEB__PORT": str(door)})
        systemd.until_heard("more time while it starts", lambda field: field.startswith("EXTEND_TIMEOUT_USEC="))
        systemd.until_heard("ready", lambda field: field == "READY=1")
        systemd.until_heard("a sign of life", lambda field: field == "WATCHDOG=1")
        assert systemd.fields[0] == "STATUS=starting"
        assert bot.status()["reconciled"]
        systemd.until_heard("positions in the status line", lambda field: field.startswith("STATUS=OPEN, level 1; pos"))
        assert bot.process is not None
        children = set(processes_of(bot.directory)) - {bot.process.pid}
        assert len(children) >= 2
        assert not any(b"NOTIFY_SOCKET" in environment_of(pid) for pid in children)

        bot.until("a filled buy", lambda status: (status["trades_today"]["buys"] or 0) >= 1)
        assert asked(door, "/livez") == asked(door, "/readyz") == "ok\n"
        samples = read_samples(asked(door, "/metrics"))
        assert value(samples, "level") == 1
        assert value(samples, "monitors", kind="live") >= 0
        _break(bot, "drop-tx")
        landing = bot.unresolved_intents().keys()
        bot.until("an order that cannot land", lambda _: "sent" in _of_others(bot.unresolved_intents(), landing))
        _break(bot, "rpc-slow", "--delay-ms", "30000")
        bot.stop()

        systemd.until_heard("stopping", lambda field: field == "STOPPING=1")
        systemd.until_heard("the phase", lambda field: field.startswith("STATUS=stopping: in flight"))
        phases = {event["phase"]: event for event in bot.this_life() if event["event"] == "stop_phase"}
        assert list(phases) == PHASES
        assert "on their way, which the next start takes up" in phases["in flight"]["cut"][-1]
        assert all(event["cut"] == [] for name, event in phases.items() if name != "in flight"), phases
        assert f"stop: servers {phases['servers']['took_ms'] / 1000:.1f} s" in (bot.directory / "console").read_text()

        bot.start("--market", market)
        bot.until_open()
        bot.snipers_off()
        bot.until_flat()
        bot.stop()
        assert audit(bot.directory) == []


def _break(bot: RealBot, fault: str, *words: str) -> None:
    done = bot.command("localnet", "fault", fault, "--for", "60s", *words)
    assert done.returncode == 0, done.stderr


def _of_others(states: dict[str, str], known: Collection[str]) -> set[str]:
    """The states of the intents that are not known."""
    return {state for intent, state in states.items() if intent not in known}
