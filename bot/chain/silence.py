"""When a stream that tells no new slot is dead, and when it is the chain that stands.

Nobody tells of slots without a block. A leader has four slots in a row, and on a real cluster one who is away is an ordinary
thing: two seconds pass from the block before him to the one behind him. A stream is blamed for silence when the endpoints
have seen the chain go on without it; when they have not, another such leader is waited for, and then it is dead all the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

SLOT_S = 0.4
SLOTS_WAITED_FOR = 4


class Silence:
    """The patience with one connection, from now on.

    No new slot for `silence_s` ends it, unless `newest_slot`, that of the endpoints, 0 while it is not known, is none that
    the stream has not told. `slot` is the newest that it told before.
    """

    def __init__(self, silence_s: float, newest_slot: Callable[[], int], slot: int) -> None:
        self._silence_s = silence_s
        self._newest_slot = newest_slot
        self._slot = slot
        self._waited_for = 0
        self._scope = trio.CancelScope(deadline=trio.current_time() + silence_s)

    def heard(self, slot: int) -> None:
        """The stream told a new slot."""
        self._slot, self._waited_for = slot, 0
        self._scope.deadline = trio.current_time() + self._silence_s

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """While a slow listener holds the reader up the connection is not silent."""
        left_s, self._scope.deadline = self._scope.deadline - trio.current_time(), math.inf
        yield
        self._scope.deadline = trio.current_time() + left_s

    async def end(self, connection: trio.CancelScope) -> None:
        """Cancel the connection's scope once it counts as dead."""
        while True:
            with self._scope:
                await trio.sleep_forever()
            if self._waited_for == SLOTS_WAITED_FOR or not self._chain_stands():
                connection.cancel()
                return
            self._waited_for += 1
            self._scope = trio.CancelScope(deadline=trio.current_time() + SLOT_S)

    def _chain_stands(self) -> bool:
        return 0 < self._newest_slot() <= self._slot
