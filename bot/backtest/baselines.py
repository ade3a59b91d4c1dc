"""Would-be users who decide by nothing: whoever buys everything, and whoever draws lots. Their exits are those of the sets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import trio

from bot.clock import Clock
from bot.ports import Desk, Submitted, User, Wallet
from bot.trading.intent import Context, Mode, Side, TradeRequest
from bot.trading.landing import protection_of
from bot.trading.limits import UserSettings
from bot.trading.units import BPS

BUY_ALL, RANDOM = "buy all", "random"
REASON = "a baseline: it buys whatever it drew"


@dataclass(slots=True)
class Baseline:
    """Buys a drawn share of all tokens through the desk, each after as long as the bot watches one before an opinion.

    A token is drawn by its name alone. `refused` counts the orders that the risk gate or the chain did not take.
    """

    name: str
    user: User
    wallet: Wallet
    settings: UserSettings
    share_bps: int
    after_s: float
    clock: Clock
    nursery: trio.Nursery
    desk: Desk | None = None
    refused: int = 0

    def launched(self, mint: str) -> None:
        """A token was launched."""
        drawn = hashlib.sha256(f"{self.name} {mint}".encode(errors="replace")).digest()
        if self.desk is not None and int.from_bytes(drawn[:8], "big") % BPS < self.share_bps:
            self.nursery.start_soon(self._buy, self.desk, mint)

    async def _buy(self, desk: Desk, mint: str) -> None:
        await trio.sleep(self.after_s)
        request = TradeRequest(
            key=f"{self.name}:{mint}",
            user_id=self.wallet.user_id,
            wallet_id=self.wallet.id,
            mode=Mode.PAPER,
            side=Side.BUY,
            mint=mint,
            context=Context.AUTOMATED,
            slippage_bps=self.settings.slippage_buy_bps,
            protection=protection_of(self.settings, Side.BUY),
            causation_id=self.clock.new_id(),
            reason=REASON,
            spend_lamports=self.settings.snipe_max_lamports,
        )
        answer = await desk.submit(request)
        self.refused += not isinstance(answer, Submitted)
