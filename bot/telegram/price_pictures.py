"""What a picture of a token's price shows: the history that this bot kept, the price of now, and the reader's own trades."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from bot.clock import Clock
from bot.pictures.plain import Dot, Mark, PricePicture
from bot.ports import BookedEntry, Recipe, Store, Token, User
from bot.trading.intent import Side
from bot.trading.ledger import Account, EntryKind
from bot.trading.price_change import price_of
from bot.trading.venue import Venue

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SPANS_MS = (HOUR_MS, 6 * HOUR_MS, DAY_MS, 7 * DAY_MS)  # the least that holds all that is known is shown
LEAST_MS = HOUR_MS // 6
DOTS = 240
UNCHANGED_MS = 90_000  # a price that stands still is written every minute
PAGE, PAGES_MAX = 1_000, 5
# The sides of a fill's entry that are the market's, whatever the tokens had cost.
MARKET = {Account.MARKET, Account.TOKENS, Account.RESULT}


@dataclass(frozen=True, slots=True)
class PricePictures:
    """Reads what such a picture shows. `unwritten` is what is known of a token and not in the store yet."""

    store: Store
    clock: Clock
    unwritten: Callable[[str], Token | None]

    def of(self, user: User, mint: str, venue: Venue) -> Recipe:
        """The picture of a token that trades at this venue now."""
        return partial(self.read, user, mint, venue, self.clock.now_ms())

    async def read(self, user: User, mint: str, venue: Venue, now_ms: int) -> PricePicture:
        """What it shows as of a moment."""
        span_ms, step_ms = await self._span(mint, now_ms)
        dots = await self._dots(mint, now_ms, step_ms)
        if (price := price_of(venue)) is not None:
            dots = [*dots, Dot(now_ms, *price)]
        first_ms = dots[0].at_ms if dots else now_ms
        start_ms = max(now_ms - span_ms, min(first_ms, now_ms - LEAST_MS))
        token = await self.store.token(mint) or self.unwritten(mint)
        return PricePicture(
            mint=mint,
            name="" if token is None else token.name,
            symbol="" if token is None else token.symbol,
            mode=user.mode.value,
            zone=(await self.store.settings(user.id)).timezone,
            start_ms=start_ms,
            end_ms=now_ms,
            gap_ms=max(UNCHANGED_MS, 2 * step_ms),
            dots=tuple(dots),
            marks=tuple(await self._marks(user, mint, start_ms)),
        )

    async def _span(self, mint: str, now_ms: int) -> tuple[int, int]:
        """How much of the past is shown, and how far its dots are apart; by one look for each hour of a week."""
        hours = SPANS_MS[-1] // HOUR_MS
        moments_ms = [now_ms - hour * HOUR_MS for hour in range(hours - 1, -1, -1)]
        found = await self.store.past_prices(mint, moments_ms, no_older_than_ms=HOUR_MS)
        oldest_ms = next((one.at_ms for one in found if one is not None), now_ms)
        span_ms = next((one for one in SPANS_MS if now_ms - oldest_ms < one), SPANS_MS[-1])
        return span_ms, span_ms // DOTS

    async def _dots(self, mint: str, now_ms: int, step_ms: int) -> list[Dot]:
        """For each of so many steps the newest price that was written in it."""
        moments_ms = [now_ms - number * step_ms for number in range(DOTS - 1, -1, -1)]
        past = await self.store.past_prices(mint, moments_ms, no_older_than_ms=step_ms - 1)
        return [Dot(one.at_ms, one.quote_lamports, one.token_raw) for one in past if one is not None]

    async def _marks(self, user: User, mint: str, start_ms: int) -> list[Mark]:
        """What the user bought and sold of it in his mode since a moment, oldest first."""
        found: list[Mark] = []
        page: Sequence[BookedEntry] = await self.store.booked(user.id, user.mode, PAGE)
        for _ in range(PAGES_MAX):
            found += [mark_of(row) for row in page if row.mint == mint and row.entry.kind is EntryKind.FILL]
            if len(page) < PAGE or page[-1].at_ms < start_ms:
                break
            page = await self.store.booked(user.id, user.mode, PAGE, page[-1].number)
        return sorted((mark for mark in found if mark.at_ms >= start_ms), key=lambda mark: mark.at_ms)


def mark_of(row: BookedEntry) -> Mark:
    """A fill at the price that the market gave, without fees and rent, so that it stands where the price was."""
    market_lamports = abs(sum(leg.lamports for leg in row.entry.legs if leg.account in MARKET))
    return Mark(row.at_ms, row.side is Side.BUY, market_lamports, row.token_raw)
