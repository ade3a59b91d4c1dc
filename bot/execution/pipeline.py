"""From a request to bytes that have left: admit, prepare, sign, journal, send.

Each step commits before the next begins, so that a crash between any two leaves a row that says what is owed. The
rest of the road, from the sent bytes to the settled fill, is `confirm.py`; a restart takes it up from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import structlog
import trio

from bot.clock import Clock, day_of, day_start_ms
from bot.errors import ChainUnavailable, Conflict, DecodeError, KeyUnavailable, SendRejected
from bot.execution.at_once import at_once
from bot.execution.balance_book import BalanceBook
from bot.execution.day_loss import closed_by_loss, unrealized
from bot.execution.departure import Departure
from bot.execution.exit_balances import ExitBalances
from bot.execution.in_flight import InFlight
from bot.execution.landing_costs import LandingCosts
from bot.execution.lanes import exit_lane
from bot.execution.policy import Policy
from bot.execution.price_book import PriceBook
from bot.execution.program_errors import ProgramErrors
from bot.execution.quoting import CannotPrepareError, Priced, Quoting, not_sent
from bot.execution.rehearsals import BALANCE_HOLDS_MS, Rehearsals
from bot.execution.sale_trials import SaleTrials
from bot.execution.sealed_keys import SealedKeys
from bot.execution.signed_again import may_be_closing, refused_beside
from bot.execution.units_book import Kind, UnitsBook, kind_of
from bot.ports import (
    Blockhash,
    Chain,
    Gate,
    Signing,
    Snipe,
    SnipeRun,
    Store,
    Submitted,
    SwapOrder,
    User,
    Wallet,
)
from bot.trading.failures import OF_CLOSING, order_failure
from bot.trading.intent import FORESEEN, Attempt, AttemptState, Context, Intent, IntentState, Side, TradeRequest
from bot.trading.ladder import FIRST_RUNG, Rung
from bot.trading.ledger import SIGNATURE_FEE_LAMPORTS
from bot.trading.limits import UserSettings, checks_tokens
from bot.trading.risk_gate import Refused, admit, refuse_frozen, refuse_paused
from bot.trading.route import Route
from bot.trading.units import format_sol, format_tokens
from bot.trading.venue import program_of

log = structlog.get_logger()

SETTINGS_HOLD_S = 1.0  # those that a sniper judged by serve its order too; the gate reads them in its own transaction

NOT_TAKEN = "signed, but no route took it yet; it is sent again until it lands or expires"

PauseCauses = Callable[[str, Context, str | None, str], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The first half of the road.

    `pause_causes` tells which causes cover a user's request of this origin, and of this program, right now.
    """

    store: Store
    chain: Chain
    keys: SealedKeys
    clock: Clock
    policy: Policy
    in_flight: InFlight
    prices: PriceBook
    holdings: ExitBalances
    balances: BalanceBook
    pause_causes: PauseCauses
    errors: ProgramErrors
    units: UnitsBook = field(default_factory=UnitsBook)
    trials: SaleTrials = field(default_factory=SaleTrials)
    rehearsals: Rehearsals = field(default_factory=Rehearsals)

    async def submit(
        self, request: TradeRequest, wallet: Wallet, rung: Rung = FIRST_RUNG, snipe: Snipe | None = None
    ) -> Submitted | Refused:
        """Take one request as far as its bytes having left, inside the turn of its wallet.

        `rung` says what an exit pays and whether it is simulated; its slippage is the request's. The run of `snipe` is
        written with the intent. A request that was submitted before under the same key is not traded again; its intent is
        given back. Raises StoreUnavailable when the database is away: the rescuer goes on from the rows then.
        """
        intent_id = self.clock.new_id()
        try:
            if request.side is Side.SELL:
                with exit_lane():
                    return await self._submit(request, wallet, intent_id, rung, None)
            return await self._submit(request, wallet, intent_id, rung, snipe)
        except BaseException:
            # Interrupted: nobody takes this order further, and while it looks planned it blocks the token's next sale.
            self.in_flight.abandon(intent_id)
            raise

    async def again(self, intent: Intent, wallet: Wallet, rung: Rung) -> Submitted | Refused:
        """Sign an exit of a whole balance once more, on newer reserves and a higher rung, beside what it signed before.

        At most one of them can succeed (money path 3). Refused where that is not certain, as `refused_beside` says, and when
        its attempts would cost more than the reserve for it. Raises StoreUnavailable.
        """
        followed = self.in_flight.attempts_of(intent.id)
        if refused := refused_beside(followed, self.in_flight.buys(wallet.id, intent.request.mint)):
            return refused
        if refused := self.refused_now(intent.request):
            return refused
        with exit_lane():
            settings = await self.store.settings(intent.request.user_id)
            request = replace(
                intent.request,
                slippage_bps=rung.slippage_bps,
                keep_account=intent.request.keep_account or may_be_closing(followed),
            )
            try:
                order, sells_all = await self._prepare(replace(intent, request=request), wallet, settings, rung)
                if not sells_all:
                    return Refused("part", "the wallet holds more than this order sells")
                attempt = await self._sign(intent, wallet, order, sells_all=sells_all)
            except (CannotPrepareError, SendRejected, KeyUnavailable, ChainUnavailable, Conflict, DecodeError) as error:
                log.warning("exit_not_signed_again", intent=intent.id, reason=str(error))
                return not_sent(error)
            log.info(
                "attempt_signed",
                intent=intent.id,
                number=attempt.number,
                signature=attempt.signature,
                fee_lamports=attempt.fee_lamports,
                slippage_bps=rung.slippage_bps,
                last_valid_height=attempt.last_valid_block_height,
            )
            return await self._let_go(intent, wallet, order, attempt)

    async def _submit(
        self, request: TradeRequest, wallet: Wallet, intent_id: str, rung: Rung, snipe: Snipe | None
    ) -> Submitted | Refused:
        bound = log.bind(user=request.user_id, mint=request.mint, side=request.side, causation=request.causation_id)
        if refused := self.refused_now(request):
            # It waited for its turn since before the pause.
            bound.info("order_refused", code=refused.code, reason=refused.reason)
            return refused
        if snipe is not None and trio.current_time() - snipe.read_at_s <= SETTINGS_HOLD_S:
            settings = snipe.settings
        elif request.side is Side.BUY and request.context in FORESEEN:
            settings = await self.store.remembered_settings(request.user_id)
        else:
            settings = await self.store.settings(request.user_id)
        run, gate = None if snipe is None else snipe.run, partial(admit, request)
        admitted = await self.judged_by(request, wallet, settings, intent_id, gate, run=run)
        if isinstance(admitted, Refused):
            bound.info("order_refused", code=admitted.code, reason=admitted.reason)
            return admitted
        bound = bound.bind(intent=admitted.id)
        if admitted.state is not IntentState.PLANNED:
            return Submitted(admitted, f"this order exists already and is {admitted.state}")
        bound.info("intent_planned", context=request.context, reserved_lamports=admitted.reserved_lamports)
        trouble: Exception | None = None
        try:
            if request.side is Side.SELL:
                prepare = partial(self._prepare, admitted, wallet, settings, rung)
                (order, sells_all), _ = await at_once(prepare, self._blockhash_for_exit)
            else:
                order, sells_all = await self._prepare(admitted, wallet, settings, rung)
            attempt = await self._sign(admitted, wallet, order, sells_all=sells_all)
        except (CannotPrepareError, SendRejected, KeyUnavailable, ChainUnavailable, Conflict, DecodeError) as error:
            trouble = error
        if trouble is not None:  # outside of the handler: a stop that arrives now covers up no error
            await self.departure.give_up(admitted, order_failure(trouble))
            bound.warning("intent_given_up", reason=str(trouble))
            return not_sent(trouble)
        bound.info(
            "attempt_signed",
            number=attempt.number,
            signature=attempt.signature,
            fee_lamports=attempt.fee_lamports,
            slippage_bps=request.slippage_bps,
            last_valid_height=attempt.last_valid_block_height,
        )
        return await self._let_go(admitted, wallet, order, attempt)

    async def _let_go(self, intent: Intent, wallet: Wallet, order: SwapOrder, attempt: Attempt) -> Submitted:
        """Let the bytes leave, which the row says already, and say what was ordered."""
        sent, is_taken = await self.departure.leave(intent, wallet, attempt, protected=order.tip_lamports > 0)
        return Submitted(sent, _what(order) if is_taken else NOT_TAKEN)

    def refused_now(self, request: TradeRequest) -> Refused | None:
        """What a pause or a freeze keeps out, before anybody is asked for anything; the gate judges it again in its turn."""
        return refuse_paused(request, self._causes(request))

    def _causes(self, request: TradeRequest) -> tuple[str, ...]:
        """What pauses a request, that of the program included at which the token was last seen to trade."""
        point = self.prices.latest(request.mint)
        program = None if point is None else program_of(point.venue)
        return self.pause_causes(request.user_id, request.context, program, request.wallet_id)

    async def priced(self, request: TradeRequest, wallet: Wallet, settings: UserSettings) -> Priced:
        """The quote of an entry says where it trades, and so whether a pause of that program keeps it out."""
        priced = await self.quoting.priced(request, wallet, settings)
        causes = self.pause_causes(request.user_id, request.context, program_of(priced.venue), wallet.id)
        if refused := refuse_paused(request, causes):
            raise CannotPrepareError(refused.reason, refused.code)
        return priced

    @property
    def departure(self) -> Departure:
        return Departure(self.store, self.chain, self.clock, self.in_flight)

    @property
    def costs(self) -> LandingCosts:
        return LandingCosts(self.chain, self.policy, self.in_flight)

    async def closed_by_loss(self, user: User) -> str | None:
        """How the loss of a user's day closes his entries; None where it does not. Raises StoreUnavailable."""
        return await closed_by_loss(
            self.store, self.chain, self.prices, clock=self.clock, ceilings=self.policy.ceilings, user=user
        )

    @property
    def quoting(self) -> Quoting:
        return Quoting(self.chain, self.prices, self.policy, self.holdings, self.clock)

    async def judged_by(
        self,
        request: TradeRequest,
        wallet: Wallet,
        settings: UserSettings,
        intent_id: str,
        gate: Gate,
        *,
        run: SnipeRun | None = None,
    ) -> Intent | Refused:
        """Have the store judge a request by `gate` and write its intent, in one transaction (money path 2).

        Only a buy asks the chain first, for what the wallet holds and what its user's positions are worth: refused as
        `no_route` where that cannot be had. A sale waits for nobody. Raises StoreUnavailable.
        """
        wallet_lamports = unrealized_lamports = 0
        if request.side is Side.BUY:
            try:
                wallet_lamports = await self._lamports(request, wallet)
                unrealized_lamports = await unrealized(
                    self.store, self.chain, self.prices, request.user_id, request.mode
                )
            except (ChainUnavailable, DecodeError) as error:
                log.info("entry_not_judged", user=request.user_id, mint=request.mint, reason=str(error))
                return Refused("no_route", order_failure(error))
        now_ms = self.clock.now_ms()
        return await self.store.admit(
            request,
            intent_id=intent_id,
            now_ms=now_ms,
            wallet_lamports=wallet_lamports,
            unrealized_lamports=unrealized_lamports,
            ceilings=self.policy.ceilings,
            pause_causes=self._causes(request),
            day_start_ms=day_start_ms(day_of(now_ms, settings.timezone), settings.timezone),
            gate=gate,
            run=run,
        )

    async def _lamports(self, request: TradeRequest, wallet: Wallet) -> int:
        """What the wallet holds: of a foreseen entry's as it was seen some seconds ago, and what our own orders changed since."""
        if request.context in FORESEEN:
            since_ms = self.clock.now_ms() - BALANCE_HOLDS_MS
            if (known := self.balances.recent(wallet.id, since_ms)) is not None:
                return known
        return (await self.chain.balances(wallet.address)).lamports

    async def _prepare(
        self, intent: Intent, wallet: Wallet, settings: UserSettings, rung: Rung
    ) -> tuple[SwapOrder, bool]:
        """The order at the reserves of this moment, and whether it sells the token account's whole balance."""
        request = intent.request
        priced = await self.priced(request, wallet, settings)
        tip, tip_account = self.costs.tip(request, settings)
        kind = Kind(request.side, program_of(priced.venue), priced.close_account)
        most_units = self.costs.most_units(request.side, priced.venue)
        # A sale that did not land, or failed, asks for all that it may: want of units is no reason to fail again.
        units = most_units if rung.doublings else self.units.limit(kind, most_units)
        fee_lamports = await self.costs.fee(
            intent, settings, rung, wallet_lamports=priced.wallet_lamports, tip=tip, units=units
        )
        if not isinstance(priced.venue, Route):  # whose errors are those of many programs
            self.errors.traded(request.mint, program_of(priced.venue))
        order = SwapOrder(
            wallet_address=wallet.address,
            mint=request.mint,
            side=request.side,
            venue=priced.venue,
            spend_lamports=request.spend_lamports,
            token_raw=priced.quote.token_raw,
            limit_raw=priced.limit_raw,
            compute_unit_limit=most_units if request.side is Side.BUY else units,
            priority_fee_lamports=fee_lamports,
            close_account=priced.close_account,
            tip_lamports=tip,
            tip_account=tip_account,
        )
        if request.side is Side.BUY:
            tries_sale = request.context is not Context.MANUAL_COMMAND and checks_tokens(settings, self.policy.ceilings)
            order = self._rehearsed(request, order) or await self._simulated(request, order, tries_sale=tries_sale)
        elif isinstance(order.venue, Route):
            order = await self._simulated(request, order, tries_sale=False)
        elif rung.simulated:
            await self.chain.compute_units(order)
        return order, priced.sells_all

    def _rehearsed(self, request: TradeRequest, order: SwapOrder) -> SwapOrder | None:
        """A foreseen buy of a token whose buy and sale were simulated a moment ago needs no simulation of its own.

        Its wallet may have to open more accounts than that of the rehearsal, so that its limit is half as much again.
        """
        if request.context not in FORESEEN:
            return None
        if (units := self.rehearsals.units(request.mint, request.mode)) is None:
            return None
        return replace(order, compute_unit_limit=min(order.compute_unit_limit, units * 3 // 2))

    async def _simulated(self, request: TradeRequest, order: SwapOrder, *, tries_sale: bool) -> SwapOrder:
        """Every other buy and every order by an offer: one that would fail costs nothing, or leaves its account open."""
        while True:
            try:
                if tries_sale:
                    await self.trials.prove(self.chain, order, request.mode)
                used = await self.chain.compute_units(order)
                break
            except SendRejected as error:
                if not (order.close_account and error.program_error in OF_CLOSING):
                    self.errors.ended(order.mint, error.program_error, error.failed_program)
                    raise
                order = replace(order, close_account=False)
        return replace(order, compute_unit_limit=min(order.compute_unit_limit, used + used // 5))

    async def _sign(self, intent: Intent, wallet: Wallet, order: SwapOrder, *, sells_all: bool) -> Attempt:
        """Sign, and commit the bytes and that they leave. Nothing has left before that row is there.

        It says `sent` at once: bytes that stayed after all are harmless, and an order waits for one commit less.
        An exit stands on a blockhash with little life left: what does not land is proven dead that much sooner.
        """
        for is_short in (True, False) if order.side is Side.SELL else (False,):
            if is_short:
                blockhash = await self._blockhash_for_exit()
            else:
                blockhash = await self.chain.latest_blockhash()
            raw, signature = await self._signed(intent, wallet, order, blockhash)
            # The same sale on the same blockhash, by an order that has had its end, cannot land any more: then the newest.
            if not self.in_flight.has_ended(signature):
                break
        attempt = Attempt(
            signature=signature,
            intent_id=intent.id,
            number=self.in_flight.tally(intent.id).attempts + 1,
            raw=raw,
            last_valid_block_height=blockhash.last_valid_block_height,
            token_raw=order.token_raw,
            limit_raw=order.limit_raw,
            state=AttemptState.SENT,
            created_at_ms=self.clock.now_ms(),
            sells_all=sells_all,
            fee_lamports=SIGNATURE_FEE_LAMPORTS + order.priority_fee_lamports,
        )
        self.units.signed(attempt.signature, kind_of(order))
        await self.store.record_attempt(attempt)
        return attempt

    async def _blockhash_for_exit(self) -> Blockhash:
        return await self.chain.short_blockhash()

    async def _signed(
        self, intent: Intent, wallet: Wallet, order: SwapOrder, blockhash: Blockhash
    ) -> tuple[bytes, str]:
        """Bytes and signature of an order."""
        message = self.chain.build(order, blockhash)
        if refused := refuse_frozen(self._causes(intent.request)):  # it was frozen since the gate
            raise CannotPrepareError(refused.reason, refused.code)
        return self.chain.assemble(message, await self.keys.sign(wallet, Signing(intent.id, order.mint, message)))


def _what(order: SwapOrder) -> str:
    if order.side is Side.BUY:
        return f"buying for {format_sol(order.spend_lamports)} SOL, at least {format_tokens(order.limit_raw)} tokens"
    return f"selling {format_tokens(order.token_raw)} tokens for at least {format_sol(order.limit_raw)} SOL"
