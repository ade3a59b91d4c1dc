"""The first half of the road of a withdrawal: what a user sends to an address which he has allowed, with a code of his.

The steps and what a crash leaves between them are those of an order, but it is signed once and never again: a code pays for one
signature. From the sent bytes on `confirm.py` follows it. No pause, halt or role keeps it out; a frozen wallet does. A sweep
goes the same road out of a frozen wallet, to its user's safe address alone, and takes no code; it sends tokens too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from bot.clock import Clock
from bot.errors import (
    ChainUnavailable,
    CodeRefused,
    Conflict,
    DecodeError,
    KeyUnavailable,
    SendRejected,
)
from bot.execution.departure import Departure
from bot.execution.in_flight import InFlight
from bot.execution.quoting import not_sent
from bot.execution.sealed_keys import SealedKeys
from bot.ports import (
    Chain,
    NoteKind,
    SealedNote,
    Store,
    Submitted,
    Sweeping,
    TransferOrder,
    Wallet,
    WalletBalances,
    Withdrawing,
)
from bot.trading.failures import order_failure
from bot.trading.intent import Attempt, Context, Intent, IntentState, Mode, TradeRequest
from bot.trading.risk_gate import Refused, refuse_frozen
from bot.trading.trading_state import FROZEN
from bot.trading.units import format_sol, format_tokens, span
from bot.trading.withdrawal import (
    FEE_LAMPORTS,
    PRIORITY_FEE_LAMPORTS,
    TOKEN_SWEEP_LAMPORTS,
    TokenParcel,
    refuse_dust,
    withdrawable_lamports,
)

log = structlog.get_logger()

PLAY_MONEY = Refused("play_money", "this wallet holds play money, which cannot be sent anywhere")
NO_CODES = Refused("no_code", "that takes your second factor; /totp makes one")
NOT_ALLOWED = Refused("not_allowed", "that address is not among those that you have allowed for this wallet")
NOT_FROZEN = Refused("not_frozen", "only a frozen wallet is swept; /freeze freezes it")
NOTHING = Refused("funds", "nothing is in the wallet that could be withdrawn")
NO_TOKENS = Refused("funds", "the wallet's own account of that token holds nothing that could be sent")


@dataclass(frozen=True, slots=True)
class Withdrawals:
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
        """What keeps a withdrawal out before anybody is asked for anything."""
        if request.mode is not Mode.LIVE:
            return PLAY_MONEY
        causes = self.pause_causes(request.user_id, request.context, None, request.wallet_id)
        if request.is_sweep:
            return None if FROZEN in causes else NOT_FROZEN
        return refuse_frozen(causes)

    async def submit(self, request: TradeRequest, wallet: Wallet, code: str) -> Submitted | Refused:
        """Send SOL out, inside the turn of its wallet. The bytes have left when it returns.

        Raises StoreUnavailable when the database is away: what was begun is then in the rows, and the rescuer goes on.
        """
        intent_id = self.clock.new_id()
        try:
            return await self._submit(request, wallet, code, intent_id)
        except BaseException:
            self.in_flight.abandon(intent_id)
            raise

    async def _submit(self, request: TradeRequest, wallet: Wallet, code: str, intent_id: str) -> Submitted | Refused:
        if refused := self.refused_now(request):
            return refused
        if (known := await self.store.intent_of(request.key)) is not None and known.state is not IntentState.PLANNED:
            return Submitted(known, _what(known))
        notes = await self.store.notes(wallet.user_id)
        rows = await self.store.allowed_addresses(wallet.user_id)
        wanted = (wallet.id, request.to_address, request.is_sweep)
        row = next((row for row in rows if (row.wallet_id, row.address, row.is_safe) == wanted), None)
        current = notes.get(NoteKind.CODE)
        if row is None or current is None:
            return NO_CODES if row is not None else NOT_ALLOWED
        allowed = notes.get(row.note)
        if (left_ms := row.not_before_ms - self.clock.now_ms()) > 0:
            return Refused(
                "too_early", f"that address counts in {span(left_ms / 1000)}, and nothing is sent there before"
            )
        try:
            look = await self.chain.balances(wallet.address)
            there = await self.chain.lamports([request.to_address])
        except (ChainUnavailable, DecodeError) as error:
            return not_sent(error)
        parcel = None
        if request.mint:
            intent, parcel = await self._planned_token(request, intent_id, wallet, look.lamports)
        else:
            intent = await self._planned(request, intent_id, look, there[request.to_address].lamports)
        if isinstance(intent, Refused):
            return intent
        if intent.state is not IntentState.PLANNED:
            return Submitted(intent, _what(intent))
        if allowed is None:  # the row is there and the vault's note of it is not, so that nothing would be signed
            await self._give_up(intent, "the note of its address is not there")
            return Refused("not_allowed", "that address has to be allowed anew: /withdraw remove it, and add it")
        facts = {"lamports": intent.request.spend_lamports, "mint": request.mint, "token_raw": intent.request.token_raw}
        log.warning("withdrawal_planned", intent=intent.id, wallet=wallet.id, **facts)
        trouble: Exception | None = None
        try:
            attempt = await self._sign(intent, wallet, parcel, (allowed, current), code)
        except (SendRejected, KeyUnavailable, ChainUnavailable, Conflict, DecodeError) as error:
            trouble = error
        if trouble is not None:  # outside of the handler: a stop that arrives now covers up no error
            await self._give_up(
                intent, "its code was not taken" if isinstance(trouble, CodeRefused) else order_failure(trouble)
            )
            return Refused("code", str(trouble)) if isinstance(trouble, CodeRefused) else not_sent(trouble)
        sent, _ = await self.departure.leave(intent, wallet, attempt)
        return Submitted(sent, _what(sent))

    async def _planned(
        self, request: TradeRequest, intent_id: str, look: WalletBalances, target_lamports: int
    ) -> Intent | Refused:
        """The intent; of one that takes everything the amount is what may leave now, with nothing reserved for others."""
        asked = request
        if request.share_bps:
            positions = await self.store.open_positions(request.user_id)
            held = {row.mint for row in positions if row.wallet_id == request.wallet_id}
            taken = self.in_flight.may_take(request.wallet_id)
            if request.is_sweep:
                left = sum(1 for mint in held if look.token_raw.get(mint))
                most = withdrawable_lamports(look.lamports, taken, 0) - left * TOKEN_SWEEP_LAMPORTS
            else:
                held |= self.in_flight.coming(request.wallet_id)
                most = withdrawable_lamports(look.lamports, taken, len(held))
            if most <= 0:
                return NOTHING
            asked = replace(request, spend_lamports=most, share_bps=0)
        if refused := refuse_dust(asked.spend_lamports, target_lamports):
            return refused
        return await self.store.plan_withdrawal(
            asked, intent_id=intent_id, now_ms=self.clock.now_ms(), wallet_lamports=look.lamports
        )

    async def _planned_token(
        self, request: TradeRequest, intent_id: str, wallet: Wallet, wallet_lamports: int
    ) -> tuple[Intent | Refused, TokenParcel | None]:
        """The same of a token: all that the wallet's own account holds, where the SOL that sending takes is there."""
        try:
            parcel = await self.chain.sendable(wallet.address, request.mint, request.to_address)
        except (ChainUnavailable, DecodeError) as error:
            return not_sent(error), None
        if parcel is None:
            return NO_TOKENS, None
        free = wallet_lamports - self.in_flight.may_take(request.wallet_id)
        if free < (needed := FEE_LAMPORTS + parcel.opening_lamports):
            why = f"to send a token takes {format_sol(needed)} SOL, and {format_sol(free)} are free"
            return Refused("funds", why), None
        asked = replace(request, token_raw=parcel.token_raw, share_bps=0)
        intent = await self.store.plan_withdrawal(
            asked, intent_id=intent_id, now_ms=self.clock.now_ms(), wallet_lamports=wallet_lamports
        )
        return intent, parcel

    async def _sign(
        self,
        intent: Intent,
        wallet: Wallet,
        parcel: TokenParcel | None,
        notes: tuple[SealedNote, SealedNote],
        code: str,
    ) -> Attempt:
        """Sign and commit the bytes, on a blockhash with little life left, so that its outcome is known soon.

        `notes` are that of the address and that of the user's codes.
        """
        allowed, current = notes
        blockhash = await self.chain.short_blockhash()
        request = intent.request
        order = TransferOrder(wallet.address, request.to_address, request.spend_lamports, PRIORITY_FEE_LAMPORTS, parcel)
        message = self.chain.build_transfer(order, blockhash)
        if refused := self.refused_now(request):
            raise Conflict(refused.reason)
        if request.is_sweep:
            after, signed = None, await self.keys.sign_sweep(wallet, Sweeping(intent.id, message, allowed, current))
        else:
            given = await self.keys.sign_withdrawal(wallet, Withdrawing(intent.id, message, allowed, current, code))
            after, signed = given.current, given.signature
        raw, signature = self.chain.assemble(message, signed)
        attempt = await self.departure.commit(intent, raw, signature, blockhash, FEE_LAMPORTS)
        if after is not None:
            await self.store.keep_notes(wallet.user_id, {NoteKind.CODE: after}, "code used", self.clock.now_ms())
        return attempt

    async def _give_up(self, intent: Intent, failure: str) -> None:
        log.info("withdrawal_given_up", intent=intent.id, reason=failure)
        await self.departure.give_up(intent, failure)


def _what(intent: Intent) -> str:
    request = intent.request
    what = (
        f"{format_tokens(request.token_raw)} tokens of {request.mint}"
        if request.mint
        else f"{format_sol(request.spend_lamports)} SOL"
    )
    return f"{what} to {request.to_address}"
