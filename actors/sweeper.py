"""Carries a freeze on: the vault learns of it, the guard of one that only the vault remembers, and what is there is swept.

It goes to the safe address of the wallet's user, and nothing moves where none counts. SOL leaves first, because it leaves at once
and whole, less what sending the tokens takes; then the tokens of the wallet's open positions, one at a time; then what is left.
What comes in later, or could not leave, is swept by a later look. Other tokens stay: whoever sends some to the wallet makes
nobody pay for them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import KeyUnavailable, Unavailable
from bot.execution.freezes import WalletFreezes
from bot.ports import Store, Submitted, Wallet, safe_address
from bot.trading.intent import SWEEP, Mode, Protection, Side, TradeRequest
from bot.trading.intent import Context as Origin
from bot.trading.position import Position
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import FROZEN, Cause, user_of_wallet
from bot.trading.units import BPS

log = structlog.get_logger()

LOOK_S = 5.0
AFTER_ONE_S = 1.0  # until the next look while something is being swept: one leaves when the one before has its result
REST_S = 60.0  # of what could not be swept; of a token twice as long after each try, because each costs a fee
REST_MAX_S = 3_600.0


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
    freezes: WalletFreezes
    clock: Clock
    withdraw: Callable[[TradeRequest, str], Awaitable[Submitted | Refused]]
    _told: set[str] = field(default_factory=set)
    _rests: dict[tuple[str, str], float] = field(default_factory=dict)  # by wallet and mint, which is empty for SOL
    _tries: Counter[tuple[str, str]] = field(default_factory=Counter)

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        while True:
            changed, frozen = self.guard.changed, [one for one in self.guard.causes() if one.name == FROZEN]
            moved, waits = False, False
            try:
                await self.freezes.take_up()
                moved = await self._look(frozen)
            except (Unavailable, KeyUnavailable) as error:
                log.warning("sweep_waits", reason=str(error))
                waits = True
            rest_s = AFTER_ONE_S if moved else LOOK_S if frozen or waits else math.inf
            with trio.move_on_after(rest_s):
                await _either(changed.wait, trio.sleep_forever if waits else self.freezes.heard)

    async def _look(self, frozen: list[Cause]) -> bool:
        """One pass over the frozen wallets that trade with money; whether anything of one is on its way.

        Raises Unavailable and KeyUnavailable.
        """
        wallets = [wallet for cause in frozen for wallet in await self._wallets_of(cause)]
        ids = {wallet.id for wallet in wallets}
        self._told &= ids  # one that is frozen anew is told of anew
        self._rests = {what: until_s for what, until_s in self._rests.items() if what[0] in ids}
        self._tries = Counter({what: tries for what, tries in self._tries.items() if what[0] in ids})
        moved = False
        for wallet in wallets:
            if wallet.id not in self._told:
                if not await self.freezes.tell_vault(wallet):
                    continue
                self._told.add(wallet.id)
            moved = await self._sweep(wallet) or moved
        return moved

    async def _wallets_of(self, cause: Cause) -> list[Wallet]:
        user_id, wallet_id = user_of_wallet(cause.scope)
        wallets = await self.store.wallets(user_id)
        return [one for one in wallets if one.id == wallet_id and one.mode is Mode.LIVE]

    async def _sweep(self, wallet: Wallet) -> bool:
        """Send the first thing that may leave; whether anything of the wallet is on its way now."""
        now_ms = self.clock.now_ms()
        safe = safe_address(await self.store.allowed_addresses(wallet.user_id), wallet.id, now_ms)
        if safe is None:
            return False
        for position in (None, *await self._positions(wallet)):
            what = (wallet.id, position.mint if position else "")
            if self._rests.get(what, 0.0) > trio.current_time():
                continue
            answer = await self.withdraw(_request(wallet, safe.address, self.clock.new_id(), position), "")
            if isinstance(answer, Submitted):
                log.warning("sweep_sent", wallet=wallet.id, intent=answer.intent.id, said=answer.text)
                if position is not None:
                    self._rests.pop((wallet.id, ""), None)  # what was kept for this token leaves behind it
                    self._tries[what] += 1
                    self._rests[what] = trio.current_time() + min(REST_MAX_S, REST_S * 2 ** (self._tries[what] - 1))
                return True
            if answer.code == "in_flight":
                return True
            if answer.code == "unavailable":
                return False  # the next look asks again
            log.info("not_swept", wallet=wallet.id, mint=what[1], code=answer.code, reason=answer.reason)
            self._rests[what] = trio.current_time() + REST_S
        return False

    async def _positions(self, wallet: Wallet) -> list[Position]:
        return [row for row in await self.store.open_positions(wallet.user_id) if row.wallet_id == wallet.id]


async def _either(*waits: Callable[[], Awaitable[None]]) -> None:
    """Until one of them is over."""
    async with trio.open_nursery() as nursery:

        async def end(wait: Callable[[], Awaitable[None]]) -> None:
            await wait()
            nursery.cancel_scope.cancel()

        for wait in waits:
            nursery.start_soon(end, wait)


def _request(wallet: Wallet, to_address: str, key: str, position: Position | None) -> TradeRequest:
    """All of the SOL that may leave, or all tokens of a position."""
    return TradeRequest(
        key=f"sweep:{key}",
        user_id=wallet.user_id,
        wallet_id=wallet.id,
        mode=wallet.mode,
        side=Side.WITHDRAW,
        mint="" if position is None else position.mint,
        context=Origin.AUTOMATED,
        slippage_bps=0,
        protection=Protection.OPEN,
        causation_id=wallet.id,
        reason=SWEEP,
        share_bps=BPS,
        to_address=to_address,
        position_id=None if position is None else position.id,
    )
