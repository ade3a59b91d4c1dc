"""From a request to bytes that have left: admit, prepare, sign, journal, send.

Each step commits before the next begins, so that a crash between any two leaves a row that says what is owed. The
rest of the road, from the sent bytes to the settled fill, is `confirm.py`; a restart takes it up from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog
import trio

from bot.clock import Clock, day_of, day_start_ms
from bot.errors import ChainUnavailable, Conflict, DecodeError, KeyUnavailable, SendRejected, Unavailable
from bot.execution.in_flight import Followed, InFlight
from bot.execution.lanes import exit_lane
from bot.execution.policy import Policy
from bot.ports import Chain, Prices, Store, Submitted, SwapOrder, Vault, Wallet
from bot.trading.curve import Curve, CurveError, quote_buy, quote_sell
from bot.trading.intent import Attempt, AttemptState, Context, Intent, IntentState, Side, TradeRequest
from bot.trading.risk_gate import Refused, admit
from bot.trading.units import BPS, bps_floor, format_sol, format_tokens

log = structlog.get_logger()

PauseCauses = Callable[[str, Context], tuple[str, ...]]


class CannotPrepareError(Exception):
    """The admitted intent cannot become a transaction now; the text is for the user."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The first half of the road. `pause_causes` tells which causes cover a user's request of this origin right now."""

    store: Store
    chain: Chain
    vault: Vault
    clock: Clock
    policy: Policy
    in_flight: InFlight
    prices: Prices
    pause_causes: PauseCauses

    async def submit(self, request: TradeRequest, wallet: Wallet) -> Submitted | Refused:
        """Take one request as far as its bytes having left, inside the turn of its wallet.

        A request that was submitted before under the same key is not traded again; its intent is given back. Raises
        StoreUnavailable when the database is away: the outcome is then in the rows, and the rescuer goes on from them.
        """
        if request.side is Side.SELL:
            with exit_lane():
                return await self._submit(request, wallet)
        return await self._submit(request, wallet)

    async def _submit(self, request: TradeRequest, wallet: Wallet) -> Submitted | Refused:
        bound = log.bind(user=request.user_id, mint=request.mint, side=request.side, causation=request.causation_id)
        admitted = await self._admit(request, wallet)
        if isinstance(admitted, Refused):
            bound.info("order_refused", code=admitted.code, reason=admitted.reason)
            return admitted
        bound = bound.bind(intent=admitted.id)
        if admitted.state is not IntentState.PLANNED:
            return Submitted(admitted, f"this order exists already and is {admitted.state}")
        bound.info("intent_planned", context=request.context, reserved_lamports=admitted.reserved_lamports)
        try:
            order = await self._prepare(admitted, wallet)
            attempt = await self._sign(admitted, wallet, order)
        except (CannotPrepareError, SendRejected, KeyUnavailable, ChainUnavailable, Conflict, DecodeError) as error:
            await self._give_up(admitted, str(error))
            bound.warning("intent_given_up", reason=str(error))
            return Refused("not_sent", str(error))
        bound.info("attempt_signed", signature=attempt.signature, last_valid_height=attempt.last_valid_block_height)
        await self.store.mark_sent(attempt.signature, self.clock.now_ms())
        sent = replace(admitted, state=IntentState.SENT)
        self.in_flight.follow(Followed(sent, attempt, wallet.address, sent_at_s=trio.current_time()))
        return Submitted(sent, await self._send(attempt, order))

    async def _admit(self, request: TradeRequest, wallet: Wallet) -> Intent | Refused:
        wallet_lamports = unrealized_lamports = 0
        if request.side is Side.BUY:
            try:
                wallet_lamports = (await self.chain.balances(wallet.address)).lamports
                unrealized_lamports = await self._unrealized(request)
            except (ChainUnavailable, DecodeError):
                return Refused("no_route", "no route to the chain answers now; try again shortly")
        settings = await self.store.settings(request.user_id)
        now_ms = self.clock.now_ms()
        return await self.store.admit(
            request,
            intent_id=self.clock.new_id(),
            now_ms=now_ms,
            wallet_lamports=wallet_lamports,
            unrealized_lamports=unrealized_lamports,
            ceilings=self.policy.ceilings,
            pause_causes=self.pause_causes(request.user_id, request.context),
            day_start_ms=day_start_ms(day_of(now_ms, settings.timezone), settings.timezone),
            gate=partial(admit, request),
        )

    async def _unrealized(self, request: TradeRequest) -> int:
        """What the user's open positions of this mode would gain or lose if they were sold now, as far as prices are known."""
        total = 0
        fees = await self.chain.fees()
        for position in await self.store.open_positions(request.user_id):
            point = self.prices.latest(position.mint)
            if position.mode is not request.mode or point is None:
                continue
            try:
                worth_lamports = quote_sell(point.curve, position.token_raw, fees).received_lamports
            except CurveError:
                continue
            total += worth_lamports - position.cost_lamports
        return total

    async def _prepare(self, intent: Intent, wallet: Wallet) -> SwapOrder:
        """Quote against the reserves of this moment."""
        request = intent.request
        try:
            curve = await self._curve(request.mint)
            fees = await self.chain.fees()
            if request.side is Side.BUY:
                quote = quote_buy(curve, request.spend_lamports, fees)
                limit_raw = bps_floor(quote.token_raw, BPS - request.slippage_bps)
                token_raw = quote.token_raw
                close = False
            else:
                held_raw = (await self.chain.balances(wallet.address)).token_raw.get(request.mint, 0)
                token_raw = min(request.token_raw or bps_floor(held_raw, request.share_bps), held_raw)
                if token_raw == 0:
                    raise CannotPrepareError("the chain shows none of this token in the wallet; nothing was sent")
                quote = quote_sell(curve, token_raw, fees)
                limit_raw = bps_floor(max(quote.received_lamports, 0), BPS - request.slippage_bps)
                close = token_raw == held_raw and not request.keep_account
        except LookupError as error:
            raise CannotPrepareError(
                f"{request.mint} is no token of the launchpad, or so new that the chain has not confirmed it; check the address"
            ) from error
        except CurveError as error:
            raise CannotPrepareError(str(error)) from error
        order = SwapOrder(
            wallet_address=wallet.address,
            mint=request.mint,
            side=request.side,
            curve=curve,
            spend_lamports=request.spend_lamports,
            token_raw=token_raw,
            limit_raw=limit_raw,
            compute_unit_limit=self.policy.compute_units_sell,
            priority_fee_lamports=self.policy.priority_fee_lamports,
            close_account=close,
        )
        return await self._simulated(order) if request.side is Side.BUY else order

    async def _curve(self, mint: str) -> Curve:
        """The newest reserves: the account as confirmed, or the event of a later slot that the stream has pushed."""
        confirmed = await self.chain.curve(mint)
        pushed = self.prices.latest(mint)
        return pushed.curve if pushed is not None and pushed.curve.slot > confirmed.slot else confirmed

    async def _simulated(self, order: SwapOrder) -> SwapOrder:
        """A buy is simulated first: one that would fail now costs nothing, and its limit fits what it uses."""
        limit = self.policy.compute_units_buy
        order = replace(order, compute_unit_limit=limit)
        used = await self.chain.compute_units(order)
        return replace(order, compute_unit_limit=min(limit, used + used // 5))

    async def _sign(self, intent: Intent, wallet: Wallet, order: SwapOrder) -> Attempt:
        """Sign and commit the bytes. Nothing has left before the row is there."""
        blockhash = await self.chain.latest_blockhash()
        message = self.chain.build(order, blockhash)
        key = await self.store.sealed_key(wallet.id)
        raw, signature = self.chain.assemble(message, await self.vault.sign(wallet, key, intent.id, message))
        attempt = Attempt(
            signature=signature,
            intent_id=intent.id,
            number=1,
            raw=raw,
            last_valid_block_height=blockhash.last_valid_block_height,
            token_raw=order.token_raw,
            limit_raw=order.limit_raw,
            state=AttemptState.SIGNED,
            created_at_ms=self.clock.now_ms(),
        )
        await self.store.record_attempt(attempt)
        return attempt

    async def _send(self, attempt: Attempt, order: SwapOrder) -> str:
        """Let the bytes leave. Whatever the routes answer, the confirmation watcher follows the attempt to its end."""
        try:
            await self.chain.send(attempt.raw)
        except (Unavailable, SendRejected) as error:
            log.warning("send_failed", intent=attempt.intent_id, signature=attempt.signature, reason=str(error))
            return f"signed, but no route took it yet ({error}); it is sent again until it lands or expires"
        log.info("attempt_sent", intent=attempt.intent_id, signature=attempt.signature)
        if order.side is Side.BUY:
            return (
                f"buying for {format_sol(order.spend_lamports)} SOL, at least {format_tokens(order.limit_raw)} tokens"
            )
        return f"selling {format_tokens(order.token_raw)} tokens for at least {format_sol(order.limit_raw)} SOL"

    async def _give_up(self, intent: Intent, failure: str) -> None:
        """Nothing was signed, or the row says so: end the intent and release what it reserved."""
        try:
            await self.store.close_unfilled(intent.id, IntentState.CANCELLED, failure, now_ms=self.clock.now_ms())
        except Conflict as error:
            log.warning("intent_moved_on", intent=intent.id, reason=str(error))
