"""Whether each wallet can pay for the sales of what it holds: a stop that cannot pay its fee does not work.

An entry leaves a wallet what its exits may cost. What takes it below that comes from outside, or from sales that cost more
than they brought; nobody would notice before a sale fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from bot.clock import Clock
from bot.execution.alerts import Alert
from bot.execution.balance_book import BalanceBook, SeenBalance
from bot.execution.ordered_causes import OrderedCauses
from bot.execution.trouble_alerts import wallet_filled, wallet_low
from bot.execution.warning_messages import wallet_low_message
from bot.ports import Store, Wallet
from bot.trading.intent import Mode
from bot.trading.position import Position
from bot.trading.risk_gate import kept_for_exits

log = structlog.get_logger()


@dataclass(slots=True)
class ExitFunds:
    """A wallet that two looks at the chain in a row show short is told of, to its user and to operators.

    Wallets of virtual money pay nobody. A frozen wallet signs nothing, and nobody is to send anything to it.
    """

    store: Store
    clock: Clock
    balances: BalanceBook
    causes: OrderedCauses
    alert: Callable[[Alert], None]
    _short_at_ms: dict[str, int] = field(default_factory=dict)
    _told: dict[str, int] = field(default_factory=dict)

    async def look(self, positions: Sequence[Position]) -> None:
        """Judge every wallet that holds any of these, which are all open ones. Raises StoreUnavailable."""
        held = Counter(one.wallet_id for one in positions if one.mode is Mode.LIVE)
        self._forget(held)
        short = [wallet_id for wallet_id, count in held.items() if self._is_short(wallet_id, count)]
        news = [wallet_id for wallet_id in short if self._told.get(wallet_id) != held[wallet_id]]
        if not news:
            return
        wallets = {wallet.id: wallet for wallet in await self.store.wallets()}
        for wallet_id in news:
            wallet, seen = wallets.get(wallet_id), self.balances.last(wallet_id)
            if wallet is not None and seen is not None and not self.causes.freezes(wallet.user_id, wallet_id):
                await self._tell(wallet, seen, held[wallet_id])

    def _is_short(self, wallet_id: str, positions: int) -> bool:
        """Whether a later look than the first that showed it shows it too."""
        seen = self.balances.last(wallet_id)
        if seen is None or seen.lamports >= kept_for_exits(positions):
            return False
        return seen.at_ms > self._short_at_ms.setdefault(wallet_id, seen.at_ms)

    def _forget(self, held: Mapping[str, int]) -> None:
        """Those that hold nothing any more, or have enough again."""
        for wallet_id in list(self._short_at_ms):
            seen = self.balances.last(wallet_id)
            if held.get(wallet_id, 0) and (seen is None or seen.lamports < kept_for_exits(held[wallet_id])):
                continue
            del self._short_at_ms[wallet_id]
            if self._told.pop(wallet_id, None) is not None:
                self.alert(wallet_filled(wallet_id))

    async def _tell(self, wallet: Wallet, seen: SeenBalance, positions: int) -> None:
        missing = kept_for_exits(positions) - seen.lamports
        log.warning("wallet_low", wallet=wallet.id, lamports=seen.lamports, positions=positions, missing=missing)
        await self.store.post(wallet_low_message(self.clock, wallet, seen.lamports, positions, missing))
        self._told[wallet.id] = positions
        self.alert(wallet_low(wallet, seen.lamports, positions, missing))
