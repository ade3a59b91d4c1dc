"""Whose order is sent next while a block engine takes few a second: sales first, and users take turns. Pure."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

MOST_WAITING = 2_000
MOST_OF_ONE_USER = 100
# Bytes that waited this long are nearly too old to land; whoever follows the order hands them in again while they may.
STALE_S = 40.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """Signed bytes that wait for a block engine. `since_s` is when they came, `tries` how many regions did not take them."""

    raw: bytes
    user_id: str
    is_exit: bool
    since_s: float
    tries: int = 0


@dataclass(slots=True)
class _Lane:
    """What waits by user; the user at the front is next, and goes to the back when one of his was taken."""

    users: OrderedDict[str, deque[Parcel]] = field(default_factory=OrderedDict)

    def put(self, parcel: Parcel, *, first: bool) -> None:
        waiting = self.users.setdefault(parcel.user_id, deque())
        if first:
            waiting.appendleft(parcel)
            self.users.move_to_end(parcel.user_id, last=False)
        else:
            waiting.append(parcel)

    def take(self) -> Parcel | None:
        if not self.users:
            return None
        user_id, waiting = next(iter(self.users.items()))
        parcel = waiting.popleft()
        if waiting:
            self.users.move_to_end(user_id)
        else:
            del self.users[user_id]
        return parcel

    def of(self, user_id: str) -> int:
        return len(self.users.get(user_id, ()))


class Turns:
    """A bounded queue. The same bytes wait once, however often they are put in."""

    def __init__(self) -> None:
        self._exits, self._entries = _Lane(), _Lane()
        self._waiting: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, parcel: Parcel) -> bool:
        """Let bytes wait for their turn; False when too many wait already. A full queue still takes sales."""
        if parcel.raw in self._waiting:
            return True
        lane = self._lane(parcel)
        full = len(self._waiting) >= MOST_WAITING and not parcel.is_exit
        if full or lane.of(parcel.user_id) >= MOST_OF_ONE_USER:
            return False
        self._waiting.add(parcel.raw)
        lane.put(parcel, first=False)
        return True

    def put_back(self, parcel: Parcel) -> None:
        """Bytes that were taken and not sent keep their turn."""
        if parcel.raw not in self._waiting:
            self._waiting.add(parcel.raw)
            self._lane(parcel).put(parcel, first=True)

    def take(self, now_s: float) -> Parcel | None:
        """Whose turn it is, None when nobody waits; what has become stale is left out."""
        while (parcel := self._exits.take() or self._entries.take()) is not None:
            self._waiting.discard(parcel.raw)
            if now_s - parcel.since_s < STALE_S:
                return parcel
        return None

    def _lane(self, parcel: Parcel) -> _Lane:
        return self._exits if parcel.is_exit else self._entries
