"""Owns the process that draws pictures: starts it when one is wanted, ends it when none is, replaces it when it fails.

Nobody waits for a picture. The answer that it belongs to was said before, and what cannot be drawn is told in a few words.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf

import structlog
import trio

from actors.runtime import Context
from bot.errors import PictureUnavailable, Unavailable
from bot.ports import DrawingProcess, Recipe

log = structlog.get_logger()

WAITING_MAX = 50  # pictures that are wanted at once
READ_S = 5.0  # for what a picture shows
DRAW_S = 5.0  # for one picture, the start of the process included
IDLE_S = 120.0  # an idle process is ended, and started again for the next picture
FAILURES = 3  # in a row; then nothing is tried for a while, longer each time
REST_MIN_S = 5.0
REST_MAX_S = 300.0

BUSY = "too many pictures are asked for now"
RESTING = "the drawing process has failed several times and rests"
SLOW = "drawing took too long"
UNREAD = "what it shows cannot be read now"
BROKEN = "it could not be made"

Deliver = Callable[[bytes | str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PictureStatistics:
    """What was drawn and what was not since the start, how many wait, and how often a process was started."""

    drawn: int
    failed: int
    waiting: int
    started: int


@dataclass(slots=True, repr=False)
class PictureDrawer:
    """Implements `bot.ports.Pictures`. `begin` starts a process and raises PictureUnavailable where it cannot.

    A failure of the process is no crash of this actor: it costs one picture.
    """

    begin: Callable[[], DrawingProcess]
    _wanted: deque[tuple[Recipe, Deliver]] = field(default_factory=deque)
    _arrived: trio.Event = field(default_factory=trio.Event)
    _process: DrawingProcess | None = None
    _drawing: trio.Lock = field(default_factory=trio.Lock)
    _under_way: int = 0
    _failures: int = 0
    _rests_until_s: float = -inf
    _drawn: int = 0
    _failed: int = 0
    _started: int = 0

    def statistics(self) -> PictureStatistics:
        """A look at it."""
        return PictureStatistics(self._drawn, self._failed, len(self._wanted) + self._under_way, self._started)

    def show(self, recipe: Recipe, deliver: Deliver) -> bool:
        if len(self._wanted) + self._under_way >= WAITING_MAX:
            log.warning("picture_refused", waiting=WAITING_MAX)
            return False
        self._wanted.append((recipe, deliver))
        self._arrived.set()
        return True

    async def run(self, ctx: Context) -> None:
        """The actor. What was wanted and not begun outlives its restart."""
        self._drawing, self._under_way = trio.Lock(), 0
        ctx.ready()
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    self._arrived = trio.Event()
                    while self._wanted:
                        self._under_way += 1
                        nursery.start_soon(self._make, *self._wanted.popleft())
                    with trio.move_on_after(IDLE_S if self._process is not None else inf) as patience:
                        await self._arrived.wait()
                    if patience.cancelled_caught and not self._under_way:
                        self._end()
        finally:
            self._end()

    async def _make(self, recipe: Recipe, deliver: Deliver) -> None:
        """One picture from what it shows to its reader. A mistake in one is logged and ends no other."""
        try:
            outcome = await self._outcome(recipe)
            self._drawn += isinstance(outcome, bytes)
            self._failed += isinstance(outcome, str)
            await deliver(outcome)
        except Exception:
            log.exception("picture_failed")
        finally:
            self._under_way -= 1
            self._arrived.set()  # from here on it is idle

    async def _outcome(self, recipe: Recipe) -> bytes | str:
        try:
            with trio.fail_after(READ_S):
                picture = await recipe()
        except (Unavailable, trio.TooSlowError) as error:
            log.info("picture_unread", reason=str(error))
            return UNREAD
        except LookupError as error:
            return str(error.args[0]) if error.args else BROKEN
        async with self._drawing:
            if trio.current_time() < self._rests_until_s:
                return RESTING
            return await self._drawn_by_process(lambda process: process.draw(picture))

    async def _drawn_by_process(self, draw: Callable[[DrawingProcess], Awaitable[bytes]]) -> bytes | str:
        """The PNG. Whatever goes wrong with a process ends it."""
        is_done = False
        try:
            with trio.fail_after(DRAW_S):
                if self._process is None:
                    self._process = self.begin()
                    self._started += 1
                content = await draw(self._process)
            self._failures, is_done = 0, True
        except trio.TooSlowError:
            return self._failure(SLOW)
        except PictureUnavailable as error:
            return self._failure(str(error))
        else:
            return content
        finally:
            if not is_done:
                self._end()

    def _failure(self, why: str) -> str:
        self._failures += 1
        log.warning("picture_not_drawn", reason=why, in_a_row=self._failures)
        if self._failures < FAILURES:
            return why if why == SLOW else BROKEN
        rest_s = min(REST_MIN_S * 2.0 ** (self._failures - FAILURES), REST_MAX_S)
        self._rests_until_s = trio.current_time() + rest_s
        return RESTING

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
