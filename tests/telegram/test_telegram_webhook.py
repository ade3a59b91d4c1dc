"""Telegram brings updates to a webhook: they go the way of polled ones, and none is lost or done twice on it."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import structlog
import trio
from pydantic import SecretStr
from trio.testing import MockClock, memory_stream_pair

from bot.clock import system_clock
from bot.errors import ChatUnavailable, StartupError
from bot.execution.chat_words import FLOOD
from bot.ports import ChatUpdate, OtherUpdate, TakenCommand
from bot.storage.memory import MemoryStore
from bot.telegram.client import TelegramClient, open_telegram
from bot.telegram.gateway_memory import MemoryTelegram
from bot.telegram.pushed_updates import CONFIRMED_WITHIN_S, PushedUpdates
from bot.telegram.webhook import (
    BODY_BYTES_MAX,
    HEAD_BYTES_MAX,
    MAX_CONNECTIONS,
    REQUEST_WITHIN_S,
    WebhookDoor,
    WebhookTerms,
    secret_of,
)
from tests.telegram.fake_bot_api import TOKEN, FakeBotApi
from tests.telegram.fake_webhook import free_port
from tests.telegram.gateway_world import PlainDoor, gateway_running, make_clock, until

ADA, BOB = 7, 8
URL = "https://bot.example/telegram/updates"
SECRET = secret_of(TOKEN)


@asynccontextmanager
async def by_webhook(fake: FakeBotApi) -> AsyncIterator[TelegramClient]:
    """The real client with a webhook, and the proxy that leads there."""
    fake.webhook.proxied[URL] = free_port()
    terms = WebhookTerms(URL, fake.webhook.proxied[URL])
    async with open_telegram(SecretStr(TOKEN), base_url=fake.url, webhook=terms) as client:
        yield client


@asynccontextmanager
async def by_polling(fake: FakeBotApi) -> AsyncIterator[TelegramClient]:
    async with open_telegram(SecretStr(TOKEN), base_url=fake.url) as client:
        yield client


# ------------------------------------------------------------------------------------------------------------- the way


async def test_what_is_brought_is_done_once_though_every_answer_is_lost_once(fake: FakeBotApi) -> None:
    door = PlainDoor()
    fake.webhook.twice = True
    async with by_webhook(fake) as api, gateway_running(fake, door, system_clock(), api=api):
        for number in range(8):
            fake.say(ADA, f"/a {number}")
            fake.say(BOB, f"/b {number}")
        await until(lambda: len(door.done) == 16 and not fake._pending)
    assert [text for text in door.done if text[:2] == "/a"] == [f"/a {number}" for number in range(8)]
    assert [text for text in door.done if text[:2] == "/b"] == [f"/b {number}" for number in range(8)]
    assert fake.webhook.delivered >= 32


async def test_a_flood_is_cut_off_and_others_are_served(fake: FakeBotApi) -> None:
    door = PlainDoor()
    async with by_webhook(fake) as api, gateway_running(fake, door, system_clock(), api=api) as life:
        for number in range(60):
            fake.say(ADA, f"/a {number}")
        fake.say(BOB, "/b")
        await until(lambda: not fake._pending and "did /b" in life.shown(BOB))
        await until(lambda: FLOOD in life.shown(ADA))
    assert len(door.done) < 60


async def test_between_polling_and_a_webhook_nothing_is_lost_or_doubled(fake: FakeBotApi) -> None:
    door, store = PlainDoor(), MemoryStore()
    wanted = []
    for way in (by_polling, by_webhook, by_polling, by_webhook):
        fake.say(ADA, f"/before {len(wanted)}")
        wanted.append(f"/before {len(wanted)}")
        async with way(fake) as api, gateway_running(fake, door, system_clock(), api=api, inbox=store):
            await until(lambda: door.done == wanted)
            fake.say(ADA, f"/while {len(wanted)}")
            wanted.append(f"/while {len(wanted)}")
            await until(lambda: door.done == wanted)
    assert [way for way, _ in fake.calls if way == "deleteWebhook"] == ["deleteWebhook"]


async def test_a_webhook_that_cannot_be_reached_and_one_that_another_program_took_are_noticed(fake: FakeBotApi) -> None:
    async with by_webhook(fake) as api:
        assert await api.updates(None, 0) == []
        port = fake.webhook.proxied.pop(URL)
        fake.say(ADA, "/status")
        await until(lambda: fake.webhook.failure != "")
        with pytest.raises(ChatUnavailable, match="cannot bring updates"):
            await api.updates(None, 0)
        fake.webhook.proxied[URL] = port
        [update] = await api.updates(None, 60)
        await api.updates(update.update_id + 1, 0)
        await until(lambda: not fake._pending)
        fake.webhook.url = "https://other.example/"
        with pytest.raises(ChatUnavailable, match="another program") as caught:
            await api.updates(None, 0)
        assert caught.value.rival
        assert await api.updates(None, 0) == []
        assert fake.webhook.url == URL


async def test_a_port_that_is_taken_is_said_before_anything_starts(fake: FakeBotApi) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        terms = WebhookTerms(URL, taken.getsockname()[1])
        with pytest.raises(StartupError, match=r"telegram\.webhook_port: .* cannot be listened on"):
            async with open_telegram(SecretStr(TOKEN), base_url=fake.url, webhook=terms):
                pass


class SlowStore(MemoryStore):
    """Takes half a second to write commands down."""

    async def take_commands(self, commands: Sequence[TakenCommand], now_ms: int) -> set[int]:
        await trio.sleep(0.5)
        return await super().take_commands(commands, now_ms)


class PushedTelegram(MemoryTelegram):
    """The twin, whose updates somebody brings."""

    pushed: PushedUpdates

    async def updates(self, offset: int | None, wait_s: int) -> list[ChatUpdate]:
        return await self.pushed.poll(offset, wait_s)


async def test_an_update_is_answered_for_after_it_stands_in_the_inbox(autojump_clock: MockClock) -> None:
    telegram, store, door = PushedTelegram(make_clock()), SlowStore(), PlainDoor()
    telegram.pushed = PushedUpdates()
    telegram.say(ADA, "/status")
    [update] = telegram._pending
    async with gateway_running(telegram, door, make_clock(), inbox=store):
        assert await telegram.pushed.bring(update)
        assert update.update_id in store._inbox
        assert await telegram.pushed.bring(update)
        await until(lambda: door.done == ["/status"])


async def test_what_a_gateway_took_and_did_not_keep_is_given_to_the_next_and_what_nobody_takes_is_given_back(
    autojump_clock: MockClock,
) -> None:
    pushed = PushedUpdates()
    answers: list[bool] = []

    async def bring(update_id: int) -> None:
        answers.append(await pushed.bring(OtherUpdate(update_id)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bring, 9)
        assert await pushed.poll(None, 20) == [OtherUpdate(9)]
        assert await pushed.poll(None, 20) == [OtherUpdate(9)]
        nursery.start_soon(bring, 3)
        assert await pushed.poll(10, 20) == [OtherUpdate(3)]
        assert await pushed.poll(4, 0) == []
    assert answers == [True, True]
    started_s = trio.current_time()
    assert not await pushed.bring(OtherUpdate(4))
    assert trio.current_time() - started_s == CONFIRMED_WITHIN_S
    assert await pushed.poll(None, 0) == []


# ------------------------------------------------------------------------------------------------------------- the door


async def answered(door: WebhookDoor, *sent: bytes) -> bytes:
    """What comes back over one connection until it is closed, or until nothing more comes."""
    ours, theirs = memory_stream_pair()
    heard = bytearray()

    async def hear() -> None:
        async for chunk in ours:
            heard.extend(chunk)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(door.serve, theirs)
        nursery.start_soon(hear)
        for part in sent:
            await ours.send_all(part)
            await trio.testing.wait_all_tasks_blocked()
        await ours.send_eof()
    return bytes(heard)


def request(body: bytes, *, secret: str = SECRET, method: str = "POST", **headers: str) -> bytes:
    lines = [f"{method} /telegram/updates HTTP/1.1", "Host: bot.example", f"Content-Length: {len(body)}"]
    lines += [f"X-Telegram-Bot-Api-Secret-Token: {secret}"] if secret else []
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def statuses(heard: bytes) -> list[int]:
    return [int(line.split()[1]) for line in heard.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


@asynccontextmanager
async def door_with_a_reader() -> AsyncIterator[tuple[WebhookDoor, list[ChatUpdate]]]:
    """A door whose updates are polled for as a gateway does; all that came through it."""
    pushed = PushedUpdates()
    came: list[ChatUpdate] = []

    def read(raw: object) -> ChatUpdate:
        if not isinstance(raw, dict) or type(raw.get("update_id")) is not int:
            raise ValueError("no update")
        return OtherUpdate(raw["update_id"])

    async def poll() -> None:
        offset = None
        while True:
            updates = await pushed.poll(offset, 20)
            came.extend(updates)
            offset = updates[-1].update_id + 1 if updates else None

    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll)
        yield WebhookDoor(SECRET, pushed, read), came
        nursery.cancel_scope.cancel()


ONE = json.dumps({"update_id": 5}).encode()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request(ONE), 200),
        (request(ONE, Expect="100-continue"), 200),
        (request(ONE, secret=""), 404),
        (request(ONE, secret=SECRET[:-1]), 404),
        (request(ONE, secret=SECRET.upper()), 404),
        (request(b"", secret="", method="GET"), 404),
        (request(ONE, method="PUT"), 404),
        (request(b"x" * BODY_BYTES_MAX, secret=""), 404),
        (request(b"x" * (BODY_BYTES_MAX + 1)), 413),
        (request(b"x" * (BODY_BYTES_MAX + 1), secret=""), 404),
        (request(b"{"), 400),
        (request(b"[" * 100_000), 400),
        (request(b'"\\ud800"'), 400),
        (request(b"\xff\xfe"), 400),
        (request(b'{"update_id": true}'), 400),
        (request(b'{"update_id": 1e999}'), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 404),
        (b"x" * (HEAD_BYTES_MAX + 1), 400),
        (request(ONE, **{"Content-Length": "7"}), 400),
        (request(ONE, **{"Transfer-Encoding": "gzip"}), 400),
        (b"", None),
        (request(ONE)[:-1], 400),
    ],
)
async def test_whatever_is_sent_is_answered_or_left_and_leaves_no_trace(
    autojump_clock: MockClock, sent: bytes, status: int | None
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with door_with_a_reader() as (door, came):
            heard = await answered(door, sent)
    assert [one for one in statuses(heard) if one != 100] == ([] if status is None else [status])
    assert came == ([OtherUpdate(5)] if status == 200 else [])
    assert logs == []


async def test_one_connection_brings_many_also_in_pieces(autojump_clock: MockClock) -> None:
    async with door_with_a_reader() as (door, came):
        pieces = [request(json.dumps({"update_id": number}).encode()) for number in range(3)]
        whole = b"".join(pieces)
        heard = await answered(door, *(whole[place : place + 7] for place in range(0, len(whole), 7)))
    assert statuses(heard) == [200, 200, 200]
    assert came == [OtherUpdate(0), OtherUpdate(1), OtherUpdate(2)]


async def test_who_says_nothing_more_is_left_and_keeps_nobody_out(autojump_clock: MockClock) -> None:
    async with door_with_a_reader() as (door, came), trio.open_nursery() as nursery:
        silent = [memory_stream_pair() for _ in range(MAX_CONNECTIONS)]
        for ours, theirs in silent:
            nursery.start_soon(door.serve, theirs)
            await ours.send_all(b"POST")
        assert await answered(door, request(ONE)) == b""
        await trio.sleep(REQUEST_WITHIN_S + 1)
        assert statuses(await answered(door, request(ONE))) == [200]
    assert came == [OtherUpdate(5)]


async def test_an_update_that_the_library_cannot_read_is_confirmed(fake: FakeBotApi) -> None:
    async with by_webhook(fake) as api:
        assert await api.updates(None, 0) == []
        fake.push_raw({"message": {"of": "another form"}})
        [update] = await api.updates(None, 60)
        assert update == OtherUpdate(fake._updates)
        assert await api.updates(update.update_id + 1, 0) == []
        await until(lambda: not fake._pending)
