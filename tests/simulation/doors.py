"""What stands between one life of the bot and everything that outlives it, so that the life can be cut off at any call.

A door wraps a port object and hands each call to the life, which lets it through, spoils it, or ends there. The product
knows nothing of it: it gets a door where it would get the adapter.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import Any, Protocol

import trio

from bot.errors import JournalUnavailable
from bot.storage.spool_codec import Record
from bot.storage.spool_journal import Journal
from bot.trading.trading_state import Halt

Perform = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a port. `file` and `line` are those of whoever made it."""

    port: str
    method: str
    file: str
    line: int
    arguments: tuple[Any, ...]
    named: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.port}.{self.method}"


class Watch(Protocol):
    """Somebody who looks at each call before and after it is carried out, and may spoil it by raising."""

    async def before(self, call: Call) -> None: ...

    async def after(self, call: Call, answer: Any) -> None: ...


@dataclass(slots=True)
class Life:
    """One life of the bot. Once it is dead nothing it does reaches the store, the chain, the vault or the halt file."""

    watches: Sequence[Watch] = ()
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    dead: bool = False

    def die(self) -> None:
        """End as a process ends by SIGKILL: no cleanup of this life has any effect on the world."""
        self.dead = True
        self.scope.cancel()

    async def carry_out(self, call: Call, perform: Perform) -> Any:
        """Let one call through, as the watches have it."""
        await self._end_here_if_dead()
        for watch in self.watches:
            await watch.before(call)
            await self._end_here_if_dead()
        answer = await perform()
        for watch in self.watches:
            await watch.after(call, answer)
            await self._end_here_if_dead()
        return answer

    async def _end_here_if_dead(self) -> None:
        """The scope is cancelled, so a dead life raises Cancelled here; in a cleanup that is shielded it waits that out."""
        if self.dead:
            await trio.sleep_forever()


class Door:
    """One port object seen through a life."""

    def __init__(self, port: str, behind: object, life: Life) -> None:
        self._port, self._behind, self._life = port, behind, life

    def __getattr__(self, method: str) -> Callable[..., Any]:
        behind = getattr(self._behind, method)
        if not iscoroutinefunction(behind):
            return behind  # type: ignore[no-any-return]

        def ask(*arguments: Any, **named: Any) -> Awaitable[Any]:
            caller = sys._getframe(1)
            call = Call(self._port, method, caller.f_code.co_filename, caller.f_lineno, arguments, named)
            return self._life.carry_out(call, lambda: behind(*arguments, **named))

        return ask


@dataclass(slots=True)
class HaltDoor:
    """The halt file seen through a life."""

    kept_halt: Callable[[], Halt | None]
    keep_halt: Callable[[Halt | None], None]
    life: Life

    def keep(self, halt: Halt | None) -> None:
        if not self.life.dead:
            self.keep_halt(halt)

    def kept(self) -> Halt | None:
        return self.kept_halt()


@dataclass(slots=True)
class JournalDoor:
    """The journal of exits seen through a life.

    Each append is a call of the port `journal`, which the watches may refuse as a full disk does, or die at. The journal
    is written past cancellations, so a life that is dead is refused here instead of waiting for an end that never comes.
    """

    journal: Journal
    life: Life

    def records(self) -> tuple[Record, ...]:
        return self.journal.records()

    async def append(self, record: Record) -> None:
        call = Call("journal", "append", "", 0, (record,), {})
        for watch in self.life.watches:
            self._alive()
            await watch.before(call)
        self._alive()
        await self.journal.append(record)
        for watch in self.life.watches:
            await watch.after(call, None)
            self._alive()

    async def clear(self) -> None:
        self._alive()
        await self.journal.clear()

    async def set_aside(self) -> str:
        self._alive()
        return await self.journal.set_aside()

    async def reserve(self) -> None:
        self._alive()
        await self.journal.reserve()

    def _alive(self) -> None:
        if self.life.dead:
            raise JournalUnavailable("this life is over")
