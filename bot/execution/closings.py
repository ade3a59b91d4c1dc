"""The first half of the road of a closing: emptied token accounts of a wallet are proven empty, signed for, and sent.

The steps and what a crash leaves between them are those of an order; from the sent bytes on `confirm.py` follows it. Nobody
waits for a closing, so that it gives way to everything: a pause, a freeze, anything on its way in the wallet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from bot.clock import Clock
from bot.errors import ChainUnavailable, Conflict, DecodeError, KeyUnavailable, SendRejected
from bot.execution.departure import Departure
from bot.execution.in_flight import InFlight
from bot.execution.quoting import not_sent
from bot.execution.sealed_keys import SealedKeys
from bot.ports import Chain, ClosingOrder, Signing, Store, Submitted, Wallet
from bot.trading.closing import FEE_LAMPORTS, PRIORITY_FEE_LAMPORTS, EmptyAccount, worth_closing
from bot.trading.failures import order_failure
from bot.trading.intent import Attempt, Context, Intent, TradeRequest
from bot.trading.risk_gate import Refused, refuse_paused

log = structlog.get_logger()

NOTHING = Refused("nothing_to_close", "no account is proven empty, free of orders and worth the fee")
BUSY = Refused("in_flight", "something of this wallet is on its way")


@dataclass(frozen=True, slots=True)
class Closings:
    """`pause_causes` tells which causes cover a user's request of this origin now."""

    store: Store
    chain: Chain
    keys: SealedKeys
    clock: Clock
    in_flight: InFlight
    pause_causes: Callable[[str, Context, str | None, str], tuple[str, ...]]

    @property
    def departure(self) -> Departure:
        return Departure(self.store, self.chain, self.clock, self.in_flight)

    def refused_now(self, request: TradeRequest) -> Refused | None:
        """What keeps a closing out before anybody is asked for anything."""
        causes = self.pause_causes(request.user_id, request.context, None, request.wallet_id)
        return refuse_paused(request, causes) or (BUSY if self.in_flight.follows(request.wallet_id) else None)

    async def submit(self, request: TradeRequest, wallet: Wallet) -> Submitted | Refused:
        """Close those accounts of a request that are proven empty, inside the turn of its wallet.

        The bytes have left when it returns. Raises StoreUnavailable when the database is away: what was begun is then in
        the rows, and the rescuer goes on from them.
        """
        intent_id = self.clock.new_id()
        try:
            return await self._submit(request, wallet, intent_id)
        except BaseException:
            self.in_flight.abandon(intent_id)
            raise

    async def _submit(self, request: TradeRequest, wallet: Wallet, intent_id: str) -> Submitted | Refused:
        if refused := self.refused_now(request):
            return refused
        try:
            worth = worth_closing(await self.chain.closable(wallet.address, request.closes))
        except (ChainUnavailable, DecodeError, SendRejected) as error:
            log.info("closing_not_judged", wallet=wallet.id, reason=str(error))
            return not_sent(error)
        if not worth:
            return NOTHING
        asked = replace(request, closes=tuple({account.mint: None for account in worth}))
        intent = await self.store.plan_closing(
            asked, intent_id=intent_id, now_ms=self.clock.now_ms(), reserved_lamports=FEE_LAMPORTS
        )
        if intent is None:
            return NOTHING
        accounts = tuple(account for account in worth if account.mint in intent.request.closes)
        log.info("closing_planned", intent=intent.id, wallet=wallet.id, accounts=len(accounts))
        trouble: Exception | None = None
        try:
            attempt = await self._sign(intent, wallet, accounts)
        except (SendRejected, KeyUnavailable, ChainUnavailable, Conflict, DecodeError) as error:
            trouble = error
        if trouble is not None:  # outside of the handler: a stop that arrives now covers up no error
            failure = order_failure(trouble)
            log.info("closing_given_up", intent=intent.id, reason=failure)
            await self.departure.give_up(intent, failure)
            return not_sent(trouble)
        sent, _ = await self.departure.leave(intent, wallet, attempt)
        return Submitted(sent, f"closing {len(sent.request.closes)} emptied token accounts")

    async def _sign(self, intent: Intent, wallet: Wallet, accounts: tuple[EmptyAccount, ...]) -> Attempt:
        """Sign and commit the bytes, on a blockhash with little life left, so that its outcome is known soon."""
        blockhash = await self.chain.short_blockhash()
        message = self.chain.build_closing(ClosingOrder(wallet.address, accounts, PRIORITY_FEE_LAMPORTS), blockhash)
        causes = self.pause_causes(intent.request.user_id, intent.request.context, None, wallet.id)
        if refused := refuse_paused(intent.request, causes):
            raise Conflict(refused.reason)
        raw, signature = self.chain.assemble(message, await self.keys.sign(wallet, Signing(intent.id, "", message)))
        return await self.departure.commit(intent, raw, signature, blockhash, FEE_LAMPORTS)
