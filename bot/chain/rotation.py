"""Which endpoint a connection that is opened goes to, where several are followed at once: each in turn."""

from __future__ import annotations

from collections.abc import Container, Sequence

from bot.chain.slot_bound import SlotBound


class Rotation:
    """The places of some endpoints; `tellers` are their names, by which `bound` knows who is left alone for a while."""

    def __init__(self, tellers: Sequence[str], bound: SlotBound | None) -> None:
        self._tellers, self._bound = tuple(tellers), bound
        self.upcoming = 0

    def take(self, followed: Container[int]) -> int:
        """The next place in turn that is not followed, of which one at least must be left; who rests comes last."""
        count = len(self._tellers)
        in_turn = [one % count for one in range(self.upcoming, self.upcoming + count) if one % count not in followed]
        place = next((one for one in in_turn if not self.rests(one)), in_turn[0])
        self.upcoming = (place + 1) % count
        return place

    def rests(self, place: int) -> bool:
        """Whether its endpoint was caught lately."""
        return self._bound is not None and self._bound.rests(self._tellers[place])
