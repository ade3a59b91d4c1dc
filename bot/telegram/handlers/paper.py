"""Trading on paper beside whatever mode a user is in: the same road, out of his virtual wallet."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands import Command
from bot.ports import Store, User, wallet_in
from bot.telegram.chat import Answer, Handler, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.handlers.modes import Modes
from bot.telegram.handlers.trade import TradeHandlers, is_position, key_of
from bot.telegram.parsing import UsageError, wrong_usage
from bot.telegram.words import mode_label, short
from bot.trading.intent import Mode
from bot.trading.position import Position

PAPER = mode_label(Mode.PAPER.value)


@dataclass(frozen=True, slots=True)
class PaperHandlers:
    """`/open` and `/close`. The virtual wallet is made with the first `/open`; limits and results are those of mode paper."""

    trade: TradeHandlers
    modes: Modes
    store: Store

    def commands(self) -> dict[str, Handler]:
        """By the names of the table."""
        return {"open": self.open, "close": self.close}

    async def open(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> Answer:
        if len(arguments) == 3 and arguments[2].lower() == "short":
            raise UsageError("there are no shorts here: nobody lends these tokens, so /open buys")
        if len(arguments) != 2:
            raise wrong_usage(command)
        mint, amount = key_of(arguments[0]), arguments[1]
        wallet = await self.modes.virtual_wallet(known(incoming))
        return await self.trade.buy_from(incoming, wallet, mint, amount, names_mode=True)

    async def close(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> Answer:
        if len(arguments) not in {1, 2}:
            raise wrong_usage(command)
        user, word = known(incoming), arguments[0]
        amount = arguments[1] if len(arguments) == 2 else "all"
        held = [
            row
            for row in await self.store.open_positions(user.id)
            if word in {row.id, row.mint} and row.mode is Mode.PAPER
        ]
        if not held:
            return Answer(f"{PAPER} {await self._nothing(user, word if is_position(word) else key_of(word))}")
        return await self.trade.sell_position(incoming, (await self._meant(user, held)).id, amount)

    async def _meant(self, user: User, held: list[Position]) -> Position:
        """Of several wallets' positions in a token that of the wallet from which he buys by hand."""
        by_hand = wallet_in(await self.store.wallets(user.id), Mode.PAPER)
        return next((row for row in held if row.wallet_id == by_hand.id), held[0])

    async def _nothing(self, user: User, word: str) -> str:
        """Why there is nothing to close, and what sells a position of the same token that is not on paper."""
        elsewhere = [row for row in await self.store.open_positions(user.id) if word in {row.id, row.mint}]
        if elsewhere:
            return f"Your position in it is of mode {elsewhere[0].mode.value}; /sell {word} all sells that."
        what = "no such position" if is_position(word) else f"no position in {short(word)}"
        return f"You hold {what} on paper; /positions lists what you hold."
