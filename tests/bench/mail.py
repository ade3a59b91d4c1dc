"""Messages: tell and ask against a trio memory channel, which is the figures' unit, and asyncio.Queue beside them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial

import trio
import trio.testing

from actors.runtime import Actor, ChildSpec, Context, Mailbox, Ref, SupervisorSpec, open_supervisor
from tests.bench.bare import BareActor
from tests.bench.measure import Metrics, Turn, compete, cpu_s
from tests.bench.peers import pykka_ask, pykka_ask_together, pykka_tell
from tests.bench.table import Goal, Line, line, per_second, ratio_of_at_least

ROUNDS = 7
BUFFER = 100
BURST = 64
TELLS = 200_000
SENDS = 20_000
ASKS = 10_000
ASKS_TOGETHER = 40_000
ASKERS = 200
DEADLINE_S = 5.0

CHANNEL = "memory channel"


class Listener(Actor[None, int]):
    """Takes numbers until the last one."""

    def __init__(self, last: int) -> None:
        self.done = trio.Event()
        self._last = last

    async def handle(self, ctx: Context, state: None, message: int) -> None:
        if message == self._last:
            self.done.set()


class Answerer(Listener):
    """Answers each number with the number."""

    async def handle(self, ctx: Context, state: None, message: int) -> None:
        if message == self._last:
            self.done.set()
        ctx.reply(message)


def mail(draw: random.Random) -> list[Line]:
    """All of them in the same rounds, because they share a floor."""
    turns: list[Turn] = [_channel, _queue, _tell, _send, _ask_one_by_one, _ask_together]
    turns += [_bare_tell, _bare_ask, _bare_ask_together, pykka_tell, pykka_ask, pykka_ask_together]
    rounds = compete(turns, rounds=ROUNDS, draw=draw)

    def against_channel(what: str, name: str, goal: Goal | None = None) -> Line:
        return line(rounds, what, name, CHANNEL, per_second, goal=goal)

    return [
        against_channel("tell, one to one", "tell", ratio_of_at_least(15)),
        against_channel("  the same by a bare deque and task", "bare tell"),
        against_channel("  the same by asyncio.Queue", "asyncio"),
        against_channel("  the same by pykka", "pykka tell"),
        against_channel("send with back-pressure, one to one", "send"),
        against_channel("ask with a deadline, one asker", "ask", ratio_of_at_least(0.6)),
        against_channel("  the same by a bare deque and task, no deadline", "bare ask"),
        against_channel("  the same by pykka", "pykka ask"),
        against_channel(f"ask with a deadline, {ASKERS} askers", "ask together", ratio_of_at_least(2.0)),
        against_channel("  the same by a bare deque and task, no deadline", "bare ask together"),
        against_channel(f"  the same by pykka, {ASKERS} futures", "pykka ask together"),
    ]


def _channel() -> Metrics:
    """Send and receive, each of which is a checkpoint; the buffer is the one that the figures name."""

    async def main() -> float:
        send, receive = trio.open_memory_channel[int](BUFFER)

        async def consume() -> None:
            async for number in receive:
                if number == SENDS:
                    return

        began = cpu_s()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(consume)
            for number in range(1, SENDS + 1):
                await send.send(number)
        return (cpu_s() - began) / SENDS

    return {CHANNEL: trio.run(main)}


def _queue() -> Metrics:
    async def main() -> float:
        queue = asyncio.Queue[int](BUFFER)

        async def consume() -> None:
            while await queue.get() != TELLS:
                pass

        began = cpu_s()
        consumer = asyncio.create_task(consume())
        for number in range(1, TELLS + 1):
            await queue.put(number)
        await consumer
        return (cpu_s() - began) / TELLS

    return {"asyncio": asyncio.run(main())}


def _tell() -> Metrics:
    """The producer gives way after each burst, as the actor does; the mailbox never holds more than a few bursts."""

    async def produce(ref: Ref) -> None:
        await _tell_in_bursts(ref.tell)

    return {"tell": _with_actor(Listener(TELLS), Mailbox(capacity=1_000), produce, TELLS)}


async def _tell_in_bursts(tell: Callable[[int], None]) -> None:
    for first in range(1, TELLS + 1, BURST):
        for number in range(first, min(first + BURST, TELLS + 1)):
            tell(number)
        await trio.lowlevel.checkpoint()


def _send() -> Metrics:
    async def produce(ref: Ref) -> None:
        for number in range(1, SENDS + 1):
            await ref.send(number)

    return {"send": _with_actor(Listener(SENDS), Mailbox(capacity=BUFFER, overflow="block"), produce, SENDS)}


def _ask_one_by_one() -> Metrics:
    async def produce(ref: Ref) -> None:
        await _in_parallel(1, partial(_ask, ref, ASKS))

    return {"ask": _with_actor(Answerer(0), Mailbox(capacity=1_000), produce, ASKS)}


def _ask_together() -> Metrics:
    async def produce(ref: Ref) -> None:
        await _in_parallel(ASKERS, partial(_ask, ref, ASKS_TOGETHER // ASKERS))

    return {"ask together": _with_actor(Answerer(0), Mailbox(capacity=1_000), produce, ASKS_TOGETHER)}


async def _ask(ref: Ref, count: int) -> None:
    """Ask so many questions; the last one is the number 0."""
    for number in range(count - 1, -1, -1):
        await ref.ask(number, timeout_s=DEADLINE_S)


async def _bare_ask_many(actor: BareActor, count: int) -> None:
    for number in range(count - 1, -1, -1):
        await actor.ask(number)


async def _in_parallel(askers: int, one: Callable[[], Awaitable[None]]) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(askers):
            nursery.start_soon(one)


def _with_actor(actor: Listener, mailbox: Mailbox, produce: Callable[[Ref], Awaitable[None]], count: int) -> float:
    """CPU seconds per message from the first one sent until the last one handled."""

    async def main() -> float:
        spec = SupervisorSpec("bench", "one_for_one", (ChildSpec("sink", actor, mailbox=mailbox),))
        async with open_supervisor(spec) as sup:
            ref = sup.ref("sink")
            began = cpu_s()
            await produce(ref)
            await actor.done.wait()
            return (cpu_s() - began) / count

    return trio.run(main)


def _bare_tell() -> Metrics:
    async def produce(actor: BareActor) -> None:
        await _tell_in_bursts(actor.tell)

    return {"bare tell": _with_bare(BareActor(TELLS), produce, TELLS)}


def _bare_ask() -> Metrics:
    async def produce(actor: BareActor) -> None:
        await _in_parallel(1, partial(_bare_ask_many, actor, ASKS))

    return {"bare ask": _with_bare(BareActor(0), produce, ASKS)}


def _bare_ask_together() -> Metrics:
    async def produce(actor: BareActor) -> None:
        await _in_parallel(ASKERS, partial(_bare_ask_many, actor, ASKS_TOGETHER // ASKERS))

    return {"bare ask together": _with_bare(BareActor(0), produce, ASKS_TOGETHER)}


def _with_bare(actor: BareActor, produce: Callable[[BareActor], Awaitable[None]], count: int) -> float:
    async def main() -> float:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(actor.run)
            await trio.testing.wait_all_tasks_blocked()
            began = cpu_s()
            await produce(actor)
            await actor.done.wait()
            elapsed = cpu_s() - began
            nursery.cancel_scope.cancel()
        return elapsed / count

    return trio.run(main)
