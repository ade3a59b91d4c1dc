"""Keeps the scores of followed wallets current: reads the books of those that traded, and of all of them now and then."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
import trio
import trio.lowlevel

from actors.runtime import Context
from bot.errors import Unavailable
from bot.execution.wallet_standings import WalletStandings

log = structlog.get_logger()

GATHER_S = 0.5  # swaps come in bursts, and a score half a second later is as good
RENEW_S = 3_600.0
RETRY_S = 5.0
FOLDED_AT_ONCE = 25  # tokens: on a busy machine far from what a unit of work may take


@dataclass(slots=True)
class WalletJudge:
    """The actor. Swaps of a database that is older than the books are folded first, in steps."""

    standings: WalletStandings
    _folded: bool = False

    async def run(self, ctx: Context) -> None:
        """Read what is behind, for ever. It waits out an unavailable database."""
        ctx.ready()
        self.standings.renew()
        renew_at_s = trio.current_time() + RENEW_S
        while True:
            try:
                await self._fold()
                with trio.move_on_at(renew_at_s):
                    await self.standings.wait()
                    await trio.sleep(GATHER_S)
                await self.standings.refresh()
            except Unavailable as error:
                log.warning("wallet_scores_wait", reason=str(error))
                await trio.sleep(RETRY_S)
                continue
            if trio.current_time() >= renew_at_s:
                self.standings.renew()
                renew_at_s = trio.current_time() + RENEW_S

    async def _fold(self) -> None:
        while not self._folded:
            count = await self.standings.store.fold_unbooked(FOLDED_AT_ONCE)
            if count:
                log.info("wallet_books_folded", count=count)
                self.standings.renew()
            self._folded = count < FOLDED_AT_ONCE
