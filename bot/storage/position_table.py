"""Positions by id that are found by their user as well, so that nobody goes over those of all users for one of them."""

from __future__ import annotations

from bot.trading.position import Position


class PositionTable(dict[str, Position]):
    """A dictionary of positions by id. A position never changes its user."""

    def __init__(self) -> None:
        super().__init__()
        self._of_user: dict[str, dict[str, None]] = {}

    def __setitem__(self, position_id: str, position: Position) -> None:
        super().__setitem__(position_id, position)
        self._of_user.setdefault(position.user_id, {})[position_id] = None

    def discard(self, position_id: str) -> None:
        """Take a position out; one that is not there changes nothing."""
        if (position := super().pop(position_id, None)) is not None:
            del self._of_user[position.user_id][position_id]

    def clear(self) -> None:
        super().clear()
        self._of_user.clear()

    def of_user(self, user_id: str) -> list[Position]:
        """His positions in the order in which they came."""
        return [self[position_id] for position_id in self._of_user.get(user_id, ())]
