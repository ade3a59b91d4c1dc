"""Boot and the periodic audit, one code path: in-flight intents, balances, positions, monitors, then entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.errors import ChainUnavailable, Unavailable
from bot.execution.compare_watch import CompareWatch
from bot.execution.confirm import Confirmer
from bot.execution.ledger_audit import LedgerState
from bot.execution.policy import Policy
from bot.execution.reconcile import Reconciler
from bot.execution.watch_check import WatchCheck
from bot.ports import Store, Wallet
from bot.trading.position import Position

log = structlog.get_logger()

CAUSE = "reconcile"
BOOT_REST_S = 0.5
HALTED_REST_S = 5.0  # between looks while a halted process has not compared every wallet once
JUDGE_INTERVAL_S = 5.0
WATCH_INTERVAL_S = 0.5  # every open position is checked for its monitor this often
WATCHED_PER_S = 2_000  # with more positions each is checked later, because all are read for it
WATCHED_AT_ONCE = 50  # monitors that are started together; their rows are read with one question
# A run without a decision for this long lost its sniper. One whose order is taken after all follows that order again.
RUN_MAX_AGE_MS = 10_000


@dataclass(slots=True)
class ReconcilerActor:
    """A wallet whose books do not equal the chain yet pauses its own user's entries and nobody else's.

    `watch` makes sure that one monitor looks after a position; it changes nothing when one does. `judge` applies users'
    own rules to what is open. `compare` hears which wallets nobody could compare. `check` tells people where nobody looks
    after a position all the same.
    """

    store: Store
    confirmer: Confirmer
    reconciler: Reconciler
    policy: Policy
    watch: Callable[[str], Awaitable[None]]
    judge: Callable[[Sequence[Position]], Awaitable[None]]
    check: WatchCheck
    pause: Callable[[str, str], None]
    resume: Callable[[str], None]
    compare: CompareWatch
    pause_all: Callable[[str], None]
    resume_all: Callable[[], None]
    reconciled: bool = False
    _waiting: set[str] = field(default_factory=set)

    def ledgers(self) -> LedgerState:
        """How the ledgers of all wallets stood when each was last compared."""
        return self.reconciler.ledgers.state()

    async def run(self, ctx: Context) -> None:
        self.pause_all("the books are being compared with the chain")
        ctx.ready()
        pending = await self._boot()
        audit_at_s = judge_at_s = trio.current_time()
        while True:
            positions = await self._watch_positions()
            if trio.current_time() >= judge_at_s:
                await self._judge(positions)
                judge_at_s = trio.current_time() + JUDGE_INTERVAL_S
            if pending or trio.current_time() >= audit_at_s:
                pending = await self._audit(pending)
                self.reconciled = self.reconciled or not pending
                audit_at_s = trio.current_time() + self.policy.audit_interval_s
            await trio.sleep(max(WATCH_INTERVAL_S, len(positions) / WATCHED_PER_S))

    async def run_while_halted(self, ctx: Context) -> None:
        """Compare every wallet now and then, in place of `run`: what is sold in a halt, and what leaves by others' hands.

        Nobody may enter, and selling comes first; when money starts again everything is compared before any entry. Books
        that this process has not compared yet are compared sooner: an operator looks whether they agree before he rearms.
        """
        ctx.ready()
        pending: set[str] | None = set() if self.reconciled else None
        while True:
            rest_s = self.policy.audit_interval_s
            await trio.sleep(rest_s if self.reconciled else min(HALTED_REST_S, rest_s))
            if pending is None:
                pending = await self._all()
            if pending is not None:
                pending = await self._audit(pending)
                self.reconciled = self.reconciled or not pending

    async def _all(self) -> set[str] | None:
        """Every wallet; None while the database does not say."""
        try:
            return {wallet.id for wallet in await self.store.wallets()}
        except Unavailable as error:
            log.warning("wallets_unavailable", reason=str(error))
            return None

    def stopped(self) -> None:
        """Money was stopped, for a halt: no entry waits for a comparison any more until it starts again."""
        self.resume_all()
        self.compare.clear()
        for user_id in self._waiting:
            self.resume(user_id)
        self._waiting.clear()

    async def _boot(self) -> set[str]:
        """Take up what the last process left, however long the database needs; the wallets that must be compared."""
        while True:
            try:
                wallets = await self.store.wallets()
                adopted = await self.confirmer.adopt(planned_max_age_ms=0)
                expired = await self.store.expire_runs(self.reconciler.clock.now_ms())
            except Unavailable as error:
                log.warning("boot_reconcile_delayed", reason=str(error))
                await trio.sleep(BOOT_REST_S)
                continue
            log.info("boot_reconcile", wallets=len(wallets), intents_in_flight=adopted, snipe_runs_expired=expired)
            for wallet in wallets:
                self.pause(wallet.user_id, "this wallet's books are being compared with the chain")
                self._waiting.add(wallet.user_id)
            self.resume_all()
            return {wallet.id for wallet in wallets}

    async def _watch_positions(self) -> list[Position]:
        positions: list[Position] = []
        try:
            positions = await self.store.open_positions()
            alone = [position.id for position in positions if not self.check.is_watched(position.id)]
            for start in range(0, len(alone), WATCHED_AT_ONCE):
                await self._watch_some(alone[start : start + WATCHED_AT_ONCE])
            self.check.look(positions)
        except Unavailable as error:
            log.warning("positions_unavailable", reason=str(error))
        return positions

    async def _watch_some(self, position_ids: Sequence[str]) -> None:
        """Have these watched, all at once; raises Unavailable when any of them could not be read."""
        troubles: list[Unavailable] = []

        async def watch(position_id: str) -> None:
            try:
                await self.watch(position_id)
            except Unavailable as error:
                troubles.append(error)

        async with trio.open_nursery() as nursery:
            for position_id in position_ids:
                nursery.start_soon(watch, position_id)
        if troubles:
            raise troubles[0]

    async def _judge(self, positions: Sequence[Position]) -> None:
        try:
            await self.judge(positions)
        except Unavailable as error:
            log.info("losses_not_judged", reason=str(error))

    async def _audit(self, pending: set[str]) -> set[str]:
        """Look at each wallet once, and end the runs that nobody decides any more; the wallets whose users must wait."""
        try:
            wallets = await self.store.wallets()
            if expired := await self.store.expire_runs(self.reconciler.clock.now_ms() - RUN_MAX_AGE_MS):
                log.info("snipe_runs_expired", runs=expired)
        except Unavailable as error:
            log.warning("wallets_unavailable", reason=str(error))
            return pending
        waiting = {wallet.id for wallet in wallets if wallet.id in pending}
        left = Counter(wallet.user_id for wallet in wallets if wallet.id in pending)
        for wallet in wallets:
            if not await self._look(wallet) or wallet.id not in waiting:
                continue
            waiting.discard(wallet.id)
            left[wallet.user_id] -= 1
            if not left[wallet.user_id]:  # a user may have a wallet of each mode
                self.resume(wallet.user_id)
                self._waiting.discard(wallet.user_id)
        return waiting

    async def _look(self, wallet: Wallet) -> bool:
        try:
            agrees = await self.reconciler.wallet(wallet)
        except Unavailable as error:
            log.warning("wallet_not_reconciled", wallet=wallet.id, reason=str(error))
            if isinstance(error, ChainUnavailable):
                self.compare.missed(wallet, str(error))
            return False
        if agrees:
            self.compare.compared(wallet)
        return agrees
