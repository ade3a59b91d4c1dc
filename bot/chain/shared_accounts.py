"""Reads of accounts that are asked for at once share a `getMultipleAccounts`, which every endpoint takes.

Who asks while a read is under way is in the next one, each account in it once. Exits share with exits alone, so that none
waits for anybody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from bot.chain.endpoints import Endpoints
from bot.chain.rpc import MAX_ACCOUNTS, AccountData, Commitment
from bot.chain.rpc_errors import SlotNotReached
from bot.execution.lanes import in_exit_lane

# A read that takes longer than this holds up the next one no more.
PATIENCE_S = 0.1


@dataclass(frozen=True, slots=True)
class Seen:
    """What the endpoint `name` showed at `slot`: accounts by address, None for one that it does not show."""

    name: str
    slot: int
    accounts: dict[str, AccountData | None]


@dataclass(slots=True, eq=False)
class _Read:
    """One request: `not_before` is the newest slot that anybody in it needs. It is open until its maker sends it."""

    addresses: dict[str, None] = field(default_factory=dict)
    not_before: int = 0
    done: trio.Event = field(default_factory=trio.Event)
    seen: Seen | None = None
    error: Exception | None = None

    def has_room_for(self, addresses: Sequence[str]) -> bool:
        return len(self.addresses) + sum(one not in self.addresses for one in addresses) <= MAX_ACCOUNTS

    def join(self, addresses: Sequence[str], not_before: int) -> None:
        self.addresses.update(dict.fromkeys(addresses))
        self.not_before = max(self.not_before, not_before)


@dataclass(slots=True, eq=False)
class _Queue:
    """`newest` is the read that was made last, `is_open` whether others may still join it."""

    newest: _Read | None = None
    is_open: bool = False


class SharedAccounts:
    """Asks the pool for accounts. Whoever is first in a read makes it; given up by him, the others ask anew."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._queues: dict[tuple[bool, Commitment, str], _Queue] = {}

    async def read(
        self, addresses: Sequence[str], commitment: Commitment, *, not_before: int = 0, besides: str = ""
    ) -> Seen:
        """The accounts as one endpoint shows them, asked for after this call began, at no older slot than `not_before`.

        The endpoint `besides` is not asked. More accounts than one request takes are asked for alone. Raises
        ChainUnavailable, SlotNotReached for one.
        """
        if len(addresses) > MAX_ACCOUNTS:
            return await self._ask(addresses, commitment, not_before, besides)
        queue = self._queues.setdefault((in_exit_lane(), commitment, besides), _Queue())
        while True:
            read = queue.newest
            if read is not None and queue.is_open and read.has_room_for(addresses):
                read.join(addresses, not_before)
                await read.done.wait()
            else:
                read = await self._make(queue, addresses, commitment, not_before, besides)
            if read.seen is not None:
                return Seen(read.seen.name, read.seen.slot, {one: read.seen.accounts[one] for one in addresses})
            if isinstance(read.error, SlotNotReached) and not_before < read.not_before:
                # It was too early for somebody else.
                return await self._ask(addresses, commitment, not_before, besides)
            if read.error is not None:
                raise read.error

    async def alone(self, addresses: Sequence[str], commitment: Commitment) -> Seen:
        """The accounts in a request of their own, which waits for none before it; raises as `read`."""
        return await self._ask(addresses, commitment, 0, "")

    async def _make(
        self, queue: _Queue, addresses: Sequence[str], commitment: Commitment, not_before: int, besides: str
    ) -> _Read:
        """Open a read, wait for the one before it, close it and ask."""
        before = queue.newest
        read = queue.newest = _Read()
        queue.is_open = True
        read.join(addresses, not_before)
        try:
            if before is None or before.done.is_set():
                await trio.lowlevel.checkpoint()
            else:
                with trio.move_on_after(PATIENCE_S):
                    await before.done.wait()
            before = None  # an error keeps this frame, which would keep every read that failed before it
            self._close(queue, read)
            read.seen = await self._ask(list(read.addresses), commitment, read.not_before, besides)
        except Exception as error:  # handed to everybody in it, who raises it
            read.error = error
        finally:
            self._close(queue, read)
            read.done.set()
        return read

    def _close(self, queue: _Queue, read: _Read) -> None:
        if queue.newest is read:
            queue.is_open = False

    async def _ask(self, addresses: Sequence[str], commitment: Commitment, not_before: int, besides: str) -> Seen:
        name, (slot, found) = await self._endpoints.first_named(
            lambda client: client.accounts(addresses, commitment, not_before=not_before),
            hedge=True,
            besides={besides} if besides else (),
        )
        return Seen(name, slot, found)
