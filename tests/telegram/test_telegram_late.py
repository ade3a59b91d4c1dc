"""What Telegram brings late, and how soon an outage of Telegram is over."""

from __future__ import annotations

from trio.testing import MockClock

from actors.telegram_gateway import POLL_S
from bot.ports import ChatUpdate
from bot.telegram.gateway_memory import MemoryTelegram
from bot.telegram.gateway_pacing import PacedChat
from tests.telegram.gateway_world import PlainDoor, gateway_running, make_clock, until

ADA = 7


class WaitsNoted(PacedChat):
    """Notes how long each poll may take."""

    def __init__(self, api: MemoryTelegram) -> None:
        super().__init__(api)
        self.waits_s: list[int] = []

    async def updates(self, offset: int | None, wait_s: int) -> list[ChatUpdate]:
        self.waits_s.append(wait_s)
        return await super().updates(offset, wait_s)


async def test_the_first_poll_after_an_outage_is_short(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    api = WaitsNoted(telegram)
    async with gateway_running(telegram, door, clock, api=api) as life:
        await until(lambda: life.health.healthy)
        telegram.go_away()
        await until(lambda: not life.health.healthy, within_s=60)
        api.waits_s.clear()
        telegram.go_away(away=False)
        await until(lambda: life.health.healthy, within_s=60)
        await until(lambda: len(api.waits_s) > 1, within_s=5)
    assert api.waits_s == [0, POLL_S]


async def test_what_telegram_brings_late_is_done_unless_it_would_buy(autojump_clock: MockClock) -> None:
    clock, door = make_clock(), PlainDoor()
    telegram = MemoryTelegram(clock)
    async with gateway_running(telegram, door, clock) as life:
        await until(lambda: life.health.healthy)
        telegram._clock = clock.__class__(now_ms=lambda: clock.now_ms() - 200_000, new_id=clock.new_id)
        for entering in ("/buy A 1", "/confirm 0badc0de", "/snipe_enable", "/resume", "/settings snipe on"):
            telegram.say(ADA, entering)
            await until(lambda: life.shown(ADA)[-1:] != [] and "sent this 20" in life.shown(ADA)[-1])
        assert door.done == []
        others = ["/panic", "/sell A all", "/pause", "/snipe_disable", "/settings", "/settings snipe"]
        for text in others:
            telegram.say(ADA, text)
        await until(lambda: door.done == others)
