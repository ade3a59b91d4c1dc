"""Standing orders from the chat: they are placed and taken back here; their turns go through the desk by themselves."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from bot.clock import Clock
from bot.commands import Command
from bot.errors import ChainUnavailable, DecodeError, Unavailable
from bot.ports import Chain, Store, User, Wallet, wallet_in
from bot.telegram.chat import Handler, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.handlers.trade import key_of
from bot.telegram.parsing import UsageError, wrong_usage
from bot.telegram.standing_text import cancelled_text, placed_text, repeated_text
from bot.telegram.words import short
from bot.trading.curve import TOKEN_SUPPLY_RAW, QuoteError
from bot.trading.limits import Ceilings, UserSettings, trade_limit
from bot.trading.offer import offer_code
from bot.trading.own_impact import as_met
from bot.trading.pool import Pool
from bot.trading.position import Position
from bot.trading.route import Route
from bot.trading.standing import OPEN_MAX, PRICED_RAW, StandingKind, StandingOrder, cancelled
from bot.trading.strategy import Strategy
from bot.trading.units import (
    LAMPORTS_PER_SOL,
    AmountError,
    bps_floor,
    format_sol,
    format_tokens,
    parse_percent,
    parse_sol,
    parse_tokens,
)
from bot.trading.venue import Venue, quote_buy, quote_sell

PRICE_MAX_LAMPORTS = 1_000_000 * LAMPORTS_PER_SOL  # for a million tokens
CAP = "mc="
ABOVE = ">"
_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
SPAN_MAX_MS = 365 * 86_400_000
TURNS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was typed: the amount as text, lamports for a million tokens, and for how long, None for as long as it takes."""

    mint: str
    amount: str
    price_lamports: int
    lasts_ms: int | None
    is_breakout: bool = False


@dataclass(frozen=True, slots=True)
class StandingHandlers:
    """`changed` starts or ends the watch of an order after its row, which is what counts."""

    store: Store
    chain: Chain
    clock: Clock
    ceilings: Callable[[], Ceilings]
    changed: Callable[[str], Awaitable[None]]

    def commands(self) -> dict[str, Handler]:
        """What /cancel and /orders do besides is done elsewhere."""
        return {"limit": self.limit, "dca": self.dca}

    async def limit(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        """Place a limit buy, a breakout buy or a limit sale."""
        arguments = _without_the_word(arguments)
        if len(arguments) not in {4, 5} or arguments[0].lower() not in {"buy", "sell"}:
            raise wrong_usage(command)
        mint = key_of(arguments[1])
        lasts_ms = span_ms_of(arguments[4]) if len(arguments) == 5 else None
        venue = await self._venue(mint)
        price, is_breakout = arguments[3].removeprefix(ABOVE), arguments[3].startswith(ABOVE)
        asked = _Asked(mint, arguments[2], _price(price, venue), lasts_ms, is_breakout)
        settings = await self.store.settings(known(incoming).id)
        if arguments[0].lower() == "sell":
            if is_breakout:
                raise UsageError(f"a sale waits for its price or a better one; leave out {ABOVE!r}")
            order = await self._limit_sale(incoming, asked)
        else:
            _refuse_elsewhere(venue)
            order = await self._limit_buy(incoming, asked, settings)
        price_now = await self._price_now(order, venue)
        if is_breakout and price_now is not None:
            await self._refuse_reached(order, price_now)
        await self._place(order)
        return placed_text(order, price_now, settings.timezone)

    async def dca(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        """Place a buy that is repeated; the first turn is due at once."""
        if len(arguments) != 4:
            raise wrong_usage(command)
        user, mint = known(incoming), key_of(arguments[0])
        interval_ms, turns = span_ms_of(arguments[2]), _turns(arguments[3])
        _refuse_elsewhere(await self._venue(mint))
        spend_lamports = self._spend(arguments[1], await self.store.settings(user.id))
        wallet = wallet_in(await self.store.wallets(user.id), user.mode, Strategy.AUTO)
        order = self._new(incoming, wallet, mint)(
            kind=StandingKind.DCA,
            price_lamports=0,
            spend_lamports=spend_lamports,
            turns=turns,
            interval_ms=interval_ms,
        )
        await self._place(order)
        return repeated_text(order)

    async def take_back(self, user: User, code: str) -> str | None:
        """End an open standing order by its code; None where the user has none of that code."""
        while True:
            order = next((one for one in await self.store.standing_orders(user.id) if one.code == code), None)
            if order is None:
                return None
            if await self.store.move_standing(cancelled(order, self.clock.now_ms())):
                break
        with suppress(Unavailable):  # its row has ended, which whoever watches it sees before it does anything
            await self.changed(order.id)
        return cancelled_text(order)

    async def _limit_buy(self, incoming: Incoming, asked: _Asked, settings: UserSettings) -> StandingOrder:
        user = known(incoming)
        wallet = wallet_in(await self.store.wallets(user.id), user.mode, Strategy.AUTO)
        order = self._new(incoming, wallet, asked.mint)(
            kind=StandingKind.BREAKOUT_BUY if asked.is_breakout else StandingKind.LIMIT_BUY,
            price_lamports=asked.price_lamports,
            spend_lamports=self._spend(asked.amount, settings),
        )
        return _lasting(order, asked.lasts_ms)

    async def _limit_sale(self, incoming: Incoming, asked: _Asked) -> StandingOrder:
        user = known(incoming)
        held = [one for one in await self.store.open_positions(user.id) if one.mint == asked.mint]
        if not held:
            raise UsageError(
                f"you hold no position in {short(asked.mint)}, so there is nothing to sell; see /positions"
            )
        position = next((one for one in held if one.mode is user.mode), held[0])
        wallet = next(one for one in await self.store.wallets(user.id) if one.id == position.wallet_id)
        token_raw = _to_sell(asked.amount, position)
        order = self._new(incoming, wallet, asked.mint)(
            kind=StandingKind.LIMIT_SELL,
            price_lamports=asked.price_lamports,
            token_raw=token_raw,
            sells_all=token_raw == position.token_raw,
        )
        return _lasting(order, asked.lasts_ms)

    def _new(self, incoming: Incoming, wallet: Wallet, mint: str) -> partial[StandingOrder]:
        """An order that is due at once. Its id follows from the text that asked for it: the same text is the same order."""
        now_ms = self.clock.now_ms()
        order_id = hashlib.sha256(f"{wallet.user_id} {incoming.key}".encode()).hexdigest()[:32]
        return partial(
            StandingOrder,
            id=order_id,
            code=offer_code(order_id),
            user_id=wallet.user_id,
            wallet_id=wallet.id,
            mode=wallet.mode,
            mint=mint,
            created_at_ms=now_ms,
            due_at_ms=now_ms,
        )

    async def _refuse_reached(self, order: StandingOrder, price_now: int) -> None:
        """A new breakout below the price of now is a slip, or a buy at any price; one that is kept already may be reached."""
        if price_now >= order.price_lamports and await self.store.standing_order(order.id) is None:
            raise UsageError(
                f"that costs {format_sol(price_now)} SOL for a million tokens already, which is not below"
                f" {format_sol(order.price_lamports)} SOL, so it would be bought at once; /buy does that, or give a higher price"
            )

    async def _place(self, order: StandingOrder) -> None:
        if not await self.store.place_standing(order, most_open=OPEN_MAX):
            raise UsageError(
                f"you have {OPEN_MAX} standing orders, which is the most; /cancel one of those in /orders first"
            )
        with suppress(Unavailable):  # the row is there, and whoever starts the hunt again watches it
            await self.changed(order.id)

    def _spend(self, amount: str, settings: UserSettings) -> int:
        """What a buy spends; one that the gate would refuse for its size alone is not kept."""
        try:
            spend_lamports = parse_sol(amount)
        except AmountError as error:
            raise UsageError(str(error)) from None
        limit = trade_limit(settings, self.ceilings(), Strategy.AUTO)
        least = self.ceilings().min_trade_lamports
        if not least <= spend_lamports <= limit.value:
            raise UsageError(
                f"{format_sol(spend_lamports)} SOL is not between the least of {format_sol(least)} SOL"
                f" and {limit.rule} of {format_sol(limit.value)} SOL; give another amount"
            )
        return spend_lamports

    async def _venue(self, mint: str) -> Venue:
        try:
            return await self.chain.venue(mint)
        except (LookupError, DecodeError):
            raise UsageError(f"{short(mint)} is no token of the launchpad; check the address") from None

    async def _price_now(self, order: StandingOrder, venue: Venue) -> int | None:
        """What a million tokens cost or bring now, by an order of this size; None where nobody quotes it."""
        try:
            fees = await self.chain.fees()
            if order.kind is StandingKind.LIMIT_SELL:
                met = as_met(venue, order.mode, order.token_raw)
                return quote_sell(met, order.token_raw, fees).received_lamports * PRICED_RAW // order.token_raw
            return order.spend_lamports * PRICED_RAW // quote_buy(venue, order.spend_lamports, fees).token_raw
        except (QuoteError, ChainUnavailable):
            return None


def _lasting(order: StandingOrder, lasts_ms: int | None) -> StandingOrder:
    """The order with its end, where it has one."""
    return order if lasts_ms is None else replace(order, lapses_at_ms=order.created_at_ms + lasts_ms)


def _refuse_elsewhere(venue: Venue) -> None:
    """What an aggregator alone trades is bought by nothing that nobody confirms."""
    if isinstance(venue, Route):
        raise UsageError("a token that has neither a curve nor a pool of its own is bought by hand only, with /buy")


def _without_the_word(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """`above PRICE`, `> PRICE` and `mc>CAP` are `>PRICE` and `>mc=CAP`."""
    if len(arguments) > 4 and arguments[3].lower() in {"above", ABOVE}:
        arguments = (*arguments[:3], ABOVE + arguments[4], *arguments[5:])
    if len(arguments) > 3 and arguments[3].lower().startswith("mc" + ABOVE):
        arguments = (*arguments[:3], ABOVE + CAP + arguments[3][3:], *arguments[4:])
    return arguments


def _turns(text: str) -> int:
    """How often a buy is repeated."""
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text) or int(text) > TURNS_MAX:
        raise UsageError(f"{text[:20]!r} is no number of buys from 1 to {TURNS_MAX}")
    return int(text)


def _price(text: str, venue: Venue) -> int:
    """Lamports for a million tokens, from a price or from the market cap that goes with it."""
    is_cap = text.lower().startswith(CAP)
    try:
        lamports = parse_sol(text[len(CAP) :] if is_cap else text)
    except AmountError as error:
        raise UsageError(str(error)) from None
    if is_cap:
        if isinstance(venue, Route):
            raise UsageError("the market cap of this token is not known; give a price in SOL for a million tokens")
        supply_raw = venue.supply_raw if isinstance(venue, Pool) else TOKEN_SUPPLY_RAW
        lamports = lamports * PRICED_RAW // max(supply_raw, 1)
    if not 0 < lamports <= PRICE_MAX_LAMPORTS:
        raise UsageError(
            f"{text} is no price that can be kept; give it in SOL for a million tokens, as /price shows it"
        )
    return lamports


def _to_sell(amount: str, position: Position) -> int:
    """Raw tokens of a position: all, a share or a number."""
    try:
        if amount.lower() == "all":
            return position.token_raw
        is_share = amount.endswith("%")
        token_raw = bps_floor(position.token_raw, parse_percent(amount)) if is_share else parse_tokens(amount)
    except AmountError as error:
        raise UsageError(str(error)) from None
    if not 0 < token_raw <= position.token_raw:
        raise UsageError(
            f"you hold {format_tokens(position.token_raw)} tokens of {short(position.mint)}; give 50%, a number, or all"
        )
    return token_raw


def span_ms_of(text: str) -> int:
    """A length of time as it is typed: 30m, 12h or 7d, at most a year."""
    match = _SPAN.fullmatch(text.lower())
    span_ms = 0 if match is None else int(match[1]) * _UNIT_MS[match[2]]
    if not 0 < span_ms <= SPAN_MAX_MS:
        raise UsageError(f"{text[:20]!r} is no length of time; write it like 30m, 12h or 7d, at most 365d")
    return span_ms
