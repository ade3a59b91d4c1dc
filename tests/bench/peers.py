"""What others do with the same work: pykka, whose actors are threads. They are no floors; they stand beside the table."""

from __future__ import annotations

import threading

import pykka

from tests.bench.measure import Metrics, cpu_s

TELLS = 20_000
ASKS = 5_000
ASKED_TOGETHER = 200
SPAWNS = 1_000
DEADLINE_S = 5.0


class PykkaActor(pykka.ThreadingActor):
    """Answers each number with the number, and notes the last one."""

    use_daemon_thread = True

    def __init__(self, last: int) -> None:
        super().__init__()
        self.done = threading.Event()
        self._last = last

    def on_receive(self, message: int) -> int:
        if message == self._last:
            self.done.set()
        return message


def pykka_tell() -> Metrics:
    """One thread to one actor; pykka's mailboxes have no bound."""
    ref = PykkaActor.start(TELLS)
    done = ref.proxy().done.get()
    began = cpu_s()
    for number in range(1, TELLS + 1):
        ref.tell(number)
    done.wait()
    elapsed = cpu_s() - began
    ref.stop()
    return {"pykka tell": elapsed / TELLS}


def pykka_ask() -> Metrics:
    """One asker, with a deadline."""
    ref = PykkaActor.start(-1)
    began = cpu_s()
    for number in range(ASKS):
        ref.ask(number, timeout=DEADLINE_S)
    elapsed = cpu_s() - began
    ref.stop()
    return {"pykka ask": elapsed / ASKS}


def pykka_ask_together() -> Metrics:
    """Two hundred questions on their way at a time, each with a deadline; asked by one thread, which favours pykka."""
    ref = PykkaActor.start(-1)
    began = cpu_s()
    for first in range(0, TELLS, ASKED_TOGETHER):
        futures = [ref.ask(number, block=False) for number in range(first, first + ASKED_TOGETHER)]
        pykka.get_all(futures, timeout=DEADLINE_S)
    elapsed = cpu_s() - began
    ref.stop()
    return {"pykka ask together": elapsed / TELLS}


def pykka_spawn() -> Metrics:
    """Start actors one after the other; `start` returns before their `on_start` has run."""
    began = cpu_s()
    refs = [PykkaActor.start(-1) for _ in range(SPAWNS)]
    elapsed = cpu_s() - began
    for ref in refs:
        ref.stop()
    return {"pykka": elapsed / SPAWNS}
