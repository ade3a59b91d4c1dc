"""The real client of Telegram on the strict fake of the Bot API without a socket, so that both run in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from pydantic import SecretStr

from bot.telegram.client import GuardedRequest, TelegramClient, open_telegram
from tests.telegram.fake_bot_api import TOKEN, FakeBotApi
from tests.telegram.fake_bot_server import app_of

HOST = "http://telegram.invalid/bot"


@asynccontextmanager
async def client_in_memory(fake: FakeBotApi) -> AsyncIterator[TelegramClient]:
    """The client as the bot makes it; its two connection pools end in the fake instead of in the network."""
    fake.url = HOST
    async with open_telegram(SecretStr(TOKEN), base_url=HOST) as client:
        for request in (client._polling, client._bot.request):
            assert isinstance(request, GuardedRequest)
            request._client_kwargs["transport"] = httpx.ASGITransport(app_of(fake))
            await request.shutdown()
            await request.initialize()
        yield client
