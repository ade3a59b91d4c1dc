"""What stands between whoever tells of events and whoever reads them: a bounded queue that ends with the reason."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from bot.errors import ChainUnavailable
from bot.trading.launch import StreamEvent

QUEUE = 4096


class EventQueue:
    """What the holder of a subscription iterates over; it ends by raising what ended the subscription.

    `begun` is set once something was heard, be it a slot, or `trouble` says why nothing ever will be.
    """

    def __init__(self) -> None:
        self.send, self._receive = trio.open_memory_channel[StreamEvent](QUEUE)
        self.begun = trio.Event()
        self.trouble: ChainUnavailable | None = None

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self

    async def __anext__(self) -> StreamEvent:
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise self.trouble or ChainUnavailable("the launch stream was closed") from None

    def end(self, why: str) -> None:
        """Nothing more will come; readers hear why behind the events before it."""
        self.trouble = ChainUnavailable(why)
        self.send.close()
        self.begun.set()


@asynccontextmanager
async def reading(fill: Callable[[EventQueue], Awaitable[None]]) -> AsyncIterator[EventQueue]:
    """The queue that `fill` fills, for as long as the block runs; entered once it has begun.

    Raises ChainUnavailable when it ended before it began, and the block's own error as it is.
    """
    events = EventQueue()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fill, events)
        await events.begun.wait()
        trouble: Exception | None = events.trouble
        if trouble is None:
            try:
                yield events
            except Exception as error:
                # Raised again outside of the nursery, which would wrap it in a group.
                trouble = error
        nursery.cancel_scope.cancel()
    if trouble is not None:
        raise trouble
