"""What users think of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.trading.community import Rating, Voice


@dataclass(frozen=True, slots=True)
class Remark:
    """A rating as an admin sees it, by its number."""

    number: int
    rating: Rating
    hidden_why: str


class CommunityStore(Protocol):
    async def rate(self, rating: Rating) -> str | None:
        """Keep a rating in the place of its user's earlier one of that token; why not where a limit holds it back.

        One that is hidden stays hidden. Raises LookupError for an unknown user.
        """

    async def take_rating_back(self, user_id: str, mint: str) -> bool:
        """Erase it; False where there is none."""

    async def voices(self, mint: str, limit: int) -> list[Voice]:
        """The latest ratings of a token with what weighs them, the newest first, hidden ones too."""

    async def remarks(self, limit: int) -> list[Remark]:
        """The latest ratings of all tokens that say more than a number, the newest first."""

    async def hide_rating(self, number: int, why: str, by: str, now_ms: int) -> str | None:
        """Hide a rating, or with an empty reason show it again; its mint, None for an unknown number. It is audited."""
