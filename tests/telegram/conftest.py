"""Both chat services for the contract: the in-memory twin, and the real client on a strict fake of the Bot API."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from pydantic import SecretStr

from bot.clock import system_clock
from bot.ports import ChatApi
from bot.telegram.client import open_telegram
from bot.telegram.gateway_memory import MemoryTelegram
from tests.telegram.bot_api_schema import Schema
from tests.telegram.fake_bot_api import TOKEN, FakeBotApi
from tests.telegram.fake_bot_server import serving

TEST_DEADLINE_S = 15


@dataclass(frozen=True, slots=True)
class Service:
    """A chat service: our side of it, another program with the same token, and the people at its other end."""

    api: ChatApi
    second: ChatApi
    people: MemoryTelegram | FakeBotApi

    async def polled(self) -> None:
        """Wait until somebody waits for updates."""
        if isinstance(self.people, FakeBotApi):
            await self.people.polled.wait()
        else:
            await trio.testing.wait_all_tasks_blocked()


@pytest.fixture(scope="session")
def schema() -> Schema | None:
    """The Bot API's schema where the folder of other people's data is named; the fake is strict without it too."""
    folder = os.environ.get("BOT_SHARED_DATA")
    return Schema(Path(folder) / "botapi-schema.json") if folder else None


@pytest.fixture
async def fake(schema: Schema | None) -> AsyncIterator[FakeBotApi]:
    """A running fake of the Bot API; whatever we did on the wire that Telegram does not know fails the test."""
    with trio.fail_after(TEST_DEADLINE_S):
        async with serving(FakeBotApi(schema)) as running:
            yield running
    assert running.complaints == []


@pytest.fixture(params=["memory", "wire"])
async def service(request: pytest.FixtureRequest, schema: Schema | None) -> AsyncIterator[Service]:
    """The chat service under contract."""
    if request.param == "memory":
        twin = MemoryTelegram(system_clock())
        yield Service(twin, twin, twin)
        return
    with trio.fail_after(TEST_DEADLINE_S):
        async with (
            serving(FakeBotApi(schema)) as running,
            open_telegram(SecretStr(TOKEN), base_url=running.url) as api,
            open_telegram(SecretStr(TOKEN), base_url=running.url) as second,
        ):
            yield Service(api, second, running)
    assert running.complaints == []
