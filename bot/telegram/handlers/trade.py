"""Buying, selling, positions and panic, all through the desk."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from bot.clock import Clock
from bot.commands import Command
from bot.errors import ChainUnavailable, StoreUnavailable
from bot.execution.copy_book import leave_all
from bot.ports import (
    Button,
    Chain,
    Desk,
    OrderStory,
    PricePoint,
    Store,
    Subject,
    Submitted,
    Topic,
    User,
    Wallet,
    wallet_in,
)
from bot.telegram.chat import Answer, Incoming, Words
from bot.telegram.gateway_cards import sell_button
from bot.telegram.handlers.account import known
from bot.telegram.order_text import ended_words, order_result
from bot.telegram.parsing import UsageError, wrong_usage
from bot.telegram.replies import offer_card, order_line, position_line, swept_line, taken_back_line, was_taken_back
from bot.telegram.words import FOLLOWS, mode_label, short
from bot.trading.intent import TRADES, Context, Mode, Protection, Side, TradeRequest
from bot.trading.landing import protection_of
from bot.trading.limits import UserSettings
from bot.trading.offer import CODE_LENGTH, OFFER_MS, Offer, Offers, offer_code, offer_key
from bot.trading.position import Position, PositionState
from bot.trading.risk_gate import Refused
from bot.trading.units import BPS, AmountError, counted, parse_percent, parse_sol, parse_tokens

_BASE58_KEY = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
_POSITION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CODE = re.compile(rf"[0-9a-f]{{{CODE_LENGTH}}}")
_CLOSED_SHOWN = 5
# What is bought or sold because its user wanted it of himself: the context of the trade and its reason.
BY_HAND = (Context.MANUAL_COMMAND, "command")
PANIC_LEAVES = "you sold everything with /panic"
ByCode = Callable[[User, str], Awaitable[str | None]]  # what is said of something of that code, of which it is the word
NOT_KNOWN = frozenset({"unknown", "not_leading"})  # refusals after which an order may exist all the same


def key_of(text: str, what: str = "token") -> str:
    """A typed address of a token, or of a `what`; UsageError for what cannot be one."""
    if not _BASE58_KEY.fullmatch(text):
        raise UsageError(f"{text[:50]!r} is not a {what} address; it has 32 to 44 letters and digits")
    return text


def is_position(word: str) -> bool:
    """Whether a word names a position, as the buttons of its card do; no address of a token has that shape."""
    return _POSITION.fullmatch(word) is not None


@dataclass(frozen=True, slots=True)
class TradeHandlers:
    """`take_back` end what is no offer of an order and has a code, `accept` begins it; None where nothing has that code."""

    store: Store
    chain: Chain
    desk: Desk
    clock: Clock
    sell_everything: Callable[[str], Awaitable[int]]
    snipers_changed: Callable[[str], Awaitable[None]]
    words: Words
    take_back: Sequence[ByCode]
    accept: ByCode
    offers: Offers = field(default_factory=Offers)

    async def buy(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> Answer:
        if len(arguments) != 2:
            raise wrong_usage(command)
        mint, amount = arguments
        user = known(incoming)
        wallet = wallet_in(await self.store.wallets(user.id), user.mode)
        return await self.buy_from(incoming, wallet, key_of(mint), amount)

    async def buy_by(self, incoming: Incoming, mint: str, amount: str, reason: str) -> Answer:
        """A buy that an opinion suggested, for that reason."""
        user = known(incoming)
        wallet = wallet_in(await self.store.wallets(user.id), user.mode)
        return await self.buy_from(incoming, wallet, mint, amount, why=(Context.AI_SIGNAL, reason))

    async def buy_from(
        self,
        incoming: Incoming,
        wallet: Wallet,
        mint: str,
        amount: str,
        *,
        names_mode: bool = False,
        why: tuple[Context, str] = BY_HAND,
    ) -> Answer:
        """A buy for so much SOL, as it was typed; one that `names_mode` stays in its wallet's mode whatever the user's is."""
        user = known(incoming)
        settings = await self.store.settings(user.id)
        try:
            spend_lamports = parse_sol(amount)
        except AmountError as error:
            raise UsageError(str(error)) from None
        request = self._order(
            incoming,
            wallet,
            side=Side.BUY,
            mint=mint,
            why=why,
            slippage_bps=settings.slippage_buy_bps,
            protection=protection_of(settings, Side.BUY),
            spend_lamports=spend_lamports,
        )
        return await self._ordered(user, settings, request, names_mode=names_mode)

    async def sell(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> Answer:
        if len(arguments) != 2:
            raise wrong_usage(command)
        mint, amount = arguments
        if is_position(mint):
            return await self.sell_position(incoming, mint, amount)
        user = known(incoming)
        wallet = wallet_in(await self.store.wallets(user.id), user.mode)
        return await self._sell_from(incoming, await self._holder(wallet, key_of(mint)), mint, amount)

    async def sell_position(self, incoming: Incoming, position_id: str, amount: str) -> Answer:
        """A sale of one position and of no later one of the same token: a share, a number, or all, as it was typed."""
        user = known(incoming)
        position = await self.store.position(position_id)
        if position is None or position.user_id != user.id:
            return Answer(f"{mode_label(user.mode.value)} You have no such position; /positions lists yours.")
        if position.state is PositionState.CLOSED:
            return Answer(_closed_already(position))
        wallet = next(one for one in await self.store.wallets(user.id) if one.id == position.wallet_id)
        return await self._sell_from(incoming, wallet, position.mint, amount, position_id)

    async def _sell_from(
        self, incoming: Incoming, wallet: Wallet, mint: str, amount: str, position_id: str = ""
    ) -> Answer:
        user = known(incoming)
        settings = await self.store.settings(user.id)
        token_raw, share_bps = 0, 0
        try:
            if amount.lower() == "all":
                share_bps = BPS
            elif amount.endswith("%"):
                share_bps = parse_percent(amount)
            else:
                token_raw = parse_tokens(amount)
        except AmountError as error:
            raise UsageError(str(error)) from None
        request = self._order(
            incoming,
            wallet,
            side=Side.SELL,
            mint=mint,
            slippage_bps=settings.slippage_sell_bps,
            protection=protection_of(settings, Side.SELL),
            token_raw=token_raw,
            share_bps=share_bps,
        )
        return await self._ordered(user, settings, request, position_id)

    async def _ordered(
        self,
        user: User,
        settings: UserSettings,
        request: TradeRequest,
        position_id: str = "",
        *,
        names_mode: bool = False,
    ) -> Answer:
        """Trade at once, or show what it would be and wait for the user's word, as he has set it."""
        if not settings.require_confirmation:
            return told_of_order(request.mode, await self.desk.submit(request))
        preview = await self.desk.preview(request)
        if isinstance(preview, Refused):
            return told_of_order(request.mode, preview)
        now_ms = self.clock.now_ms()
        code = offer_code(self.clock.new_id())
        shown = replace(
            request,
            key=offer_key(user.id, code),
            min_token_raw=preview.limit_raw if request.side is Side.BUY else 0,
        )
        offer = Offer(code, shown, now_ms + OFFER_MS, position_id, names_mode)
        self.offers.put(offer, now_ms)
        return Answer(offer_card(offer, preview, now_ms))

    async def confirm(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> Answer:
        if len(arguments) != 1:
            raise wrong_usage(command)
        user, code = known(incoming), arguments[0].lower()
        if (told := await self._confirmed_before(user, code)) is not None:
            return Answer(told)
        if (told := await self.accept(user, code)) is not None:
            return Answer(told, ends_card=True)
        offer = self.offers.of(user.id, code)
        if offer is not None and offer.position_id:
            position = await self.store.position(offer.position_id)
            if position is None or position.state is PositionState.CLOSED:
                self.offers.cancel(user.id, code)
                closed = "" if position is None else _closed_already(position)
                return Answer(closed or "That position is gone. Nothing was sent.", ends_card=True)
        now_ms = self.clock.now_ms()
        request = self.offers.take(user.id, code, now_ms)
        if offer is None or request is None:
            return self._no_offer(user, code, now_ms)
        nothing_came = True
        try:
            if request.side is Side.BUY and request.mode is not user.mode and not offer.names_mode:
                other = (
                    f"{mode_label(user.mode.value)} That card is of mode {request.mode.value}, and you are in"
                    f" {user.mode.value} now. Nothing was sent; send the command again."
                )
                return Answer(other, ends_card=True)
            nothing_came = False
            outcome = await self.desk.submit(request)
            nothing_came = isinstance(outcome, Refused) and outcome.code not in NOT_KNOWN
        finally:
            self.offers.answered(user.id, code, nothing_came=nothing_came)
        return replace(told_of_order(request.mode, outcome), ends_card=True)

    async def cancel(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> Answer:
        if len(arguments) != 1:
            raise wrong_usage(command)
        user, code = known(incoming), arguments[0].lower()
        if self.offers.cancel(user.id, code):
            return Answer(f"{mode_label(user.mode.value)} Cancelled; nothing was sent.", ends_card=True)
        if (told := await self._confirmed_before(user, code)) is not None:
            return Answer(told)
        for take_back in self.take_back:
            if (told := await take_back(user, code)) is not None:
                return Answer(told)
        return self._no_offer(user, code, self.clock.now_ms())

    async def _confirmed_before(self, user: User, code: str) -> str | None:
        """What became of the order that an offer was confirmed to, before a restart as well; None for no order."""
        if _CODE.fullmatch(code) is None:
            return None
        intent = await self.store.intent_of(offer_key(user.id, code))
        return None if intent is None else order_result(intent)

    def _no_offer(self, user: User, code: str, now_ms: int) -> Answer:
        """What is said of a code that nothing waits for; a card of it is a card no more, unless its order is on its way."""
        label = mode_label(user.mode.value)
        if self.offers.is_taken(user.id, code):
            return Answer(
                f"{label} You have confirmed that already; it is being sent, or was. Its result is told; see /positions."
            )
        told = "There is no such offer for you, or not any more: a card can be confirmed for a minute, unless it was cancelled."
        if self.offers.has_expired(user.id, code, now_ms):
            told = "That offer has expired."
        return Answer(f"{label} {told} Nothing was sent; send the command again.", ends_card=True)

    async def positions(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str | Answer:
        if arguments:
            raise wrong_usage(command)
        user = known(incoming)
        rows = await self.store.recent_positions(user.id, _CLOSED_SHOWN + len(await self.store.open_positions(user.id)))
        on_their_way = [
            intent
            for intent, _ in await self.store.in_flight()
            if intent.request.user_id == user.id and intent.request.side in TRADES
        ]
        if not rows and not on_their_way:
            return f"{mode_label(user.mode.value)} No positions yet."
        try:
            venues = await self.chain.venues([row.mint for row in rows if row.token_raw])
            fees = await self.chain.fees()
        except ChainUnavailable:
            venues, fees = {}, None
        now_ms = self.clock.now_ms()
        points = {mint: PricePoint(venue, now_ms) for mint, venue in venues.items()}
        lines = [order_line(intent) for intent in on_their_way]
        held, sales = Counter(row.mint for row in rows if row.token_raw), list[Button]()
        moving = {intent.request.mint for intent in on_their_way if intent.request.side is Side.BUY}
        for row in rows:
            stories = await self._stories_without_result(row)
            if was_taken_back(row, stories):
                lines.append(taken_back_line(row, may_land=row.mint in moving))
            elif any(story.intent.request.is_sweep and story.booked for story in stories):
                lines.append(swept_line(row))
            else:
                by_id = held[row.mint] > 1
                lines.append(position_line(row, points.get(row.mint), fees, by_id=by_id))
                if by_id and row.token_raw:
                    sales.append(sell_button(row.mint, row.id, row.mode.value))
        cards = [Button(f"Card of {short(row.mint)}", f"/card {row.id}") for row in rows if row.token_raw]
        return Answer("\n".join(lines), buttons=(*sales, *cards))

    async def _stories_without_result(self, position: Position) -> list[OrderStory]:
        """The orders of a closed position that made nothing: it may have no result, which is not one of 0. Else nothing."""
        if position.state is not PositionState.CLOSED or position.realized_lamports:
            return []
        stories = [await self.store.order_story(intent) for intent in await self.store.orders_of(position.id)]
        return [story for story in stories if story is not None]

    async def panic(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        user = known(incoming)
        selling = await self.sell_everything(user.id)
        sniper = "The sniper is off and your entries are paused"
        try:
            await self.store.change_settings(user.id, lambda stored: replace(stored, snipe_enabled=False), by=user.id)
            if await self.store.stop_auto(user.id):
                sniper = "The sniper and the automated trader are off and your entries are paused"
            if await leave_all(self.store, user.id, PANIC_LEAVES):
                sniper = f"Nobody is copied any more. {sniper}"
            await self.snipers_changed(user.id)
        except StoreUnavailable:
            # The pause holds the sniper too, for as long as it lasts; selling cannot wait for the setting.
            sniper = "Your entries are paused, the sniper's too, which could not be switched off for good"
        now = f"{counted(selling, 'position')} to sell, at any price" if selling else "you hold no position"
        if selling and (cannot := self.words.cannot_sell()) is not None:
            now += f". Now {cannot.partition(';')[0]}; then it is sold by itself"
        elif selling and not any(endpoint.healthy for endpoint in self.chain.health()):
            now += (
                ". No route to the chain answers now: nothing can be sold until one is back, then it is sold by itself"
            )
        return (
            f"{mode_label(user.mode.value)} {sniper}; {now}. Whatever an order on its way still buys is sold as it lands."
            f" Each sale is tried again until the chain shows it; /resume ends the pause."
            f"{self.words.kept_where()}"
        )

    async def _holder(self, wallet: Wallet, mint: str) -> Wallet:
        """Which of a user's wallets sells: that of his mode, unless a position in another mode is all that there is."""
        held = {row.wallet_id for row in await self.store.open_positions(wallet.user_id) if row.mint == mint}
        if not held or wallet.id in held:
            return wallet
        return next(one for one in await self.store.wallets(wallet.user_id) if one.id in held)

    def _order(
        self,
        incoming: Incoming,
        wallet: Wallet,
        *,
        side: Side,
        mint: str,
        slippage_bps: int,
        protection: Protection,
        spend_lamports: int = 0,
        token_raw: int = 0,
        share_bps: int = 0,
        why: tuple[Context, str] = BY_HAND,
    ) -> TradeRequest:
        return TradeRequest(
            key=incoming.key,
            user_id=wallet.user_id,
            wallet_id=wallet.id,
            mode=wallet.mode,
            side=side,
            mint=mint,
            context=why[0],
            slippage_bps=slippage_bps,
            protection=protection,
            causation_id=incoming.key,
            reason=why[1],
            spend_lamports=spend_lamports,
            token_raw=token_raw,
            share_bps=share_bps,
        )


def _closed_already(position: Position) -> str:
    return (
        f"{mode_label(position.mode.value)} That position in {short(position.mint)} is closed. Nothing was sent; /why"
        f" {position.id} tells what happened."
    )


def told_of_order(mode: Mode, outcome: Submitted | Refused) -> Answer:
    """What is said of an order that was given; its result takes the place of that."""
    label = mode_label(mode.value)
    if isinstance(outcome, Refused):
        return Answer(f"{label} Not done: {outcome.reason}.")
    if (ended := ended_words(outcome.intent)) is not None:
        return Answer(f"{label} You gave that order before. {ended}")
    subject = Subject(Topic.ORDER, outcome.intent.id)
    return Answer(f"{label} Sent: {outcome.text}. {FOLLOWS}", subject=subject)
