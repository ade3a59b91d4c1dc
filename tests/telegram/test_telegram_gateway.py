"""The gateway in virtual time: order, fairness, floods, outages, keys in the chat, and nothing done twice or too late."""

from __future__ import annotations

from collections import deque

import pytest
import structlog
import trio
from trio.testing import MockClock

from actors import telegram_gateway
from actors.telegram_gateway import POLL_S
from bot.commands import COMMANDS
from bot.execution.chat_doing import COMMAND_S
from bot.execution.chat_intake import BURST, MAX_WAITING
from bot.execution.chat_words import (
    FAILED,
    FLOOD,
    GROUP,
    KEY_DELETED,
    KEY_STAYS,
    LATE,
    LATE_PRESS,
    PRESSED_AGAIN,
    TOO_SLOW,
    WORKING,
)
from bot.ports import Button, ChatReply, ChatText
from bot.telegram.gateway_memory import MemoryTelegram
from tests.telegram.gateway_world import PlainDoor, gateway_running, make_clock, until

ADA, BOB, GROUP_CHAT = 7, 8, -100
AN_HOUR_S = 3600


async def test_commands_are_offered_and_answered_in_their_order(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        for text in ("/wait 1", "/b", "/c"):
            telegram.say(ADA, text)
        await until(lambda: len(life.shown(ADA)) == 3)
        assert life.shown(ADA) == ["did /wait 1", "did /b", "did /c"]
        assert [(who, key) for who, _, key in door.asked] == [(ADA, "tg:1"), (ADA, "tg:2"), (ADA, "tg:3")]
        assert telegram.commands == {command.name: command.brief for command in COMMANDS if not command.is_privileged}
        assert (life.health.healthy, life.reports) == (True, [])


async def test_telegram_is_known_to_answer_before_anybody_has_written(autojump_clock: MockClock) -> None:
    clock = make_clock()
    async with gateway_running(MemoryTelegram(clock), PlainDoor(), clock) as life:
        await until(lambda: life.health.healthy, within_s=POLL_S / 2)


async def test_who_waits_delays_nobody_else(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock):
        telegram.say(ADA, "/wait 30")
        telegram.say(ADA, "/after")
        telegram.say(BOB, "/quick")
        await until(lambda: "/quick" in door.done, within_s=1)
        assert door.done == ["/quick"]
        await until(lambda: "/after" in door.done, within_s=31)


async def test_a_command_that_hangs_is_given_up_and_the_next_one_runs(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        telegram.say(ADA, f"/wait {AN_HOUR_S}")
        telegram.say(ADA, "/sell A all")
        await until(lambda: door.done == ["/sell A all"], within_s=COMMAND_S + 5)
        assert life.shown(ADA) == [TOO_SLOW, "did /sell A all"]


async def test_what_takes_long_is_announced_and_the_reply_takes_its_place(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        telegram.say(ADA, "/wait 10")
        await until(lambda: life.shown(ADA) == [WORKING])
        await until(lambda: life.shown(ADA) == ["did /wait 10"])


async def test_the_reply_comes_although_the_announcement_was_deleted(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        telegram.say(ADA, "/wait 10")
        await until(lambda: life.shown(ADA) == [WORKING])
        await telegram.delete(ADA, telegram.messages(ADA)[-1].message_id)
        await until(lambda: life.shown(ADA) == ["did /wait 10"])


async def test_a_bug_in_one_command_is_logged_and_told_and_ends_nothing(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    with structlog.testing.capture_logs() as logs:
        async with gateway_running(telegram, door, clock) as life:
            telegram.say(ADA, "/crash")
            telegram.say(ADA, "/status")
            await until(lambda: life.shown(ADA) == [FAILED, "did /status"])
            assert life.reports == []
    assert [(entry["key"], entry["exc_info"]) for entry in logs if entry["event"] == "command_failed"] == [
        ("tg:1", True)
    ]


async def test_commands_that_wait_outlive_a_crash_of_the_gateway(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        telegram.say(ADA, "/wait 1")
        telegram.say(ADA, "/behind it")
        await until(lambda: len(door.asked) == 1)
        telegram._faults["send"] = deque([RuntimeError("a bug of the client")])
        telegram.say(BOB, "/status")
        await until(lambda: "/behind it" in door.done)
        assert [report.kind for report in life.reports] == ["failed"]
        assert door.done == ["/status", "/behind it"]


async def test_an_update_that_cannot_be_taken_is_logged_and_left_behind(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor(poison="/poison")
    telegram = MemoryTelegram(clock)
    with structlog.testing.capture_logs() as logs:
        async with gateway_running(telegram, door, clock) as life:
            telegram.say(ADA, "/poison")
            telegram.say(ADA, "/status")
            await until(lambda: door.done == ["/status"])
            assert life.reports == []
    assert [entry["update"] for entry in logs if entry["event"] == "update_dropped"] == [1]


async def test_the_same_update_is_taken_once(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock):
        message_id = telegram.say(ADA, "/buy")
        await until(lambda: len(door.asked) == 1)
        telegram._push(ChatText(1, ADA, "private", ADA, message_id, "/buy", clock.now_ms()))
        telegram.say(ADA, "/next")
        await until(lambda: len(door.asked) == 2)
        assert [key for _, _, key in door.asked] == ["tg:1", "tg:2"]


async def test_an_edited_command_is_not_run_again(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock):
        message_id = telegram.say(ADA, "/sell A 1%")
        await until(lambda: len(door.done) == 1)
        telegram.change(ADA, message_id, "/sell A all")
        await trio.sleep(POLL_S)
        assert door.done == ["/sell A 1%"]


async def test_an_update_stays_unconfirmed_until_it_was_taken(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram_gateway, "MAX_CHATS_WAITING", 2)
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock):
        for person in (ADA, BOB):
            telegram.say(person, "/wait 20")
        telegram.say(9, "/third")
        await trio.sleep(10)
        assert [update.update_id for update in telegram._pending] == [1, 2, 3]
        await until(lambda: "/third" in door.done)
        await until(lambda: telegram._pending == [])


async def test_a_flood_is_cut_off_before_it_is_read_and_told_once(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        telegram.say(ADA, "/wait 5")
        await until(lambda: len(door.asked) == 1)
        for number in range(60):
            telegram.say(ADA, f"/{number}")
        telegram.say(BOB, "/quick")
        await until(lambda: "/quick" in door.done, within_s=1)
        await until(lambda: FLOOD in life.shown(ADA))
        assert len(door.asked) == 2 + MAX_WAITING
        assert life.shown(ADA).count(FLOOD) == 1
        await trio.sleep(BURST)
        telegram.say(ADA, "/calm again")
        await until(lambda: "/calm again" in door.done)


async def test_a_steady_flood_is_told_once_and_not_every_second(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        for number in range(200):
            telegram.say(ADA, f"/{number}")
            await trio.sleep(0.2)
        await trio.sleep(60)
        assert life.shown(ADA).count(FLOOD) == 1
        assert len(door.asked) < 70


async def test_a_group_hears_once_that_the_bot_does_not_trade_there(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        for text in ("/buy A 1", "/panic", "hello"):
            telegram.say(ADA, text, chat_id=GROUP_CHAT, chat_type="supergroup")
        await until(lambda: life.shown(GROUP_CHAT) == [GROUP])
        await trio.sleep(POLL_S)
        assert life.shown(GROUP_CHAT) == [GROUP]
        assert door.asked == []


async def test_a_key_in_the_chat_is_deleted_and_goes_no_further(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    with structlog.testing.capture_logs() as logs:
        async with gateway_running(telegram, door, clock) as life:
            telegram.say(ADA, "/wait 50")
            telegram.lose("delete")
            secret = telegram.say(ADA, "my key abc")
            await until(lambda: secret not in {shown.message_id for shown in telegram.messages(ADA)}, within_s=2)
            await until(lambda: KEY_DELETED in life.shown(ADA), within_s=2)
    assert [text for _, text, _ in door.asked] == ["/wait 50"]
    assert "abc" not in repr(logs)
    assert [entry["update"] for entry in logs if entry["event"] == "secret_deleted"] == [2]


async def test_a_key_in_a_group_that_may_not_be_deleted(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        telegram.say(ADA, "my key abc", chat_id=GROUP_CHAT, chat_type="group")
        await until(lambda: life.shown(GROUP_CHAT) == [KEY_STAYS])
        assert door.asked == []


async def test_an_outage_is_no_crash_and_ends_by_itself(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        await until(lambda: life.health.healthy)
        telegram.go_away()
        await until(lambda: not life.health.healthy, within_s=POLL_S)
        assert life.downs[0].startswith("users cannot be reached: ")
        telegram.go_away(away=False)
        ups = life.ups
        await until(lambda: life.health.healthy, within_s=60)
        assert life.ups == ups + 1
        telegram.say(ADA, "/status")
        await until(lambda: life.shown(ADA) == ["did /status"])
        assert life.reports == []


async def test_one_lost_poll_is_no_outage(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        await until(lambda: life.health.healthy)
        since = life.health.since_ms
        for _ in range(5):
            telegram.lose("updates")
            await trio.sleep(2 * POLL_S)
        assert (life.health.healthy, life.health.since_ms) == (True, since)


async def test_a_poll_that_is_asked_to_wait_waits(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    telegram.ask_to_wait("updates", 90)
    async with gateway_running(telegram, door, clock):
        telegram.say(ADA, "/status")
        await trio.sleep(89)
        assert door.done == []
        await until(lambda: door.done == ["/status"])


async def test_what_was_sent_during_a_long_silence_is_not_done_unasked(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    for number in range(120):
        telegram.say(1000 + number, "/buy A 1")
    await trio.sleep(AN_HOUR_S)
    telegram.say(ADA, "/fresh")
    async with gateway_running(telegram, door, clock) as life:
        await until(lambda: door.done == ["/fresh"])
        await until(lambda: all(life.shown(1000 + number) == [LATE] for number in range(120)))
        telegram.say(1000, "/buy A 1")
        await until(lambda: "/buy A 1" in door.done)


async def test_a_clock_that_is_wrong_delays_one_command_and_no_more(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    telegram.say(ADA, "/before")
    await trio.sleep(AN_HOUR_S)
    telegram._clock = clock.__class__(now_ms=lambda: clock.now_ms() - 10 * AN_HOUR_S * 1000, new_id=clock.new_id)
    async with gateway_running(telegram, door, clock) as life:
        await until(lambda: life.shown(ADA) == [LATE])
        telegram.say(ADA, "/panic")
        await until(lambda: door.done == ["/panic"])


class ButtonDoor(PlainDoor):
    """Every reply has a button."""

    async def answer(self, telegram_id: int, text: str, key: str) -> ChatReply:
        reply = await super().answer(telegram_id, text, key)
        return ChatReply(("first part", *reply.parts), (Button("Sell all", "/sell A all"),))


async def test_a_pressed_button_is_a_command_and_its_presser_is_answered(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), ButtonDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        telegram.say(ADA, "/positions")
        await until(lambda: len(life.shown(ADA)) == 2)
        assert [bool(shown.buttons) for shown in telegram.messages(ADA) if shown.ours] == [False, True]
        telegram.lose("answer_press")
        telegram.press(ADA, "Sell all")
        await until(lambda: "/sell A all" in door.done)
        assert door.asked[-1] == (ADA, "/sell A all", "tg:2")


async def test_a_press_that_cannot_be_answered_any_more_is_not_done(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), ButtonDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        telegram.say(ADA, "/positions")
        await until(lambda: len(life.shown(ADA)) == 2)
        telegram.press(ADA, "Sell all")
        telegram._queries["q2"] = True
        await until(lambda: life.shown(ADA)[-1] == LATE_PRESS)
        assert door.done == ["/positions"]


async def test_a_thumb_that_hits_a_button_three_times_means_once(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), ButtonDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        telegram.say(ADA, "/positions")
        await until(lambda: len(life.shown(ADA)) == 2)
        for _ in range(3):
            telegram.press(ADA, "Sell all")
        await until(lambda: PRESSED_AGAIN in life.shown(ADA))
        await trio.sleep(10)
        assert door.done == ["/positions", "/sell A all"]
        assert life.shown(ADA).count(PRESSED_AGAIN) == 1
        telegram.press(ADA, "Sell all")
        await until(lambda: door.done == ["/positions", "/sell A all", "/sell A all"])


async def test_a_reply_comes_when_the_wait_that_was_asked_for_is_over(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        telegram.say(BOB, "/start")
        await until(lambda: len(life.shown(BOB)) == 1)
        telegram.ask_to_wait("send", 40)
        telegram.say(ADA, "/status")
        await trio.sleep(20)
        telegram.say(BOB, "/status")
        await until(lambda: len(life.shown(BOB)) == 2, within_s=2)
        assert life.shown(ADA) == []
        await until(lambda: life.shown(ADA) == ["did /status"], within_s=25)


async def test_who_blocked_the_bot_is_not_waited_for(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        telegram.say(ADA, "/one")
        telegram.block(ADA)
        await until(lambda: door.done == ["/one"])
        telegram.unblock(ADA)
        telegram.say(ADA, "/two")
        await until(lambda: life.shown(ADA) == ["did /two"], within_s=2)


async def test_an_outage_at_the_start_delays_the_command_list_only(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    telegram.ask_to_wait("set_commands", 50)
    async with gateway_running(telegram, door, clock):
        telegram.say(ADA, "/status")
        await until(lambda: door.done == ["/status"], within_s=2)
        assert telegram.commands == {}
        await until(lambda: telegram.commands != {}, within_s=60)
