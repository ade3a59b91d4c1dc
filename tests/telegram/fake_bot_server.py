"""The fake Bot API as a server on loopback, or as an ASGI application for a wire without one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.leaks.detect import leaks
from tests.telegram.bot_api_messages import everything_in
from tests.telegram.fake_bot_api import FakeBotApi


@asynccontextmanager
async def serving(fake: FakeBotApi, *, port: int = 0) -> AsyncIterator[FakeBotApi]:
    """The fake on loopback, on a free port if none is given, in this task's trio; the token is appended to `fake.url`."""
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.errorlog = None
    async with trio.open_nursery() as nursery:
        bound = await nursery.start(partial(serve, app_of(fake), config))
        nursery.start_soon(fake.push)
        fake.url = f"{bound[0]}/bot"
        yield fake
        nursery.cancel_scope.cancel()
    fake.complaints += leaks(everything_in(fake.calls))


def app_of(fake: FakeBotApi) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        response = await fake.answer(Request(scope, receive))
        await response(scope, receive, send)

    return app
