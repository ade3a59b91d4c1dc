"""A price that money hangs on is no single endpoint's word: before a decision stands on it, a second one is asked.

Only what would be acted upon is borne out, an exit by price or the bound of an order, and never every poll. What two told
alike, over their streams or when they were asked, is asked of nobody. While nobody else answers, one word has to do: a stop
that works on one endpoint is worth more than one that waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import structlog
import trio

from bot.clock import Clock
from bot.errors import ChainUnavailable, DecodeError
from bot.execution.lanes import exit_lane
from bot.execution.price_book import PriceBook
from bot.ports import Chain, PricePoint
from bot.trading.exits import Exit, ExitReason
from bot.trading.route import Route
from bot.trading.units import BPS
from bot.trading.venue import OwnVenue, Venue, alike, borne_out, same_reserves

log = structlog.get_logger()

# How long an exit waits for a second endpoint; where two contradict each other everybody has as long again, twice.
WITHIN_S = 0.25
LOOKS_WITHIN_S = 2 * WITHIN_S
# What others told this long ago, while nothing is said to have changed since, still speaks for a price.
KNOWN_FOR_MS = 5_000

Decide = Callable[[Venue], Exit | None]


class PriceContradicted(ChainUnavailable):
    """Endpoints contradict each other about a price, and nobody is there to decide between them."""


@dataclass(frozen=True, slots=True)
class BorneOut:
    """Asks others about a price that one endpoint told; who is proven wrong is out of the price book, and distrusted."""

    chain: Chain
    prices: PriceBook
    clock: Clock

    async def exit_of(self, mint: str, told: Venue, decide: Decide) -> Exit | None:
        """What to do about a position at a price, once that is borne out where the price decides.

        `decide` is asked again with what others show. Of three endpoints two decide. Where there are but two, and they
        contradict each other at this moment, the stream's last word decides; without it a stop goes on, and a gain waits.
        """
        with exit_lane():
            return await self._stands(mint, told, decide)

    async def reached(self, mint: str, told: Venue, is_reached: Callable[[Venue], bool], *, is_sale: bool) -> bool:
        """Whether the price that a standing order waits for is there. It is a gain, which waits where nobody can decide.

        A buy has no part in the lane of exits.
        """

        def decide(venue: Venue) -> Exit | None:
            return Exit(ExitReason.TAKE_PROFIT, BPS, 0) if is_reached(venue) else None

        with exit_lane() if is_sale else nullcontext():
            return await self._stands(mint, told, decide) is not None

    async def _stands(self, mint: str, told: Venue, decide: Decide) -> Exit | None:
        decided = decide(told)
        if decided is None or not decided.reason.is_by_price or isinstance(told, Route) or not told.told_by:
            return decided
        second = await self._second(mint, told)
        if second is None:
            return decided
        again = decide(second)
        if again is not None and (_agree(again, decided) or not again.reason.is_by_price):
            self._note(mint, told, second)
            return again
        looks = await self._looks(mint, told) or [told, second]
        right = _majority(looks, decide, decided, self.prices.told_by_all(mint))
        verdict = decide(right)
        log.warning(
            "exit_contradicted",
            mint=mint,
            reason=decided.reason,
            told_by=told.told_by,
            change_bps=decided.change_bps,
            looks=len(looks),
            stands=verdict is not None,
        )
        self._believe(mint, told, right, looks)
        return verdict

    async def least(self, mint: str, told: Venue, worth: Callable[[Venue], int]) -> int:
        """What something is worth at a price, or at a second endpoint's where that is less: what is remembered for long."""
        worth_now = worth(told)
        if isinstance(told, Route) or not told.told_by:
            return worth_now
        with exit_lane():
            second = await self._second(mint, told)
        if second is None:
            return worth_now
        self._note(mint, told, second)
        return min(worth_now, worth(second))

    async def quoted(self, mint: str, told: Venue, tolerance_bps: int, *, is_sale: bool = False) -> Venue:
        """The reserves that an order's bound, or a price that is shown, may be made of.

        What others told lately, or tell now, has to be the same within the tolerance; else most decide. Where nobody can,
        a sale takes the higher price, because a bound that is too high costs a try and no money; a buy gets
        PriceContradicted.
        """
        if isinstance(told, Route) or not told.told_by:
            return told
        if self.is_known(mint, told, tolerance_bps):
            return told
        second = await self._second(mint, told)
        if second is None:
            return told
        if alike(second, told, tolerance_bps):
            self._note(mint, told, second)
            return second if second.slot >= told.slot else told
        looks = await self._looks(mint, told) or [told, second]
        right = self._agreed(mint, looks, self._known(mint, told), tolerance_bps, is_sale=is_sale)
        log.warning("price_contradicted", mint=mint, told_by=told.told_by, looks=len(looks), right=right.told_by)
        self._believe(mint, told, right, looks)
        return right

    async def shown_by_another(self, mint: str) -> OwnVenue | None:
        """The reserves that stand as somebody else shows them than who told them, as that one's word; None where nobody does."""
        point = self.prices.latest(mint)
        if point is None or isinstance(point.venue, Route) or not point.venue.told_by:
            return None
        second = await self._second(mint, point.venue)
        if second is not None:
            self._note(mint, point.venue, second)
        return second

    def is_known(self, mint: str, told: OwnVenue, tolerance_bps: int) -> bool:
        """Whether others than one endpoint told the same lately; nobody is asked."""
        if not told.told_by:
            return True
        known = self._known(mint, told)
        return known is not None and alike(known.venue, told, tolerance_bps)

    def _known(self, mint: str, told: OwnVenue) -> PricePoint | None:
        return self.prices.otherwise(mint, told.told_by, self.clock.now_ms() - KNOWN_FOR_MS)

    def _agreed(
        self, mint: str, looks: Sequence[OwnVenue], known: PricePoint | None, tolerance_bps: int, *, is_sale: bool
    ) -> OwnVenue:
        voices = [*looks, *([] if known is None else [known.venue])]

        def support(look: OwnVenue) -> int:
            return sum(alike(look, voice, tolerance_bps) for voice in voices)

        best = max(looks, key=lambda look: (support(look), look.slot))
        if support(best) > 1 or len(looks) == 1:
            return best
        if is_sale:
            return max(looks, key=lambda look: look.market_cap_lamports)
        raise PriceContradicted(
            f"{' and '.join(look.told_by for look in looks)} contradict each other about the price of {mint}"
        )

    # Who is asked

    async def _second(self, mint: str, told: OwnVenue) -> OwnVenue | None:
        """What others show at no older slot; None where nobody says so in time."""
        known = self.prices.otherwise(mint, told.told_by, 0)
        if known is not None and known.venue.slot >= told.slot and not isinstance(known.venue, Route):
            return known.venue
        reason = f"no answer within {WITHIN_S:g} s"
        with trio.move_on_after(WITHIN_S):
            try:
                return await self.chain.venue_besides(mint, told)
            except (ChainUnavailable, DecodeError, LookupError) as error:
                reason = str(error)
        log.info("price_of_one_endpoint", mint=mint, told_by=told.told_by, reason=reason)
        return None

    async def _looks(self, mint: str, told: OwnVenue) -> list[OwnVenue]:
        with trio.move_on_after(LOOKS_WITHIN_S):
            try:
                return await self.chain.looks(mint, told)
            except (ChainUnavailable, LookupError) as error:
                log.info("price_not_judged", mint=mint, reason=str(error))
        return []

    # What is believed

    def _note(self, mint: str, told: OwnVenue, second: OwnVenue) -> None:
        """Two have told the same, or each its own."""
        told_alike = same_reserves(told, second)
        self.prices.push(mint, PricePoint(borne_out(second) if told_alike else second, self.clock.now_ms()))

    def _believe(self, mint: str, told: OwnVenue, right: OwnVenue, looks: Sequence[OwnVenue]) -> None:
        """Let the book have what most say; what one endpoint told and most deny is taken out of it."""
        voices = {look.told_by for look in looks if same_reserves(look, right)}
        point = PricePoint(borne_out(right) if len(voices) > 1 else right, self.clock.now_ms())
        if same_reserves(told, right):
            self.prices.push(mint, point)
        else:
            self.prices.correct(mint, told, point)


def _agree(one: Exit, other: Exit) -> bool:
    """Whether both leave for a gain, or both for a loss."""
    gains = [decided.reason is ExitReason.TAKE_PROFIT for decided in (one, other)]
    return one.reason.is_by_price and gains[0] == gains[1]


def _majority(looks: Sequence[OwnVenue], decide: Decide, decided: Exit, known: Venue | None) -> OwnVenue:
    """The newest look among those of the most voices about whether to leave."""
    leaving: list[OwnVenue] = []
    staying: list[OwnVenue] = []
    for look in looks:
        verdict = decide(look)
        (leaving if verdict is not None and _agree(verdict, decided) else staying).append(look)
    if len(leaving) != len(staying):
        most = max(leaving, staying, key=len)
    elif known is not None and any(same_reserves(known, look) for look in looks):
        most = [look for look in looks if same_reserves(known, look)]
    else:
        most = staying if decided.reason is ExitReason.TAKE_PROFIT else leaving
    return max(most, key=lambda look: look.slot)
