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
    the stream has not told. `slot` is the newest that it told before. A stream at another commitment than theirs tells of the
    chain as it was up to `behind_slots` before: it is judged by what they had seen so much earlier.
    """

    def __init__(self, silence_s: float, newest_slot: Callable[[], int], slot: int, *, behind_slots: int = 0) -> None:
        self._silence_s = silence_s
        self._newest_slot = newest_slot
        self._slot = slot
        self._behind_slots = behind_slots
        self._heard_at_s = trio.current_time()
        self._scope = trio.CancelScope(deadline=self._first_look_at_s())

    def heard(self, slot: int) -> None:
        """The stream told a new slot."""
        self._slot, self._heard_at_s = slot, trio.current_time()
        self._scope.deadline = self._first_look_at_s()

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """While a slow listener holds the reader up the connection is not silent."""
        since_s, deadline_s, self._scope.deadline = trio.current_time(), self._scope.deadline, math.inf
        yield
        held_s = trio.current_time() - since_s
        self._heard_at_s += held_s
        self._scope.deadline = deadline_s + held_s

    async def end(self, connection: trio.CancelScope) -> None:
        """Cancel the connection's scope once it counts as dead."""
        look_at_s = self._first_look_at_s()
        while True:
            await self._pass(look_at_s)
            look_at_s = self._first_look_at_s()
            if trio.current_time() < look_at_s:  # a slot came just as the time was up
                continue
            slot, has_gone_on = self._slot, self._newest_slot() > self._slot + self._behind_slots
            is_known = self._newest_slot() > 0
            if self._behind_slots:
                await self._pass(trio.current_time() + self._behind_slots * SLOT_S)
                look_at_s = self._first_look_at_s()
                if self._slot != slot:
                    continue
            if has_gone_on or not is_known or self._is_long():
                connection.cancel()
                return
            look_at_s = trio.current_time() + SLOT_S

    async def _pass(self, until_s: float) -> None:
        """Wait until then, and for as much longer as a new slot or a slow listener gives."""
        self._scope = trio.CancelScope(deadline=until_s)
        with self._scope:
            await trio.sleep_forever()

    def _first_look_at_s(self) -> float:
        return self._heard_at_s + self._silence_s - self._behind_slots * SLOT_S

    def _is_long(self) -> bool:
        waited_s = trio.current_time() - self._heard_at_s - self._silence_s
        return waited_s >= (SLOTS_WAITED_FOR - 0.5) * SLOT_S
