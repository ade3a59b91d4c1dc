"""The lane of /panic: it waits for nothing, no flood keeps it out, and it takes back what would enter."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest
import trio
from trio.testing import MockClock

from actors import telegram_gateway
from actors.telegram_gateway import MAX_URGENT, POLL_S
from bot.execution.chat_intake import MAX_WAITING
from bot.execution.chat_words import FLOOD, LATE, OVERTAKEN
from bot.ports import Button, ChatReply
from bot.telegram.gateway_memory import MemoryTelegram
from tests.telegram.gateway_world import PlainDoor, gateway_running, make_clock, until

ADA, BOB, EVE = 7, 8, 9
AN_HOUR_S = 3600


@dataclass(slots=True)
class SlowDoor(PlainDoor):
    """`/panic` and `/confirm` take ten seconds, and `/buttons` shows a button that is a /panic."""

    ended: list[str] = field(default_factory=list)

    async def answer(self, telegram_id: int, text: str, key: str) -> ChatReply:
        reply = await PlainDoor.answer(self, telegram_id, text, key)
        if text.startswith(("/panic", "/confirm")):
            await trio.sleep(10)
        self.ended.append(text)
        return ChatReply(reply.parts, (Button("Sell everything", "/panic"),) if text == "/buttons" else ())


async def test_panic_is_served_at_once_behind_a_thousand_messages_of_many(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        telegram.say(ADA, "/wait 50")
        await until(lambda: len(door.asked) == 1)
        for number in range(500):
            telegram.say(ADA, f"/{number}")
            telegram.say(1000 + number, "/wait 50")
        telegram.say(ADA, "/panic")
        await until(lambda: "/panic" in door.done, within_s=1)
        await until(lambda: "did /panic" in life.shown(ADA), within_s=2)
        assert "did /wait 50" not in life.shown(ADA)
        await until(lambda: FLOOD in life.shown(ADA), within_s=100)
        assert len([text for who, text, _ in door.asked if who == ADA]) == 1 + MAX_WAITING + 1


async def test_panic_is_served_while_no_chat_finds_a_place(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram_gateway, "MAX_CHATS_WAITING", 1)
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock):
        for person in (ADA, BOB):
            telegram.say(person, "/wait 50")
        telegram.say(EVE, "/panic")
        await until(lambda: door.done == ["/panic"], within_s=1)


async def test_panic_takes_back_what_waits_and_would_enter(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        for text in ("/wait 20", "/buy A 1", "/sell A all", "/resume", "/settings snipe on", "/status"):
            telegram.say(ADA, text)
        telegram.say(BOB, "/wait 20")
        telegram.say(BOB, "/resume")
        await until(lambda: len(door.asked) == 2)
        telegram.say(ADA, "/panic")
        telegram.say(ADA, "/resume")
        await until(lambda: len(door.done) == 7)
        assert [text for who, text, _ in door.asked if who == ADA] == [
            "/wait 20",
            "/panic",
            "/sell A all",
            "/status",
            "/resume",
        ]
        assert life.shown(ADA).count(OVERTAKEN) == 3
        assert "/resume" in [text for who, text, _ in door.asked if who == BOB]


async def test_what_came_in_the_same_batch_before_a_panic_and_would_enter_is_not_done(
    autojump_clock: MockClock,
) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    for text in ("/resume", "/status", "/panic", "/buy A 1"):
        telegram.say(ADA, text)
    async with gateway_running(telegram, door, clock) as life:
        await until(lambda: len(life.shown(ADA)) == 4)
        assert sorted(door.done) == ["/buy A 1", "/panic", "/status"]
        assert life.shown(ADA).count(OVERTAKEN) == 1


async def test_panic_ends_a_confirmation_that_is_being_done(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), SlowDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        telegram.say(ADA, "/confirm 0badc0de")
        await until(lambda: len(door.asked) == 1)
        telegram.say(ADA, "/panic")
        await until(lambda: OVERTAKEN in life.shown(ADA), within_s=1)
        telegram.say(ADA, "/confirm 0badc0de")
        await until(lambda: door.ended == ["/panic", "/confirm 0badc0de"])


async def test_a_flood_of_panics_is_one_and_one_behind_it(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), SlowDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock):
        for _ in range(1_000):
            telegram.say(ADA, "/panic")
        await until(lambda: len(door.ended) == MAX_URGENT)
        await trio.sleep(POLL_S)
        assert door.ended == ["/panic"] * MAX_URGENT


async def test_a_button_and_a_name_behind_it_are_a_panic_too_and_other_words_are_none(
    autojump_clock: MockClock,
) -> None:
    clock, door = make_clock(), SlowDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock):
        telegram.say(ADA, "/buttons")
        await until(lambda: door.ended == ["/buttons"])
        telegram.say(ADA, "/wait 50")
        telegram.press(ADA, "Sell everything")
        await until(lambda: "/panic" in door.ended, within_s=11)
        telegram.say(ADA, "/PANIC@memory_bot")
        await until(lambda: door.ended[-1] == "/PANIC@memory_bot", within_s=11)
        telegram.say(ADA, "/panic now")
        telegram.say(ADA, "panic")
        await trio.sleep(15)
        assert door.ended == ["/buttons", "/panic", "/PANIC@memory_bot"]


async def test_a_panic_of_long_ago_is_not_done_unasked(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    telegram.say(ADA, "/panic")
    await trio.sleep(AN_HOUR_S)
    async with gateway_running(telegram, door, clock) as life:
        await until(lambda: life.shown(ADA) == [LATE])
        telegram.say(ADA, "/panic")
        await until(lambda: door.done == ["/panic"])


async def test_a_panic_outlives_a_crash_of_the_gateway_in_its_lane(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), SlowDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        telegram.say(ADA, "/panic")
        telegram.say(ADA, "/panic")
        await until(lambda: len(door.asked) == 1)
        telegram._faults["send"] = deque([RuntimeError("a bug of the client")])
        telegram.say(BOB, "/status")
        await until(lambda: door.ended == ["/status", "/panic"], within_s=15)
        assert [report.kind for report in life.reports] == ["failed"]
