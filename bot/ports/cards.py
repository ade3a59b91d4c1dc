"""Cards: messages that show a position and are edited while it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.ports.chat import Button
from bot.ports.positions import PricePoint
from bot.trading.curve import Fees
from bot.trading.limits import UserSettings
from bot.trading.position import Position


@dataclass(frozen=True, slots=True)
class CardView:
    """What a card shows. `point` are the newest reserves known, however old; None where none are.

    `is_selling` says that a sale of it is on its way. `ended_by` is why a closed position was sold, as orders have it;
    empty where no order did.
    """

    position: Position
    settings: UserSettings
    now_ms: int
    point: PricePoint | None = None
    fees: Fees | None = None
    is_selling: bool = False
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A card in words: `news` is what it says, `stamp` when that was so."""

    title: str
    news: str
    stamp: str
    buttons: tuple[Button, ...]

    def below(self, lead: str) -> str:
        """The whole message; `lead` stands in the place of the title where there is one."""
        return "\n".join([lead or self.title, "", *filter(None, [self.news, self.stamp])])


class CardFace(Protocol):
    """Who turns a position into words."""

    def show(self, view: CardView) -> Card: ...

    def moved(self, lead: str) -> str:
        """What an earlier card of a position says once there is a later one."""


class SpareEdits(Protocol):
    async def edit_if_idle(self, chat_id: int, message_id: int, text: str, buttons: Sequence[Button] = ()) -> bool:
        """Edit a message of ours if nobody else wants the next turns of its chat or of the bot.

        False where there is no room now: then nothing was tried, and nothing waits. Raises what `ChatApi.edit` raises.
        """
