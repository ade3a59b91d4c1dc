"""From where on a stream may have missed something, behind the last slot that was told whole; and what stands there.

The last message is no such place. A slot's transactions are told in the order in which they were done and not in the one in which
the slot lists them: one that was never told may stand before the last that was, when a stream falls silent within a slot.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable

import structlog
import trio

from bot.errors import ChainUnavailable

log = structlog.get_logger()

Mark = tuple[str, int]  # a transaction's signature and its slot

# A slot is told whole once one that is this much later was told: logs and slots come by ways of their own within a node.
COMPLETE_BEHIND_SLOTS = 2
OPEN_SLOTS_MAX = 64

CONFIRMED_AFTER_S = 1.0  # what was logged before a connection stood shows at `confirmed` by then
REPAIR_TRIES = 8  # while nobody answers; what is missed for longer is too old to be hunted
MAX_REPAIR_SLOTS = 25  # ten seconds; launches that are older are too old as well

# Signatures with their slots of the launchpad's transactions that succeeded, the newest first, down to a signature.
FetchSince = Callable[[str], Awaitable[list[Mark]]]


class ToldUpTo:
    """Up to where one connection has told everything. `proven` is what those before it had told whole."""

    def __init__(self, proven: Mark | None = None) -> None:
        self.proven = proven
        self._open: OrderedDict[int, str] = OrderedDict()  # the transaction of each slot that was told first

    def __repr__(self) -> str:
        return f"<ToldUpTo {self.proven}>"

    @property
    def mark(self) -> Mark | None:
        """The transaction behind which something may be missing; None where nothing was told at all."""
        if self.proven is not None or not self._open:
            return self.proven
        slot = min(self._open)
        return self._open[slot], slot

    def told(self, signature: str, slot: int) -> None:
        """A transaction was told."""
        self._open.setdefault(slot, signature)
        if len(self._open) > OPEN_SLOTS_MAX:
            self._open.popitem(last=False)

    def reached(self, newest_slot: int) -> None:
        """A slot was told: those that are enough earlier are complete."""
        for slot in [slot for slot in self._open if slot + COMPLETE_BEHIND_SLOTS <= newest_slot]:
            self.proven = later(self.proven, (self._open.pop(slot), slot))


def later(one: Mark | None, other: Mark | None) -> Mark | None:
    """The later of two marks."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda mark: mark[1])


def earlier(one: Mark | None, other: Mark) -> Mark:
    """The earlier of two marks."""
    return other if one is None else min(one, other, key=lambda mark: mark[1])


async def missed_since(fetch: FetchSince, mark: Mark) -> tuple[list[Mark], bool]:
    """What was logged after a transaction and in its slot, oldest first, and whether that is all of it.

    It is nothing where nobody says so in time, and the newest part where more than `MAX_REPAIR_SLOTS` are missing.
    """
    signature, slot = mark
    reason = ""
    for _ in range(REPAIR_TRIES):
        await trio.sleep(CONFIRMED_AFTER_S)
        try:
            listed = await fetch(signature)
        except ChainUnavailable as error:
            reason = str(error)
            continue
        newest_slot = max((one[1] for one in listed), default=slot)
        since_slot = max(slot, newest_slot - MAX_REPAIR_SLOTS)
        return [one for one in reversed(listed) if one[1] >= since_slot], since_slot == slot
    log.warning("stream_gap_not_repaired", since_slot=slot, reason=reason)
    return [], False
