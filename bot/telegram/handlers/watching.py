"""The story of one's own orders."""

from __future__ import annotations

from dataclasses import dataclass

from bot.clock import Clock
from bot.commands import Command
from bot.ports import Store
from bot.telegram.chat import Incoming
from bot.telegram.handlers.account import known
from bot.telegram.handlers.auto_trading import decision_line
from bot.telegram.parsing import wrong_usage
from bot.telegram.story_text import not_bought_text, story_text

POSITIONS_SEARCHED = 1_000  # of a user, the latest
DECISIONS_SHOWN = 3
LOOKS_SEARCHED_MS = 7 * 86_400_000  # how far back a sniper's looks are told


@dataclass(frozen=True, slots=True)
class WatchingHandlers:
    """`/why`."""

    store: Store
    clock: Clock

    async def why(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        """The story of one position, or of the latest one of a token; a token that was not bought has its looks."""
        if len(arguments) != 1:
            raise wrong_usage(command)
        user, word = known(incoming), arguments[0]
        mine = await self.store.recent_positions(user.id, POSITIONS_SEARCHED)
        position = next((row for row in mine if word in {row.id, row.mint}), None)
        if position is None:
            since_ms = self.clock.now_ms() - LOOKS_SEARCHED_MS
            runs = [run for run in await self.store.runs_since(user.id, since_ms) if run.mint == word]
            decided = await self.store.decisions(user.id, DECISIONS_SHOWN, word)
            lines = [decision_line(one, self.clock.now_ms()) for one in decided]
            return "\n".join([not_bought_text(word, runs), *(["Your automated trader:", *lines] if lines else [])])
        stories = [await self.store.order_story(intent) for intent in await self.store.orders_of(position.id)]
        return story_text(position, [story for story in stories if story is not None])
