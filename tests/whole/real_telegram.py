"""The fake Bot API beside a real bot: a server in a thread that a test can close and open again on the same port.

The fake's own state stays while it is closed, as Telegram's does while nobody can reach it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TypeVar
from urllib.parse import urlsplit

import trio

from tests.telegram.fake_bot_api import FakeBotApi
from tests.telegram.fake_bot_server import serving
from tests.whole.real import POLL_S, UNTIL_WITHIN_S

Result = TypeVar("Result")

UP_WITHIN_S = 10.0


class TelegramOutside:
    """People at their end of Telegram, and Telegram's own troubles. Every call runs in the server's thread."""

    def __init__(self) -> None:
        self.fake = FakeBotApi()
        self._port = 0
        self._token: trio.lowlevel.TrioToken | None = None
        self._closed = trio.Event()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """What the token is appended to; the same whenever it is open."""
        return self.fake.url

    def open(self) -> None:
        """Answer again, or for the first time."""
        assert self._thread is None, "it is open"
        said: SimpleQueue[BaseException | None] = SimpleQueue()

        async def serve() -> None:
            self._closed = trio.Event()
            async with serving(self.fake, port=self._port):
                self._token = trio.lowlevel.current_trio_token()
                self._port = urlsplit(self.fake.url).port or 0
                said.put(None)
                await self._closed.wait()

        def main() -> None:
            try:
                trio.run(serve)
            except BaseException as error:
                said.put(error)
                raise

        self._thread = threading.Thread(target=main, name="the fake Bot API")
        self._thread.start()
        if (error := said.get(timeout=UP_WITHIN_S)) is not None:
            raise error

    def close(self) -> None:
        """Connections end and new ones are refused."""
        if self._thread is None or self._token is None:
            return
        self._token.run_sync_soon(self._closed.set)
        self._thread.join()
        self._thread = self._token = None

    def do(self, call: Callable[[FakeBotApi], Result]) -> Result:
        """Something that people or Telegram do, or a look at what they see."""
        if self._token is None:
            return call(self.fake)
        return trio.from_thread.run_sync(call, self.fake, trio_token=self._token)

    def texts(self, chat_id: int) -> list[str]:
        """What the bot has written into a chat and what still stands there, oldest first."""
        return self.do(lambda fake: [shown.text for shown in fake.messages(chat_id) if shown.ours])

    def until(self, wanted: str, holds: Callable[[], bool]) -> None:
        """Look until it holds; a deadline only ends a test that has failed already."""
        deadline_s = time.monotonic() + UNTIL_WITHIN_S
        while not holds():
            assert time.monotonic() < deadline_s, f"{wanted}: not within {UNTIL_WITHIN_S:.0f} s"
            time.sleep(POLL_S)

    def asks(self, chat_id: int, text: str, words: str) -> None:
        """Say something and wait for one more message with these words in it."""
        before = sum(words in one for one in self.texts(chat_id))
        self.do(lambda fake: fake.say(chat_id, text))
        self.until(f"{words!r} after {text}", lambda: sum(words in one for one in self.texts(chat_id)) > before)


@contextmanager
def telegram_outside() -> Iterator[TelegramOutside]:
    """Open from the start; whatever we did on the wire that Telegram does not know fails the test."""
    outside = TelegramOutside()
    outside.open()
    try:
        yield outside
    finally:
        outside.close()
    assert outside.fake.complaints == []
