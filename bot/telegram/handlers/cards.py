"""A card of one position, which is edited from then on."""

from __future__ import annotations

from dataclasses import dataclass

from bot.clock import Clock
from bot.commands import Command
from bot.errors import ChainUnavailable
from bot.ports import CardFace, CardView, Chain, PricePoint, Store, Subject, Topic, User
from bot.telegram.chat import Answer, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.handlers.trade import is_position, key_of
from bot.telegram.parsing import wrong_usage
from bot.telegram.words import mode_label, short
from bot.trading.position import Position, PositionState


@dataclass(frozen=True, slots=True)
class CardHandlers:
    """`/card`, and the button of it below `/positions`."""

    store: Store
    chain: Chain
    clock: Clock
    face: CardFace

    async def card(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str | Answer:
        if len(arguments) != 1:
            raise wrong_usage(command)
        user = known(incoming)
        position = await self._position(user, arguments[0])
        if position is None:
            return f"{mode_label(user.mode.value)} You hold no such position; /positions lists yours."
        if position.state is PositionState.CLOSED:
            result = "/positions has its result, and /why what happened."
            return f"{mode_label(position.mode.value)} That position in {short(position.mint)} is closed; {result}"
        view = CardView(position, await self.store.settings(user.id), self.clock.now_ms())
        try:
            venues = await self.chain.venues([position.mint])
            if (venue := venues.get(position.mint)) is not None:
                point, fees = PricePoint(venue, self.clock.now_ms()), await self.chain.fees()
                view = CardView(position, view.settings, view.now_ms, point, fees)
        except ChainUnavailable:
            pass  # the card says that the price is not known, and is edited once it is
        card = self.face.show(view)
        return Answer(card.below(""), subject=Subject(Topic.POSITION, position.id), buttons=card.buttons)

    async def _position(self, user: User, word: str) -> Position | None:
        if is_position(word):
            position = await self.store.position(word)
            return position if position is not None and position.user_id == user.id else None
        mint = key_of(word)
        return next((row for row in await self.store.open_positions(user.id) if row.mint == mint), None)
