"""What an order pays to land: its priority fee and the tip of a block engine, by its user's wishes and what others pay."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
import trio

from bot.errors import ChainUnavailable
from bot.execution.in_flight import InFlight
from bot.execution.policy import Policy
from bot.execution.quoting import CannotPrepareError
from bot.ports import Chain
from bot.trading.intent import Intent, Protection, Side, TradeRequest
from bot.trading.ladder import Rung, entry_fee, exit_fee
from bot.trading.landing import FeeBounds, fee_bounds, tip_lamports
from bot.trading.limits import UserSettings
from bot.trading.pool import Pool
from bot.trading.route import Route
from bot.trading.venue import Venue

log = structlog.get_logger()

MICRO_LAMPORTS = 1_000_000
MARKET_FEE_WITHIN_S = 0.5  # what others pay is worth no longer wait
NO_ENGINE = "no_engine"


@dataclass(frozen=True, slots=True)
class LandingCosts:
    """Asks the chain what others pay; everything else is the rules of `bot/trading/landing.py` and `ladder.py`."""

    chain: Chain
    policy: Policy
    in_flight: InFlight

    def most_units(self, side: Side, venue: Venue) -> int:
        """The most compute units that an order may ask for."""
        if isinstance(venue, Route):
            return self.policy.compute_units_route
        if isinstance(venue, Pool):
            return self.policy.compute_units_pool
        return self.policy.compute_units_buy if side is Side.BUY else self.policy.compute_units_sell

    def tip(self, request: TradeRequest, settings: UserSettings) -> tuple[int, str]:
        """What the order tips a block engine in lamports, and where; 0 for one that goes by every route.

        While no engine answers, what may go by every route after a while does so at once, and what may not is refused:
        raises CannotPrepareError.
        """
        landing = self.chain.landing_tip()
        lamports = tip_lamports(settings, request.side, request.protection, self.policy.ceilings, landing)
        account = self.chain.tip_account(request.mint) if lamports else None
        if account is not None:
            return lamports, account
        if request.protection is Protection.PROTECTED:
            side = request.side.value
            raise CannotPrepareError(
                f"your {side}s go by a block engine alone and none answers; /settings protection_{side} open sends them"
                " by every route",
                NO_ENGINE,
            )
        return 0, ""

    async def fee(
        self, intent: Intent, settings: UserSettings, rung: Rung, *, wallet_lamports: int, tip: int, units: int
    ) -> int:
        """The priority fee in lamports of the order's next attempt, which asks for about so many compute units.

        Raises CannotPrepareError when there may be none.
        """
        side = intent.request.side
        if side is Side.BUY:
            return await self.first_fee(intent.request, settings, units)
        fee_lamports = exit_fee(
            await self._market_fee(intent.request, units),
            rung.doublings,
            self._bounds(side, settings),
            self.in_flight.tally(intent.id),
            free_lamports=wallet_lamports - self.in_flight.may_take(intent.request.wallet_id),
            tip_lamports=tip,
        )
        if fee_lamports is None:
            raise CannotPrepareError("its attempts have used up the fees that one order may cost", "fees_used_up")
        return fee_lamports

    async def first_fee(self, request: TradeRequest, settings: UserSettings, units: int) -> int:
        """The priority fee of an order's first attempt, before what its wallet can pay is looked at."""
        return entry_fee(await self._market_fee(request, units), self._bounds(request.side, settings))

    def _bounds(self, side: Side, settings: UserSettings) -> FeeBounds:
        return fee_bounds(settings, side, self.policy.ceilings, self.policy.priority_fee_lamports)

    async def _market_fee(self, request: TradeRequest, units: int) -> int:
        """What others pay for the same accounts, in lamports; 0, so that the least is paid, when nobody says it soon."""
        with trio.move_on_after(MARKET_FEE_WITHIN_S):
            try:
                price = await self.chain.market_unit_price(request.mint)
            except ChainUnavailable as error:
                log.info("market_fee_unknown", mint=request.mint, reason=str(error))
            else:
                return price * units // MICRO_LAMPORTS
        return 0
