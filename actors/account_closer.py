"""Takes the rent of emptied token accounts back: whatever a wallet's looks have shown empty for long enough is closed.

It gives way to everything and tells nobody. What did not come to its end waits longer each time and is tried again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.emptied_book import EmptiedBook
from bot.ports import Store, Submitted, Wallet
from bot.trading.closing import CLOSES_AT_ONCE
from bot.trading.intent import Context as Origin
from bot.trading.intent import Mode, Protection, Side, TradeRequest
from bot.trading.risk_gate import Refused

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AccountCloser:
    """`close` takes one turn of a wallet. `after_s` is how long an account is empty first; None closes none."""

    store: Store
    clock: Clock
    emptied: EmptiedBook
    close: Callable[[TradeRequest], Awaitable[Submitted | Refused]]
    after_s: float | None
    interval_s: float

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        while True:
            await trio.sleep(self.interval_s)
            if self.after_s is None:
                continue
            try:
                await self._look(round(self.after_s * 1000))
            except Unavailable as error:
                log.info("closings_wait", reason=str(error))

    async def _look(self, after_ms: int) -> None:
        """One pass over all wallets that trade with money; raises Unavailable."""
        for wallet in await self.store.wallets():
            now_ms = self.clock.now_ms()
            due = self.emptied.due(wallet.id, after_ms, now_ms)[:CLOSES_AT_ONCE]
            if not due or wallet.mode is not Mode.LIVE:
                continue
            answer = await self.close(_request(wallet, due, self.clock.new_id()))
            if isinstance(answer, Submitted):
                self.emptied.tried(wallet.id, due, now_ms)
                log.info("accounts_being_closed", wallet=wallet.id, intent=answer.intent.id, said=answer.text)
            elif answer.code == "nothing_to_close":
                self.emptied.tried(wallet.id, due, now_ms)


def _request(wallet: Wallet, mints: list[str], key: str) -> TradeRequest:
    return TradeRequest(
        key=f"close:{key}",
        user_id=wallet.user_id,
        wallet_id=wallet.id,
        mode=wallet.mode,
        side=Side.CLOSE,
        mint="",
        context=Origin.AUTOMATED,
        slippage_bps=0,
        protection=Protection.OPEN,
        causation_id=wallet.id,
        reason="emptied accounts",
        closes=tuple(mints),
    )
