"""Carries a freeze on: the vault learns of it whatever was away, and the wallet's SOL is swept to its user's safe address.

What comes in later, or could not leave, is swept by a later look. It moves SOL alone, and nothing where no safe address counts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import KeyUnavailable, Unavailable
from bot.ports import Store, Submitted, Vault, Wallet, safe_address
from bot.trading.intent import SWEEP, Mode, Protection, Side, TradeRequest
from bot.trading.intent import Context as Origin
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import FROZEN, Cause, user_of_wallet
from bot.trading.units import BPS

log = structlog.get_logger()

LOOK_S = 5.0
REST_S = 60.0  # of a wallet out of which nothing could be swept


class Guard(Protocol):
    """What says which wallets are frozen."""

    @property
    def changed(self) -> trio.Event: ...

    def causes(self) -> tuple[Cause, ...]: ...


@dataclass(slots=True)
class Sweeper:
    """`withdraw` takes a turn of the wallet. A vault that was told is not told again by this process."""

    guard: Guard
    store: Store
    vault: Vault
    clock: Clock
    withdraw: Callable[[TradeRequest, str], Awaitable[Submitted | Refused]]
    _told: set[str] = field(default_factory=set)
    _rests: dict[str, float] = field(default_factory=dict)

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        while True:
            changed, frozen = self.guard.changed, [one for one in self.guard.causes() if one.name == FROZEN]
            try:
                await self._look(frozen)
            except (Unavailable, KeyUnavailable) as error:
                log.warning("sweep_waits", reason=str(error))
            if frozen:
                with trio.move_on_after(LOOK_S):
                    await changed.wait()
            else:
                await changed.wait()

    async def _look(self, frozen: list[Cause]) -> None:
        """One pass over the frozen wallets that trade with money; raises Unavailable and KeyUnavailable."""
        wallets = [wallet for cause in frozen for wallet in await self._wallets_of(cause)]
        ids = {wallet.id for wallet in wallets}
        self._told &= ids  # one that is frozen anew is told of anew
        self._rests = {wallet_id: until_s for wallet_id, until_s in self._rests.items() if wallet_id in ids}
        for wallet in wallets:
            if wallet.id not in self._told:
                await self.vault.freeze(wallet, await self.store.sealed_key(wallet.id))
                self._told.add(wallet.id)
            if self._rests.get(wallet.id, 0.0) <= trio.current_time():
                await self._sweep(wallet)

    async def _wallets_of(self, cause: Cause) -> list[Wallet]:
        user_id, wallet_id = user_of_wallet(cause.scope)
        wallets = await self.store.wallets(user_id)
        return [one for one in wallets if one.id == wallet_id and one.mode is Mode.LIVE]

    async def _sweep(self, wallet: Wallet) -> None:
        now_ms = self.clock.now_ms()
        safe = safe_address(await self.store.allowed_addresses(wallet.user_id), wallet.id, now_ms)
        if safe is None:
            return
        answer = await self.withdraw(_request(wallet, safe.address, self.clock.new_id()), "")
        if isinstance(answer, Submitted):
            log.warning("sweep_sent", wallet=wallet.id, intent=answer.intent.id, said=answer.text)
            return
        log.info("not_swept", wallet=wallet.id, code=answer.code, reason=answer.reason)
        if answer.code != "in_flight":
            self._rests[wallet.id] = trio.current_time() + REST_S


def _request(wallet: Wallet, to_address: str, key: str) -> TradeRequest:
    return TradeRequest(
        key=f"sweep:{key}",
        user_id=wallet.user_id,
        wallet_id=wallet.id,
        mode=wallet.mode,
        side=Side.WITHDRAW,
        mint="",
        context=Origin.AUTOMATED,
        slippage_bps=0,
        protection=Protection.OPEN,
        causation_id=wallet.id,
        reason=SWEEP,
        share_bps=BPS,
        to_address=to_address,
    )
