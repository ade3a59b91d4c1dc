"""How far a stream may be ahead of the endpoints: one that names a slot which cannot be yet is left, and not believed.

A price counts by its slot, so that one made-up slot of the far future would hold back every later price of its coin.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

from bot.chain.endpoint import DISTRUST_S
from bot.chain.endpoints import SLOT_MEMORY_S
from bot.errors import ChainUnavailable

SLOT_S = 0.4
AHEAD_SLOTS = 32  # what the endpoints told last may be seconds old
QUICKER = 2  # how many times as fast as usual slots may come while the endpoints tell no new one


class SlotBound:
    """Judges the slots that streams name by `newest_slot`, that of the endpoints, 0 while nobody was heard.

    Of three endpoints that is the second newest (`Endpoints.newest_slot`), so that no single one moves the bound. Slots go on
    between two answers of the endpoints, and while none of them moves the bound goes on by itself, so that a stream is not
    blamed for their standing still. `distrust` hears the name and the reason of whoever is caught. Who was caught is left
    alone for `rest_s`, 0 where nobody else could be followed in its place.
    """

    def __init__(
        self,
        newest_slot: Callable[[], int],
        distrust: Callable[[str, str], None] | None = None,
        *,
        slot_s: float = SLOT_S,
        rest_s: float = DISTRUST_S,
    ) -> None:
        self._newest_slot = newest_slot
        self._distrust = distrust
        self._slot_s = slot_s
        self._rest_s = rest_s
        self._ahead_slots = max(AHEAD_SLOTS, math.ceil(SLOT_MEMORY_S / slot_s))
        self._slot = 0
        self._moved_at_s = -math.inf
        self._rests_until_s: dict[str, float] = {}

    def check(self, name: str, slot: int) -> None:
        """Raises ChainUnavailable for a slot that cannot be yet, of which nothing may be taken."""
        newest = self._newest_slot()
        if newest > self._slot:
            self._slot, self._moved_at_s = newest, trio.current_time()
        if newest == 0 or slot <= newest + self._ahead_slots:
            return
        now_s = trio.current_time()
        passed = QUICKER * (now_s - self._moved_at_s) / self._slot_s
        if slot <= newest + self._ahead_slots + passed:
            return
        reason = f"its stream told of slot {slot} while the endpoints were at {newest}"
        self._rests_until_s[name] = now_s + self._rest_s
        if self._distrust is not None:
            self._distrust(name, reason)
        raise ChainUnavailable(f"{name}: {reason}")

    def rests(self, name: str) -> bool:
        """Whether it was caught lately, and others are to be followed."""
        return trio.current_time() < self._rests_until_s.get(name, -math.inf)

    def refuse_caught(self, name: str) -> None:
        """Raises ChainUnavailable for one that rests."""
        if self.rests(name):
            left_s = self._rests_until_s[name] - trio.current_time()
            raise ChainUnavailable(
                f"{name}: its stream told of a slot that cannot be, it is left alone for {left_s:.0f} s"
            )
