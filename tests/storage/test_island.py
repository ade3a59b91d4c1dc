"""The bridge between trio and the asyncio loop: results, errors and cancellations cross it, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from functools import partial

import pytest
import trio

from bot.errors import StoreUnavailable
from bot.storage.island import Island, IslandClosed, open_island

DEADLINE_S = 20
NAME: contextvars.ContextVar[str] = contextvars.ContextVar("NAME", default="nobody")


class Gate:
    """Lets a test hold a unit of work in its middle, and see what became of it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.ended: list[str] = []

    async def hold(self) -> str:
        self.entered.set()
        try:
            while not self.opened.is_set():
                await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        self.ended.append("done")
        return "through"

    async def until_entered(self) -> None:
        await trio.to_thread.run_sync(self.entered.wait)


async def add(left: int, right: int) -> int:
    await asyncio.sleep(0)
    return left + right


async def divide(left: int, right: int) -> float:
    await asyncio.sleep(0)
    return left / right


async def cancel_itself() -> None:
    await asyncio.sleep(0)
    raise asyncio.CancelledError


async def time_out() -> None:
    await asyncio.sleep(0)
    raise TimeoutError("the unit's own")


async def fail_in_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(divide(1, 0))
        group.create_task(asyncio.sleep(10))


async def whose() -> str:
    await asyncio.sleep(0)
    name = NAME.get()
    NAME.set("changed inside")
    return name


async def test_results_and_errors_cross_the_bridge() -> None:
    with trio.fail_after(DEADLINE_S):
        async with open_island() as island:
            assert await island.call(add, 2, 3) == 5
            with pytest.raises(ZeroDivisionError):
                await island.call(divide, 1, 0)
            with pytest.raises(TimeoutError, match="the unit's own"):
                await island.call(time_out)
            with pytest.RaisesGroup(ZeroDivisionError):
                await island.call(fail_in_group)
            assert island.calls == 0


async def test_many_calls_at_once_each_get_their_own_answer() -> None:
    answers: dict[int, int] = {}

    async def ask(island: Island, number: int) -> None:
        answers[number] = await island.call(add, number, number)

    with trio.fail_after(DEADLINE_S):
        async with open_island() as island, trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(ask, island, number)
    assert answers == {number: 2 * number for number in range(200)}


async def test_a_cancelled_call_ends_its_asyncio_task_before_it_returns() -> None:
    gate = Gate()
    with trio.fail_after(DEADLINE_S):
        async with open_island() as island, trio.open_nursery() as nursery:
            nursery.start_soon(island.call, gate.hold)
            await gate.until_entered()
            nursery.cancel_scope.cancel()
    assert gate.ended == ["cancelled"]


async def test_a_call_cancelled_before_its_first_step_returns() -> None:
    with trio.fail_after(DEADLINE_S):
        async with open_island() as island:
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    for _ in range(50):
                        nursery.start_soon(island.call, add, 1, 1)
                    await trio.lowlevel.checkpoint()
                    scope.cancel()
            assert island.calls == 0
            assert await island.call(add, 1, 1) == 2


async def test_a_call_that_is_let_go_returns_before_its_clean_up() -> None:
    may_clean, cleaned = threading.Event(), threading.Event()

    async def clean_up_slowly(gate: Gate) -> None:
        try:
            await gate.hold()
        finally:
            while not may_clean.is_set():
                await asyncio.sleep(0.001)  # noqa: ASYNC102 - this runs on asyncio
            cleaned.set()

    gate = Gate()
    with trio.fail_after(DEADLINE_S):
        async with open_island() as island:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(partial(island.call, clean_up_slowly, gate, let_go=True))
                await gate.until_entered()
                nursery.cancel_scope.cancel()
            assert island.calls == 0
            may_clean.set()
            await trio.to_thread.run_sync(cleaned.wait)
    assert gate.ended == ["cancelled"]


async def test_a_shielded_call_runs_to_its_end_and_answers() -> None:
    gate = Gate()
    answers: list[str] = []

    async def write(island: Island) -> None:
        answers.append(await island.call(gate.hold, shield=True))
        await trio.lowlevel.checkpoint()
        answers.append("not reached")

    with trio.fail_after(DEADLINE_S):
        async with open_island() as island, trio.open_nursery() as nursery:
            nursery.start_soon(write, island)
            await gate.until_entered()
            nursery.cancel_scope.cancel()
            gate.opened.set()
    assert answers == ["through"]
    assert gate.ended == ["done"]


async def test_a_unit_that_cancels_itself_is_no_cancellation_of_the_caller() -> None:
    with trio.fail_after(DEADLINE_S):
        async with open_island() as island:
            with pytest.raises(IslandClosed):
                await island.call(cancel_itself)


async def test_the_callers_context_is_seen_and_not_changed() -> None:
    NAME.set("ada")
    with trio.fail_after(DEADLINE_S):
        async with open_island() as island:
            assert await island.call(whose) == "ada"
            assert await island.call(whose) == "ada"


async def test_a_call_that_still_runs_at_the_end_is_told_so() -> None:
    gate = Gate()
    told: list[Exception] = []
    send, receive = trio.open_memory_channel[Island](1)

    async def read() -> None:
        island = await receive.receive()
        try:
            await island.call(gate.hold)
        except StoreUnavailable as error:
            told.append(error)
        with pytest.raises(IslandClosed):
            await island.call(add, 1, 1)

    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            async with open_island() as opened:
                await send.send(opened)
                await gate.until_entered()
        assert [type(error) for error in told] == [IslandClosed]
        assert gate.ended == ["cancelled"]


async def test_calls_waiting_when_the_loop_dies_are_answered() -> None:
    gate = Gate()
    told: list[Exception] = []

    async def read(island: Island) -> None:
        try:
            await island.call(gate.hold)
        except StoreUnavailable as error:
            told.append(error)

    async def stop_the_loop() -> None:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(10)

    with trio.fail_after(DEADLINE_S):
        async with open_island() as island:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read, island)
                await gate.until_entered()
                with pytest.raises(IslandClosed):
                    await island.call(stop_the_loop)
            assert len(told) == 1
            with pytest.raises(IslandClosed):
                await island.call(add, 1, 1)


async def test_the_thread_is_gone_after_the_block() -> None:
    with trio.fail_after(DEADLINE_S):
        async with open_island("an island to be closed"):
            assert "an island to be closed" in {thread.name for thread in threading.enumerate()}
    assert "an island to be closed" not in {thread.name for thread in threading.enumerate()}
