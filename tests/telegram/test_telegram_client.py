"""The real client against servers that hang, refuse, babble or send what no library knows: one typed error, no token."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
from pydantic import SecretStr
from telegram.error import NetworkError

from bot.errors import ChatUnavailable
from bot.ports import ChatText, OtherUpdate
from bot.telegram.client import MAX_IN_FLIGHT, SPARE_CONNECTIONS, GuardedRequest, TelegramClient, open_telegram
from tests.telegram.fake_bot_api import TOKEN, FakeBotApi
from tests.telegram.gateway_world import until

ADA = 7


@asynccontextmanager
async def _client(fake: FakeBotApi, token: str = TOKEN, call_s: float = 10) -> AsyncIterator[TelegramClient]:
    async with open_telegram(SecretStr(token), base_url=fake.url, call_s=call_s) as client:
        yield client


async def _unavailable(client: TelegramClient) -> str:
    """How a call that gets no usable answer is told; no part of it may show the token."""
    with pytest.raises(ChatUnavailable) as raised:
        await client.send(ADA, "hello")
    error = raised.value
    assert error.__suppress_context__
    assert TOKEN not in f"{error} {error!r} {error.__cause__!r} {client!r}"
    return str(error)


async def test_a_server_that_hangs_is_given_up_at_the_deadline(fake: FakeBotApi) -> None:
    async with _client(fake, call_s=0.2) as client:
        fake.hang("send")
        assert "did not answer within" in await _unavailable(client)


async def test_a_poll_that_is_never_answered_is_given_up_after_its_wait(fake: FakeBotApi) -> None:
    async with _client(fake, call_s=0.2) as client:
        fake.hang("updates")
        with pytest.raises(ChatUnavailable, match="did not answer within"):
            await client.updates(None, 0)


async def test_a_server_that_is_not_there(fake: FakeBotApi) -> None:
    async with open_telegram(SecretStr(TOKEN), base_url="http://127.0.0.1:1/bot") as client:
        assert "ConnectError" in await _unavailable(client)


async def test_an_error_page_that_quotes_the_url(fake: FakeBotApi) -> None:
    async with _client(fake) as client:
        fake.lose("send")
        assert "Bad Gateway (502)" in await _unavailable(client)


@pytest.mark.parametrize("body", [b"", b"<html>hotel wifi</html>", b"[]", b"null", b'{"ok":true}', b"\xff\xfe"])
async def test_an_answer_that_is_none(fake: FakeBotApi, body: bytes) -> None:
    async with _client(fake) as client:
        fake.answer_with("send", body)
        assert "no usable answer" in await _unavailable(client)


async def test_a_token_that_telegram_does_not_know(fake: FakeBotApi) -> None:
    other = "654321:" + "not-the-token"
    async with _client(fake, other) as client:
        told = await _unavailable(client)
    assert "refused the bot's token" in told
    assert other not in told


async def test_a_new_token_is_used_at_once_and_a_poll_that_waits_begins_again_under_it(fake: FakeBotApi) -> None:
    new, heard = "123456:another-one", list[ChatText]()

    async def poll(client: TelegramClient) -> None:
        heard.extend(update for update in await client.updates(None, 60) if isinstance(update, ChatText))

    async with _client(fake) as client, trio.open_nursery() as nursery:
        nursery.start_soon(poll, client)
        await fake.polled.wait()
        fake.token, fake.polled = new, trio.Event()
        assert "refused the bot's token" in await _unavailable(client)
        client.use(SecretStr(new))
        await fake.polled.wait()
        fake.say(ADA, "/status")
        await until(lambda: [one.text for one in heard] == ["/status"])
        assert await client.send(ADA, "hello") > 0


async def test_an_empty_token_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(ValueError, match="token is empty"):
        async with open_telegram(SecretStr("")):
            pass


async def test_one_update_that_nobody_can_read_does_not_hide_the_others(fake: FakeBotApi) -> None:
    async with _client(fake) as client:
        fake.say(ADA, "/buy A 1")
        fake.push_raw({"message": {"message_id": "of a later century"}})
        fake.push_raw({"something_new": {"id": 1}})
        fake.push_raw({"message": {"message_id": 1, "date": 10**18, "chat": {"id": ADA, "type": "private"}}})
        fake.say(ADA, "/sell A all")
        buy, strange, new, undated, sell = await client.updates(None, 1)
        assert isinstance(buy, ChatText)
        assert isinstance(sell, ChatText)
        assert [buy.text, sell.text] == ["/buy A 1", "/sell A all"]
        assert strange == OtherUpdate(buy.update_id + 1)
        assert new == OtherUpdate(buy.update_id + 2)
        assert undated == OtherUpdate(buy.update_id + 3)
        assert await client.updates(sell.update_id + 1, 0) == []


async def test_a_caption_is_a_text_too(fake: FakeBotApi) -> None:
    async with _client(fake) as client:
        fake.show_picture(ADA, "my key")
        [update] = await client.updates(None, 1)
        assert isinstance(update, ChatText)
        assert update.text == "my key"


async def test_neither_the_token_nor_what_people_write_is_logged(
    fake: FakeBotApi, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with _client(fake) as client:
            fake.say(ADA, "a private matter")
            fake.push_raw({"message": {"text": "another private matter"}})
            assert len(await client.updates(None, 1)) == 2
            fake.answer_with("send", b"a private answer")
            await _unavailable(client)
    logged = "\n".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.records)
    assert TOKEN not in logged
    assert "private" not in logged


async def test_cancelled_calls_lose_no_connection(fake: FakeBotApi) -> None:
    """httpx 0.28.1 loses pool slots when queued requests are cancelled, unless a limiter stands before the pool."""
    fake.say(ADA, "/start")
    async with _client(fake) as client:
        held = fake.hold("whoami")

        async def hurry() -> None:
            with trio.move_on_after(0.05):
                await client.whoami()

        async with trio.open_nursery() as nursery:
            for _ in range(3 * MAX_IN_FLIGHT):
                nursery.start_soon(hurry)
        held.set()
        assert await client.whoami() == "fake_bot"
        await client.send(ADA, "hello")


async def test_a_pool_whose_slots_are_all_stuck_is_renewed(fake: FakeBotApi) -> None:
    request = GuardedRequest(1)
    url = f"{fake.url}{TOKEN}/getMe"
    held = fake.hold("whoami")
    async with trio.open_nursery() as nursery:

        async def hold_a_slot() -> None:
            with pytest.raises(httpx.HTTPError):
                await request._client.post(url)

        for _ in range(1 + SPARE_CONNECTIONS):
            nursery.start_soon(hold_a_slot)
        await until(lambda: held.statistics().tasks_waiting > SPARE_CONNECTIONS)
        with pytest.raises(NetworkError, match="the connection pool was stuck and has been renewed"):
            await request.post(url)
    held.set()
    assert await request.post(url)
    await request.shutdown()
