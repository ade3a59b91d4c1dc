"""What is followed with a key is followed with the next one before the last one is left, so that no moment is missed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog
import trio

from bot.errors import ChainUnavailable
from bot.ports import LaunchHint, LaunchHints, LaunchSource, Listener, SourceLosses
from bot.trading.launch import StreamEvent

RETRY_MIN_S = 1.0
RETRY_MAX_S = 60.0

# Follows until cancelled, calls what it is given at every sign of life, and raises ChainUnavailable when it is lost.
Follow = Callable[[Callable[[], None]], Awaitable[None]]

log = structlog.get_logger()


class NewKey:
    """The moment at which a key changes. `came` is for whoever looks at the key's file."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def came(self) -> None:
        """There is a new key."""
        self._event.set()
        self._event = trio.Event()

    async def wait(self) -> None:
        """Until the next change."""
        await self._event.wait()


class HandOver:
    """One `follow` at a time, and a second one beside it after a change of the key until that one gives a sign of life."""

    def __init__(self, name: str, new_key: NewKey, follow: Follow) -> None:
        self._name = name
        self._new_key = new_key
        self._follow = follow
        self._standing = 0
        self._scopes: dict[int, trio.CancelScope] = {}
        self._trouble: ChainUnavailable | None = None

    async def run(self) -> NoReturn:
        """Until the one that stands is lost; raises what it raised. To be called once."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stand, nursery.cancel_scope)
            number = 0
            while True:
                await self._new_key.wait()
                number += 1
                nursery.start_soon(self._take_over, number, nursery.cancel_scope)
        raise self._trouble or ChainUnavailable(f"{self._name}: it ended without a reason")

    async def _stand(self, everything: trio.CancelScope) -> None:
        trouble = await self._one(0)
        if self._standing == 0:
            self._end(trouble, everything)

    async def _take_over(self, number: int, everything: trio.CancelScope) -> None:
        """Follow under the key of now, again when that fails, until a later one stands."""
        rest_s = RETRY_MIN_S
        while self._standing < number:
            trouble = await self._one(number)
            if self._standing == number:
                self._end(trouble, everything)
                return
            if self._standing > number:
                return
            if rest_s == RETRY_MIN_S:
                log.warning("new_key_not_taken", source=self._name, reason=str(trouble))
            await trio.sleep(rest_s)
            rest_s = min(rest_s * 2, RETRY_MAX_S)

    async def _one(self, number: int) -> ChainUnavailable | None:
        """Follow once; what ended it, None where it was left for a later one."""
        trouble: ChainUnavailable | None = None
        with trio.CancelScope() as self._scopes[number]:
            try:
                await self._follow(lambda: self._lives(number))
            except ChainUnavailable as error:
                trouble = error
        del self._scopes[number]
        return trouble

    def _lives(self, number: int) -> None:
        """It tells something: whoever stood before may go, and so may who was tried between both."""
        if number <= self._standing:
            return
        self._standing = number
        log.info("new_key_taken", source=self._name)
        for earlier in [one for one in self._scopes if one < number]:
            self._scopes[earlier].cancel()

    def _end(self, trouble: ChainUnavailable | None, everything: trio.CancelScope) -> None:
        self._trouble = trouble
        everything.cancel()


class RenewedSource:
    """A source of launches whose key may change. What both tell while one takes over is told twice, which others absorb."""

    def __init__(self, source: LaunchSource, new_key: NewKey) -> None:
        self._source = source
        self._new_key = new_key

    def __repr__(self) -> str:
        return f"<RenewedSource {self.name}>"

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def complete(self) -> bool:
        return self._source.complete

    def losses(self) -> SourceLosses:
        return self._source.losses()

    async def follow(self, listener: Listener) -> NoReturn:
        async def follow(lives: Callable[[], None]) -> None:
            await self._source.follow(_Ear(listener, lives))

        await HandOver(self.name, self._new_key, follow).run()
        raise AssertionError("a source ends by raising")


class _Ear:
    """Hands on what it hears, and says so of every sign of life."""

    def __init__(self, listener: Listener, lives: Callable[[], None]) -> None:
        self._listener = listener
        self._lives = lives

    async def tell(self, event: StreamEvent) -> None:
        await self._listener.tell(event)

    def alive(self) -> None:
        self._lives()
        self._listener.alive()

    def knows(self, signature: str) -> bool:
        return self._listener.knows(signature)

    def launch_was_known(self) -> None:
        self._listener.launch_was_known()


class RenewedHints:
    """A service of hints whose key may change; a transaction that is named twice is read once."""

    def __init__(self, hints: LaunchHints, new_key: NewKey) -> None:
        self._hints = hints
        self._new_key = new_key

    def __repr__(self) -> str:
        return f"<RenewedHints {self.name}>"

    @property
    def name(self) -> str:
        return self._hints.name

    @property
    def tells_trades(self) -> bool:
        return self._hints.tells_trades

    async def follow(self, hinted: Callable[[LaunchHint], Awaitable[None]], alive: Callable[[], None]) -> NoReturn:
        async def follow(lives: Callable[[], None]) -> None:
            def both() -> None:
                lives()
                alive()

            await self._hints.follow(hinted, both)

        await HandOver(self.name, self._new_key, follow).run()
        raise AssertionError("a service of hints ends by raising")
