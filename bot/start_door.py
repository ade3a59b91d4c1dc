"""What a start waits for, told to whoever asks before there is a tree: on the console, by the control socket, to systemd."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog
import trio

from bot.clock import Clock, rfc3339, rfc3339_s
from bot.control import Answer, ControlServer
from bot.errors import BotError, StoreUnavailable
from bot.paths import control_socket

log = structlog.get_logger()

T = TypeVar("T")

RETRY_S = 1.0


@dataclass(slots=True)
class StartDoor:
    """The control socket of a start that waits, which answers `status` alone. One that waits for nothing has no door.

    `line` is what it waits for in words, empty while it waits for nothing.
    """

    directory: Path
    line: str = ""
    _record: Callable[[], Answer] = dict
    _changed: trio.Event = field(default_factory=trio.Event)
    _closed: trio.Event | None = None

    def tell(self, line: str, record: Callable[[], Answer]) -> None:
        """The start waits from now on: `line` in words, `record` for the answer to `status`, beside its state."""
        self.line, self._record = line, record
        self._change()

    async def close(self) -> None:
        """It waits for nothing any more; returns when the socket is free for the tree's own door."""
        self.line = ""
        self._change()
        if self._closed is not None:
            await self._closed.wait()

    async def serve(self) -> None:
        """Keep the door while there is something to wait for, until cancelled."""
        while True:
            while not self.line:
                await self._changed.wait()
            self._closed = trio.Event()
            try:
                await self._keep_open()
            except* BotError as group:
                log.warning("start_door_lost", reason=str(group.exceptions[0]))
            finally:
                self._closed.set()
                self._closed = None

    async def _keep_open(self) -> None:
        server = ControlServer(control_socket(self.directory), self._answer, self._open_chat)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve, _told)
            while self.line:
                await self._changed.wait()
            nursery.cancel_scope.cancel()

    async def _answer(self, request: Answer) -> Answer:
        await trio.lowlevel.checkpoint()
        if request.get("verb") == "status":
            return {"state": "STARTING", **self._record()}
        return {"error": self._refusal()}

    async def _open_chat(self, _: Answer, push: Callable[[str], None]) -> Any:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        raise BotError(self._refusal())

    def _refusal(self) -> str:
        return f"this bot is STARTING, {self.line}, and answers nothing but bot status; --data-dir names another bot"

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


@dataclass(frozen=True, slots=True)
class DatabasePatience:
    """Waits for a database that is away while the bot starts; `say` tells the console.

    Only what may be done twice is handed to it: a step whose outcome is unknown is done again.
    """

    door: StartDoor
    clock: Clock
    say: Callable[[str], None]

    async def through(self, step: Callable[[], Awaitable[T]]) -> T:
        """What `step` returns, tried again as long as it raises StoreUnavailable; any other error passes."""
        try:
            return await step()
        except StoreUnavailable as error:
            why = str(error)
        since_ms, began_s = self.clock.now_ms(), trio.current_time()
        waits = f"waits for its database since {rfc3339_s(since_ms)}"
        self.say(f"STARTING: {waits}: {why}; see runbooks/database.md")
        log.warning("database_waited_for", reason=why)
        while True:
            self.door.tell(waits, partial(_waits_for_database, since_ms, why))
            await trio.sleep(RETRY_S)
            try:
                result = await step()
            except StoreUnavailable as error:
                why = str(error)
            else:
                break
        await self.door.close()
        waited_s = trio.current_time() - began_s
        self.say(f"the database answers after {waited_s:.0f} s")
        log.info("database_answers", waited_s=round(waited_s, 1))
        return result


def _waits_for_database(since_ms: int, why: str) -> Answer:
    return {"waits": {"for": "database", "since": rfc3339(since_ms), "why": why}}


def _told() -> None:
    """Whoever asks finds the door; nobody waits for it."""
