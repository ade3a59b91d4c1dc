"""Following other people's wallets, and the story of one's own orders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.clock import Clock
from bot.commands import Command
from bot.ports import Store, TrackedWallet
from bot.telegram.chat import Incoming
from bot.telegram.handlers.account import known
from bot.telegram.handlers.trade import key_of
from bot.telegram.parsing import UsageError, wrong_usage
from bot.telegram.story_text import not_bought_text, story_text
from bot.telegram.words import short
from bot.trading.followable import why_not_followed

LABEL_LENGTH = 32
POSITIONS_SEARCHED = 1_000  # of a user, the latest
LOOKS_SEARCHED_MS = 7 * 86_400_000  # how far back a sniper's looks are told
TRACKED_MAX = 50  # wallets that one user may follow


@dataclass(frozen=True, slots=True)
class WatchingHandlers:
    """`tracking_changed` starts or stops the scanner of an address, `scanned` tells how old what it knows gets."""

    store: Store
    clock: Clock
    tracking_changed: Callable[[], Awaitable[None]]
    scanned: Callable[[str], str]

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
            return not_bought_text(word, runs)
        stories = [await self.store.order_story(intent) for intent in await self.store.orders_of(position.id)]
        return story_text(position, [story for story in stories if story is not None])

    async def track(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if not arguments:
            raise wrong_usage(command)
        user, address, label = known(incoming), key_of(arguments[0], "wallet"), " ".join(arguments[1:])
        if reason := why_not_followed(address):
            raise UsageError(f"{address} {reason}")
        if any(address == wallet.address for wallet in await self.store.wallets(user.id)):
            raise UsageError("that is a wallet of your own, of which you hear anyway; give somebody else's address")
        if len(label) > LABEL_LENGTH:
            raise UsageError(f"a label has at most {LABEL_LENGTH} characters")
        if len(await self.store.tracked(user.id)) >= TRACKED_MAX:
            raise UsageError(f"you follow {TRACKED_MAX} wallets, which is the most; /untrack one first")
        if not await self.store.track(TrackedWallet(user.id, address, label or short(address), self.clock.now_ms())):
            return f"You follow {short(address)} already."
        await self.tracking_changed()
        return f"Following {label or short(address)}; its trades are recorded from now on, {self.scanned(address)}."

    async def untrack(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if len(arguments) != 1:
            raise wrong_usage(command)
        user, address = known(incoming), key_of(arguments[0], "wallet")
        if not await self.store.untrack(user.id, address):
            mine = ", ".join(row.address for row in await self.store.tracked(user.id)) or "none"
            return f"You do not follow {short(address)}; you follow: {mine}."
        await self.tracking_changed()
        return f"You follow {short(address)} no more."
