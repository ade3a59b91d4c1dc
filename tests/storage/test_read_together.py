"""Reads that share a question: asked after the call began, given up by nobody else, and failed for each that was in it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from bot.errors import StoreUnavailable
from bot.storage.read_together import PATIENCE_S, ReadTogether

ANSWER_S = 0.05


class Desk:
    """Answers with a count of the questions so far; one of a key below zero is not there."""

    def __init__(self, answer_s: float = ANSWER_S) -> None:
        self.asked: list[list[int]] = []
        self.answer_s = answer_s
        self.trouble: Exception | None = None

    async def ask(self, keys: list[int]) -> Mapping[int, int]:
        self.asked.append(keys)
        number = len(self.asked)
        await trio.sleep(self.answer_s)
        if self.trouble is not None:
            raise self.trouble
        return {key: number for key in keys if key >= 0}


async def all_of(reader: ReadTogether[int, int], keys: range) -> dict[int, int | None]:
    found: dict[int, int | None] = {}

    async def read(key: int) -> None:
        found[key] = await reader.read(key)

    async with trio.open_nursery() as nursery:
        for key in keys:
            nursery.start_soon(read, key)
    return found


async def test_a_single_reader_waits_for_nobody(autojump_clock: MockClock) -> None:
    desk = Desk()
    began_s = trio.current_time()
    assert await ReadTogether(desk.ask).read(7) == 1
    assert trio.current_time() == began_s + ANSWER_S


async def test_a_hundred_readers_share_two_questions(autojump_clock: MockClock) -> None:
    desk = Desk()
    found = await all_of(ReadTogether(desk.ask), range(-1, 99))
    assert [len(keys) for keys in desk.asked] == [1, 99]
    assert sum(value is None for value in found.values()) == 1


async def test_nobody_is_answered_by_a_question_that_was_asked_before_he_came(autojump_clock: MockClock) -> None:
    desk = Desk()
    reader = ReadTogether(desk.ask)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.read, 7)
        await trio.sleep(ANSWER_S / 2)
        assert await reader.read(7) == 2


async def test_a_question_that_hangs_holds_up_the_next_one_for_a_moment_only(autojump_clock: MockClock) -> None:
    desk = Desk(answer_s=60)
    reader = ReadTogether(desk.ask)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.read, 1)
        await trio.sleep(1)
        desk.answer_s = ANSWER_S
        began_s = trio.current_time()
        assert await reader.read(2) == 2
        assert trio.current_time() - began_s == pytest.approx(PATIENCE_S + ANSWER_S)
        nursery.cancel_scope.cancel()


async def test_what_its_maker_gives_up_the_others_ask_anew(autojump_clock: MockClock) -> None:
    desk = Desk()
    reader = ReadTogether(desk.ask)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.read, 1)
        await trio.lowlevel.checkpoint()
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as makers:
                makers.start_soon(reader.read, 2)
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(_expect, reader, 3)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
    assert desk.asked[-1] == [3]


async def _expect(reader: ReadTogether[int, int], key: int) -> None:
    assert await reader.read(key) is not None


async def test_a_question_that_fails_fails_for_each_that_was_in_it_and_for_nobody_after(
    autojump_clock: MockClock,
) -> None:
    desk = Desk()
    desk.trouble = StoreUnavailable("away")
    reader = ReadTogether(desk.ask)
    refused = 0

    async def read(key: int) -> None:
        nonlocal refused
        with pytest.raises(StoreUnavailable):
            await reader.read(key)
        refused += 1

    async with trio.open_nursery() as nursery:
        for key in range(10):
            nursery.start_soon(read, key)
    assert refused == 10
    desk.trouble = None
    assert await reader.read(1) == 3
