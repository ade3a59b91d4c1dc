"""Telegram's limits under virtual time: each chat's pace, the bot's own, and what a 429 holds."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.clock import Clock, virtual_clock
from bot.errors import ChatUnavailable
from bot.telegram.gateway_memory import MemoryTelegram
from bot.telegram.gateway_pacing import FORGET_ABOVE, Pace, PacedChat

ADA, BOB, EVE = 7, 8, 9


def _clock() -> Clock:
    return virtual_clock(trio.current_time, epoch_ms=0, seed=1)


def _telegram(*people: int) -> MemoryTelegram:
    telegram = MemoryTelegram(_clock())
    for person in people:
        telegram.say(person, "/start")
    return telegram


class Moments:
    """Sends, and notes at which second each send was done."""

    def __init__(self, paced: PacedChat) -> None:
        self.paced = paced
        self.at: dict[int, list[float]] = {}
        self.urgent_at: dict[int, float] = {}
        self._began = trio.current_time()

    async def send(self, chat_id: int, *, urgent: bool = False) -> None:
        await self.paced.send(chat_id, "hello", urgent=urgent)
        at_s = round(trio.current_time() - self._began, 3)
        self.at.setdefault(chat_id, []).append(at_s)
        if urgent:
            self.urgent_at[chat_id] = at_s


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=60),
    st.builds(Pace, st.sampled_from([0.5, 1, 30]), st.integers(1, 5)),
)
def test_no_window_holds_more_than_the_pace_allows(moments: list[float], pace: Pace) -> None:
    booked_until, sent = 0.0, []
    for moment in sorted(moments):
        at, booked_until = pace.book(booked_until, moment)
        assert at >= moment
        sent.append(at)
    assert sent == sorted(sent)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            allowed = pace.burst + (sent[last] - sent[first]) * pace.per_s
            assert last - first + 1 <= allowed + 1e-6


async def test_a_chat_gets_a_burst_and_then_one_message_a_second(autojump_clock: MockClock) -> None:
    moments = Moments(PacedChat(_telegram(ADA)))
    for _ in range(6):
        await moments.send(ADA)
    assert moments.at[ADA] == [0, 0, 0, 1, 2, 3]


async def test_a_busy_chat_delays_no_other(autojump_clock: MockClock) -> None:
    moments = Moments(PacedChat(_telegram(ADA, BOB)))
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(moments.send, ADA)
        await trio.sleep(2)
        await moments.send(BOB)
    assert moments.at[BOB] == [2]
    assert moments.at[ADA][-1] == 7


async def test_all_chats_together_stay_below_thirty_a_second(autojump_clock: MockClock) -> None:
    people = range(100, 220)
    moments = Moments(PacedChat(_telegram(*people)))
    async with trio.open_nursery() as nursery:
        for person in people:
            nursery.start_soon(moments.send, person)
    done = sorted(at for [at] in moments.at.values())
    assert all(sum(start <= at < start + 1 for at in done) <= 35 for start in done)
    assert done[-1] == pytest.approx((len(people) - 5) / 30, abs=0.01)


async def test_what_is_urgent_goes_before_a_thousand_that_wait(autojump_clock: MockClock) -> None:
    people = range(100, 1100)
    moments = Moments(PacedChat(_telegram(ADA, *people)))
    async with trio.open_nursery() as nursery:
        for person in people:
            nursery.start_soon(moments.send, person)
        for _ in range(60):
            nursery.start_soon(moments.send, ADA)
        await trio.sleep(2.01)
        nursery.start_soon(partial(moments.send, ADA, urgent=True))
        nursery.start_soon(partial(moments.send, people[-1], urgent=True))
    assert moments.urgent_at == {people[-1]: pytest.approx(2.1, abs=0.1), ADA: pytest.approx(3, abs=0.1)}
    done = sorted(at for ats in moments.at.values() for at in ats)
    assert all(sum(start <= at < start + 1 for at in done) <= 35 for start in done[::30])


async def test_who_gives_up_its_turn_holds_up_nobody(autojump_clock: MockClock) -> None:
    moments = Moments(PacedChat(_telegram(ADA)))
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(moments.send, ADA)
        await trio.sleep(0.1)
        with trio.move_on_after(0.5):
            await moments.send(ADA)
        await moments.send(ADA)
    assert moments.at[ADA] == [0, 0, 0, 1]


async def test_a_chat_that_asked_to_wait_is_left_alone_for_that_long(autojump_clock: MockClock) -> None:
    telegram = _telegram(ADA, BOB)
    paced = PacedChat(telegram)
    telegram.ask_to_wait("send", 10)
    with pytest.raises(ChatUnavailable):
        await paced.send(ADA, "one")
    await trio.sleep(4)
    with pytest.raises(ChatUnavailable, match="wait 6 s more") as raised:
        await paced.send(ADA, "two")
    assert raised.value.retry_after_s == pytest.approx(6)
    await paced.send(BOB, "he is not concerned")
    await trio.sleep(4)
    await paced.send(ADA, "three")
    assert [shown.text for shown in telegram.messages(ADA)] == ["/start", "three"]


async def test_a_short_rest_is_waited_for(autojump_clock: MockClock) -> None:
    telegram = _telegram(ADA)
    paced = PacedChat(telegram)
    telegram.ask_to_wait("send", 2)
    with pytest.raises(ChatUnavailable):
        await paced.send(ADA, "one")
    began = trio.current_time()
    await paced.send(ADA, "two")
    assert trio.current_time() - began == pytest.approx(2)


async def test_two_chats_that_asked_to_wait_mean_the_bot(autojump_clock: MockClock) -> None:
    telegram = _telegram(ADA, BOB, EVE)
    paced = PacedChat(telegram)
    for person, seconds in ((ADA, 30), (BOB, 20)):
        telegram.ask_to_wait("send", seconds)
        with pytest.raises(ChatUnavailable):
            await paced.send(person, "one")
    with pytest.raises(ChatUnavailable, match="wait 20 s more"):
        await paced.send(EVE, "two")
    await trio.sleep(20)
    await paced.send(EVE, "three")


async def test_chats_at_rest_are_forgotten(autojump_clock: MockClock) -> None:
    people = range(100, 100 + FORGET_ABOVE + 2)
    paced = PacedChat(_telegram(*people))
    async with trio.open_nursery() as nursery:
        for person in people:
            nursery.start_soon(paced.send, person, "hello")
    await trio.sleep(10)
    await paced.send(100, "hello again")
    assert repr(paced) == "<PacedChat chats=1 held=0>"
