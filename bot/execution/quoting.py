"""What a request would trade at the reserves of this moment, and what speaks against it apart from the gate's limits.

A preview and the order itself come through here, so that a card shows what the order will do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from bot.clock import Clock
from bot.errors import ChainUnavailable, DecodeError, RouterUnavailable, SendRejected, WalletFrozen
from bot.execution.at_once import at_once
from bot.execution.borne_out import BorneOut
from bot.execution.exit_balances import ExitBalances
from bot.execution.policy import Policy
from bot.execution.price_book import PriceBook
from bot.ports import Chain, Wallet, WalletBalances
from bot.trading.curve import AwaitsPoolError, Curve, Fees, Quote, QuoteError
from bot.trading.exits import AT_ANY_PRICE
from bot.trading.failures import order_failure
from bot.trading.intent import FORESEEN, Context, Mode, Side, TradeRequest
from bot.trading.limits import UserSettings, checks_tokens, effective_floor, entry_slippage_bps
from bot.trading.own_impact import as_met
from bot.trading.pool import Pool
from bot.trading.risk_gate import FROZEN, LEAST_BALANCE_LAMPORTS, WRAPPED_SOL_RENT_LAMPORTS, Refused
from bot.trading.route import Route
from bot.trading.token_check import UNREADABLE, cautions, hazards
from bot.trading.units import BPS, bps_floor, ceil_div, format_percent, format_sol, format_tokens
from bot.trading.venue import Venue, quote_buy, quote_sell, wraps_sol

# The code of a coin that nobody can trade now: its curve is complete, and its pool does not exist yet.
AWAITS_POOL = "awaits_pool"
# The codes of an order by an aggregator's offer: it did not answer, or it proposed another trade.
NO_ROUTER = "no_router"
UNTRUSTED = "untrusted"
# What a sale in a pool or by an offer borrows of a wallet while it lasts, beyond the least balance that no fee may touch anyway.
POOL_LOAN_LAMPORTS = WRAPPED_SOL_RENT_LAMPORTS - LEAST_BALANCE_LAMPORTS


class CannotPrepareError(Exception):
    """The request cannot become a transaction now; the text is for the user, `code` stable and short."""

    def __init__(self, text: str, code: str = "not_sent") -> None:
        super().__init__(text)
        self.code = code


def not_sent(error: Exception) -> Refused:
    """The refusal of an order that could not be made; the log has what exactly happened."""
    return Refused(_code_of(error), order_failure(error))


def _code_of(error: Exception) -> str:
    """A missing route says nothing of the order, so that whoever repeats it can tell."""
    if isinstance(error, CannotPrepareError):
        return error.code
    if isinstance(error, RouterUnavailable):
        return NO_ROUTER
    if isinstance(error, SendRejected) and error.kind == UNTRUSTED:
        return UNTRUSTED
    if isinstance(error, WalletFrozen):
        return FROZEN
    return "no_route" if isinstance(error, ChainUnavailable) else "not_sent"


@dataclass(frozen=True, slots=True)
class Priced:
    """A request at today's reserves. `limit_raw` is the least tokens out (buy) or the least lamports out (sale).

    Of a sale `sells_all` says that it sells the whole balance, and `wallet_lamports` is what the wallet can pay fees from:
    in a pool or by an offer less, because the sale begins by opening an account of wrapped SOL.
    """

    venue: Venue
    quote: Quote
    limit_raw: int
    close_account: bool = False
    sells_all: bool = False
    wallet_lamports: int = 0


@dataclass(frozen=True, slots=True)
class Quoting:
    """Reads what a price hangs on. The policy's ceilings bound what the user's settings say."""

    chain: Chain
    prices: PriceBook
    policy: Policy
    holdings: ExitBalances
    clock: Clock

    async def priced(self, request: TradeRequest, wallet: Wallet, settings: UserSettings) -> Priced:
        """Quote against the reserves of this moment. Raises CannotPrepareError, ChainUnavailable or DecodeError."""
        try:
            if request.side is Side.SELL:
                looks = partial(self._venue, request), partial(self.holdings.of, wallet, request.mint)
                return await self._sale(request, *await at_once(*looks))
            venue = self._told(request) or await self._venue(request)
            await self._refuse_token(request, settings, venue)
            held_raw = await self._held_raw(request, wallet)
            return await self._buy(request, as_met(venue, request.mode, held_raw))
        except LookupError as error:
            raise CannotPrepareError(
                f"{request.mint} is no token of the launchpad, or so new that the chain has not confirmed it; check the address"
            ) from error
        except AwaitsPoolError as error:
            raise CannotPrepareError(str(error), AWAITS_POOL) from error
        except QuoteError as error:
            raise CannotPrepareError(str(error)) from error

    async def hazards(self, mint: str) -> tuple[str, ...]:
        """What the mint lets somebody do to its holders; one that cannot be read is a hazard. Raises ChainUnavailable."""
        try:
            return hazards(await self.chain.mint_facts(mint))
        except (LookupError, DecodeError):
            return (UNREADABLE,)

    async def warnings(self, mint: str) -> tuple[str, ...]:
        """What a buyer sees of a mint: its hazards, and behind them what refuses nothing. Raises ChainUnavailable."""
        try:
            facts = await self.chain.mint_facts(mint)
        except (LookupError, DecodeError):
            return (UNREADABLE,)
        return hazards(facts) + cautions(facts) + await self._withdrawable(mint)

    async def _withdrawable(self, mint: str) -> tuple[str, ...]:
        try:
            lock = await self.chain.liquidity_lock(mint)
        except DecodeError:
            return ("who can withdraw the liquidity of its pool cannot be read",)
        return () if lock is None else lock.cautions

    async def _refuse_token(self, request: TradeRequest, settings: UserSettings, venue: Venue) -> None:
        if request.context is not Context.MANUAL_COMMAND and isinstance(venue, Route):
            raise CannotPrepareError(
                "the token has neither a curve nor a pool of its own; such are bought by hand only", "routed"
            )
        if request.context is Context.SNIPER and isinstance(venue, Pool):
            raise CannotPrepareError("the coin has left its curve; the sniper buys on curves only", "in_pool")
        if checks_tokens(settings, self.policy.ceilings) and (found := await self.hazards(request.mint)):
            raise CannotPrepareError(
                f"this token is not safe: {'; '.join(found)}. The setting check_honeypots decides whether such tokens are"
                " refused",
                "unsafe_token",
            )
        await self._refuse_holders(request, settings, venue)
        is_his_own = request.context in {Context.MANUAL_COMMAND, Context.AUTOMATED}
        mine = settings.min_curve_lamports if is_his_own else 0
        floor = effective_floor(mine, self.policy.ceilings.min_curve_lamports, "least liquidity")
        if venue.liquidity_lamports < floor.value:
            raise CannotPrepareError(
                f"the market of this token holds {format_sol(venue.liquidity_lamports)} SOL, below {floor.rule} of"
                f" {format_sol(floor.value)} SOL",
                "liquidity",
            )

    async def _refuse_holders(self, request: TradeRequest, settings: UserSettings, venue: Venue) -> None:
        limit_bps = settings.max_top_holders_bps
        if limit_bps is None:
            return
        try:
            holders = await self.chain.holders(request.mint, venue.creator)
        except (ChainUnavailable, DecodeError) as error:
            raise CannotPrepareError(
                f"who holds it cannot be read now, and your max_top_holders of {format_percent(limit_bps)} needs that"
                " (an endpoint that answers getTokenLargestAccounts); nothing was sent",
                "holders_unknown",
            ) from error
        if holders.top_bps > limit_bps:
            raise CannotPrepareError(
                f"its ten largest holders have {format_percent(holders.top_bps)} of it, above your max_top_holders of"
                f" {format_percent(limit_bps)}",
                "holders",
            )

    async def _buy(self, request: TradeRequest, venue: Venue) -> Priced:
        slippage_bps = entry_slippage_bps(request.slippage_bps, self.policy.ceilings)
        if isinstance(venue, Route):
            venue = await self._offer_to_buy(request, venue, slippage_bps)
        quote = quote_buy(venue, request.spend_lamports, await self.chain.fees())
        if quote.token_raw < request.min_token_raw:
            raise CannotPrepareError(
                f"the price has risen: {format_sol(request.spend_lamports)} SOL brings {format_tokens(quote.token_raw)} tokens"
                f" now, below the {format_tokens(request.min_token_raw)} that {_least_of(request)}",
                "price_moved",
            )
        limit_raw = max(bps_floor(quote.token_raw, BPS - slippage_bps), request.min_token_raw)
        return Priced(venue, quote, limit_raw)

    async def _held_raw(self, request: TradeRequest, wallet: Wallet) -> int:
        """What a virtual wallet holds of the token already; nobody asks for a live one, whose buys are in what is told."""
        if request.mode is Mode.LIVE:
            return 0
        return (await self.chain.holding(wallet.address, request.mint)).token_raw.get(request.mint, 0)

    async def _offer_to_buy(self, request: TradeRequest, seen: Route, slippage_bps: int) -> Route:
        """An offer whose own minimum, to which it holds the trade itself, is not below what the buyer was shown."""
        if request.min_token_raw:
            expected_raw = quote_buy(seen, request.spend_lamports, Fees()).token_raw
            slippage_bps = min(slippage_bps, max(BPS - ceil_div(request.min_token_raw * BPS, expected_raw), 0))
        offer = await self.chain.offer(request.mint, Side.BUY, request.spend_lamports, slippage_bps)
        if bps_floor(offer.token_raw, BPS - slippage_bps) < request.min_token_raw:
            raise CannotPrepareError(
                f"the price has risen: an offer brings fewer tokens than {_least_of(request)}", "price_moved"
            )
        return offer

    async def _sale(self, request: TradeRequest, venue: Venue, balances: WalletBalances) -> Priced:
        held_raw = balances.token_raw.get(request.mint, 0)
        token_raw = min(request.token_raw or bps_floor(held_raw, request.share_bps), held_raw)
        if token_raw == 0:
            raise CannotPrepareError("the chain shows none of this token in the wallet; nothing was sent")
        if isinstance(venue, Route):
            slippage_bps = min(request.slippage_bps, _room_bps(venue, token_raw, request.min_lamports))
            venue = await self.chain.offer(request.mint, Side.SELL, token_raw, slippage_bps)
        venue = as_met(venue, request.mode, held_raw)
        quote = quote_sell(venue, token_raw, await self.chain.fees())
        if quote.received_lamports < request.min_lamports:
            raise CannotPrepareError(
                "the price has fallen below what the order asks for; nothing was sent", "price_moved"
            )
        limit_raw = max(bps_floor(max(quote.received_lamports, 0), BPS - request.slippage_bps), request.min_lamports)
        sells_all = token_raw == held_raw and not balances.is_least
        return Priced(
            venue,
            quote,
            limit_raw,
            close_account=sells_all and not request.keep_account,
            sells_all=sells_all,
            wallet_lamports=balances.lamports - (POOL_LOAN_LAMPORTS if wraps_sol(venue) else 0),
        )

    @property
    def _borne_out(self) -> BorneOut:
        return BorneOut(self.chain, self.prices, self.clock)

    def _told(self, request: TradeRequest) -> Venue | None:
        """The reserves that were told last, young enough for a foreseen entry to buy by without asking again.

        What was polled since has to be the same within the slippage, so that no endpoint's word alone makes a bound.
        """
        if request.context not in FORESEEN:
            return None
        point = self.prices.latest(request.mint)
        if point is None or point.is_late or self.clock.now_ms() - point.seen_at_ms > self.policy.price_max_age_ms:
            return None
        if isinstance(point.venue, Route) or (isinstance(point.venue, Curve) and point.venue.complete):
            return None
        is_known = self._borne_out.is_known(request.mint, point.venue, request.slippage_bps)
        return point.venue if is_known else None

    async def _venue(self, request: TradeRequest) -> Venue:
        """The newest reserves: the account as confirmed, or the event of a later slot that the stream has pushed.

        One endpoint's word that others contradict by more than the slippage makes no bound. What has to be sold at any price
        asks nobody else: its bound ends at nothing anyway.
        """
        confirmed = await self.chain.venue(request.mint)
        pushed = self.prices.latest(request.mint)
        newest = pushed.venue if pushed is not None and pushed.venue.slot > confirmed.slot else confirmed
        if request.reason in AT_ANY_PRICE:
            return newest
        is_sale = request.side is Side.SELL
        return await self._borne_out.quoted(request.mint, newest, request.slippage_bps, is_sale=is_sale)


def _least_of(request: TradeRequest) -> str:
    """Whose least it is that a price has moved past, and what to do."""
    if request.context is Context.MANUAL_COMMAND:
        return "you were shown; send the command again"
    return "the order asks for"


def _room_bps(seen: Route, token_raw: int, min_lamports: int) -> int:
    """How far an offer may fall before it brings less than the least; an offer keeps to a slippage and to no amount."""
    expected_lamports = quote_sell(seen, token_raw, Fees()).received_lamports
    return max(BPS - ceil_div(min_lamports * BPS, max(expected_lamports, 1)), 0)
