"""Looking at a token: what it costs, what it is, what can be done to its holders, and what the user has of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from bot.clock import Clock
from bot.commands import Command
from bot.errors import ChainUnavailable, DecodeError, StoreUnavailable
from bot.execution.borne_out import BorneOut
from bot.execution.hearsay_book import HearsayBook
from bot.ports import Chain, Hearsay, Store, Token
from bot.telegram.chat import Answer, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.handlers.trade import key_of
from bot.telegram.hearsay_text import hearsay_lines
from bot.telegram.parsing import wrong_usage
from bot.telegram.price_pictures import PricePictures
from bot.telegram.replies import safety_line
from bot.telegram.token_text import (
    CHANGES,
    change_line,
    dollar_line,
    name_line,
    origin_line,
    position_lines,
    preset_lines,
    uri_lines,
    venue_line,
)
from bot.telegram.words import short
from bot.trading.pool import Pool
from bot.trading.price_change import change_bps, price_of
from bot.trading.route import Route
from bot.trading.token_check import UNREADABLE, cautions, hazards
from bot.trading.venue import Venue, awaits_pool

TOLD_ALIKE_BPS = 200  # how far a price that is shown may be from what a second endpoint tells
HEARSAY_WITHIN_S = 1.0  # for so long the answer waits for what others say, and then goes without
POINT_MAX_AGE_MS = 90_000  # a past price stands for so long: one that stands still is written every minute


class TokenWatch(Protocol):
    """Who keeps what tokens are called and what they cost."""

    def asked(self, token: Token) -> None:
        """Track a token from now on, so that its next look knows its changes."""

    def unwritten(self, mint: str) -> Token | None:
        """What is known of a token and not in the store yet."""


@dataclass(frozen=True, slots=True)
class TokenHandlers:
    """What can be said of a token.

    `micro_usd` says what a SOL costs in millionths of a dollar, None where no fresh price is known.
    """

    store: Store
    chain: Chain
    clock: Clock
    watch: TokenWatch
    micro_usd: Callable[[], int | None]
    borne_out: BorneOut
    hearsay: HearsayBook[Hearsay]

    async def price(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str | Answer:
        user = known(incoming)
        mint, venue = await self.venue_of(arguments, command)
        if isinstance(venue, str):
            return venue
        self.watch.asked(Token(mint, "", "", "", creator_of(venue), None, 0))
        lines = [
            f"{short(mint)}: {venue_line(venue)}",
            dollar_line(venue.market_cap_lamports, self.micro_usd()),
            await self._changes(mint, venue),
            (await self.safety_of(mint))[0],
            *await self._lock(mint, venue),
            (await self.holders_of(mint, venue))[0],
        ]
        return Answer("\n".join(lines), picture=self.pictures().of(user, mint, venue))

    async def info(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str | Answer:
        """Everything that is known of a token."""
        user = known(incoming)
        mint, venue = await self.venue_of(arguments, command)
        if isinstance(venue, str):
            return venue
        self.hearsay.want(mint)
        token = await self.named(mint, creator_of(venue))
        self.watch.asked(token)
        mine = [one for one in await self.store.open_positions(user.id) if one.mint == mint]
        safety, mint_is_read = await self.safety_of(mint)
        lock = await self._lock(mint, venue)
        holders, holders_are_read = await self.holders_of(mint, venue)
        others = hearsay_lines(
            await self.hearsay.look(mint, HEARSAY_WITHIN_S),
            price_of(venue),
            self.micro_usd(),
            self.clock.now_ms(),
            mint_is_read=mint_is_read,
            holders_are_read=holders_are_read,
        )
        lines = [
            name_line(token),
            venue_line(venue),
            dollar_line(venue.market_cap_lamports, self.micro_usd()),
            await self._changes(mint, venue),
            origin_line(token, self.clock.now_ms()),
            *position_lines(mine),
            safety,
            *lock,
            holders,
            *others,
            *uri_lines(token),
            *preset_lines(mint, await self.store.settings(user.id), holds=bool(mine)),
        ]
        return Answer("\n".join(lines), picture=self.pictures().of(user, mint, venue))

    def pictures(self) -> PricePictures:
        """Who reads what pictures of prices show."""
        return PricePictures(self.store, self.clock, self.watch.unwritten)

    async def venue_of(self, arguments: tuple[str, ...], command: Command) -> tuple[str, Venue | str]:
        """The mint that was asked about and where it trades, or why nobody can trade it."""
        if len(arguments) != 1:
            raise wrong_usage(command)
        mint = key_of(arguments[0])
        try:
            venue = await self.borne_out.quoted(mint, await self.chain.venue(mint), TOLD_ALIKE_BPS)
        except (LookupError, DecodeError):
            return mint, f"{short(mint)} is no token of the launchpad; check the address."
        if awaits_pool(venue):
            waits = f"{short(mint)} has left its curve and waits for its pool; until it opens nobody can trade it."
            return mint, waits
        return mint, venue

    async def _changes(self, mint: str, venue: Venue) -> str:
        now_ms = self.clock.now_ms()
        moments_ms = [now_ms - span_ms for span_ms, _ in CHANGES]
        try:
            past = await self.store.past_prices(mint, moments_ms, no_older_than_ms=POINT_MAX_AGE_MS)
        except StoreUnavailable:
            return "What it cost before cannot be read now: the database is away."
        price = price_of(venue)
        return change_line(
            [None if one is None else change_bps((one.quote_lamports, one.token_raw), price) for one in past]
        )

    async def named(self, mint: str, creator: str) -> Token:
        """What is known of it, from its launch where that was seen, else from its mint."""
        token = await self.store.token(mint) or Token(mint, "", "", "", "", None, 0)
        unwritten = self.watch.unwritten(mint)
        if unwritten is not None:
            token = token.told(unwritten)
        if not token.name:
            try:
                metadata = await self.chain.metadata(mint)
            except (LookupError, DecodeError, ChainUnavailable):
                metadata = None
            if metadata is not None:
                token = replace(token, name=metadata.name, symbol=metadata.symbol, uri=metadata.uri)
        return replace(token, creator=token.creator or creator)

    async def safety_of(self, mint: str) -> tuple[str, bool]:
        """What can be done to its holders, and whether its mint could be read."""
        try:
            facts = await self.chain.mint_facts(mint)
        except (LookupError, DecodeError):
            return safety_line((UNREADABLE,)), False
        return safety_line(hazards(facts), cautions(facts)), True

    async def _lock(self, mint: str, venue: Venue) -> list[str]:
        """Whether the liquidity of its pool can be withdrawn; nothing for a token without a pool of its own."""
        if not isinstance(venue, Pool):
            return []
        try:
            lock = await self.chain.liquidity_lock(mint)
        except (DecodeError, ChainUnavailable):
            return ["Who can withdraw the liquidity of its pool cannot be read now."]
        return [] if lock is None else [lock.line]

    async def holders_of(self, mint: str, venue: Venue) -> tuple[str, bool]:
        """Who holds it, and whether that could be read."""
        try:
            holders = await self.chain.holders(mint, venue.creator)
            return holders.line_elsewhere if isinstance(venue, Route) else holders.line, True
        except (LookupError, DecodeError, ChainUnavailable):
            return "Who holds it cannot be read now.", False


def creator_of(venue: Venue) -> str:
    """Who made a coin; empty where an offer alone tells of it, which names nobody."""
    return "" if isinstance(venue, Route) else venue.creator
