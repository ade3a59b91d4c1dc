"""How far each flatten is, as rows that outlive the process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.trading.flatten import FlattenRow


class FlattenStore(Protocol):
    async def flatten_rows(self, flatten_id: str) -> list[FlattenRow]:
        """The rows of one flatten, the position that it took up first before the others."""

    async def save_flatten_rows(self, rows: Sequence[FlattenRow]) -> None:
        """Write rows, all or none, in one unit of work however many they are.

        Of a row that is there only a later one changes anything, and nothing changes one that is `sold`.
        """
