"""Several peers asked one question: the next one beside the first when that is slow to answer, or all at the same time.

Nothing here knows what an endpoint is. An outcome is a value, so that no error of a task arrives wrapped in a group.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

Peer = TypeVar("Peer")
Answer = TypeVar("Answer")
Heard = TypeVar("Heard")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Peer, Answer]):
    """What one peer answered, or the error that it raised instead."""

    peer: Peer
    answer: Answer | None = None
    error: Exception | None = None


Ask = Callable[[Peer], Awaitable[Answer]]
Judge = Callable[[Outcome[Peer, Answer]], bool]


async def race(
    peers: Sequence[Peer],
    ask: Ask[Peer, Answer],
    is_final: Judge[Peer, Answer],
    *,
    patience_s: Callable[[Peer], float],
    grace_s: float = 0.0,
) -> list[Outcome[Peer, Answer]]:
    """Outcomes in the order of their arrival; with a final one the race is over and who still runs is cancelled.

    The first peer is asked at once, each next one when a peer failed or nothing was heard for the `patience_s` that the
    one asked last deserves; 0 asks the next at the same time. Those under way at the final outcome have `grace_s` to finish.
    """
    outcomes: list[Outcome[Peer, Answer]] = []
    send, receive = trio.open_memory_channel[Outcome[Peer, Answer]](len(peers))

    async def run(peer: Peer) -> None:
        try:
            send.send_nowait(Outcome(peer, answer=await ask(peer)))
        except Exception as error:  # handed to the caller, who raises or judges it
            send.send_nowait(Outcome(peer, error=error))

    waiting = deque(peers)
    started = 0
    async with trio.open_nursery() as nursery:
        while len(outcomes) < len(peers):
            wait_s = math.inf
            while waiting:
                asked = waiting.popleft()
                nursery.start_soon(run, asked)
                started += 1
                if waiting and (wait_s := patience_s(asked)) > 0:
                    break
            outcome = await _heard(receive, wait_s if waiting else math.inf)
            if outcome is not None:
                outcomes.append(outcome)
                if is_final(outcome):
                    break
        until_s = trio.current_time() + grace_s
        while len(outcomes) < started:
            left_s = until_s - trio.current_time()
            outcome = await _heard(receive, left_s) if left_s > 0 else None
            if outcome is None:
                nursery.cancel_scope.cancel()
                break
            outcomes.append(outcome)
    return outcomes


async def _heard(receive: trio.MemoryReceiveChannel[Heard], wait_s: float) -> Heard | None:
    """What comes within this time, None for nothing. A race whose last peer is asked waits without a clock: most are that."""
    if wait_s == math.inf:
        return await receive.receive()
    with trio.move_on_after(wait_s):
        return await receive.receive()
    return None
