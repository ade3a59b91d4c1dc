"""Pauses and flattens that people order, or that a user's own rules order for him: who may end which, and over restarts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import structlog
import trio

from bot.clock import Clock
from bot.errors import StoreUnavailable
from bot.execution import alerts
from bot.execution.alerts import Alert
from bot.execution.leadership import Leadership
from bot.execution.vault_alerts import wallet_frozen, wallet_unfrozen
from bot.ports import ProgramStore, Spool, Wallet
from bot.trading.flatten import FlattenOrder
from bot.trading.trading_state import FROZEN, GLOBAL, OF_PROGRAM, OUTFLOW, Binds, Cause, Halt, scope_of_wallet

log = structlog.get_logger()

OPERATOR = "operator"
RECONCILER = "reconciler"
PAUSED_BY_USER = "paused"
PANIC = "panic"  # everything that a user holds, now or later, is sold
FLATTEN = "flatten"  # the same by an operator: a cause of its own, because each ends what he ordered himself
DRIFT = "drift"  # a program of the chain is not the one that this bot was written for
BREAKER = "breaker"  # what buys for a user by itself is paused after a loss or failures
LOSS_RULE = "loss rule"  # who orders a flatten at the loss that a user or the operator set
BY_HIS_COMMAND = "by his own command"
SELLS = frozenset({PANIC, FLATTEN})
ON_THIS_DISK = (
    " The database is away: this is on this disk alone until that answers, and a standby that takes over before then does"
    " not know it."
)
IN_MEMORY = (
    " It holds in this process alone: neither the database nor the disk takes it now, which is tried again and again; a"
    " restart before then forgets it."
)


def is_operator(by: str) -> bool:
    """Whether it is an operator's name: that of the role, with the unix user behind it where one is known."""
    return by.partition(" ")[0] == OPERATOR


def _is_flatten_by_operator(cause: Cause) -> bool:
    return cause.name in SELLS and is_operator(cause.by)


class OrderedCauses(ABC):
    """The part of the guard that takes orders. Each is stored before it is answered, so that no restart forgets it.

    One that can be stored nowhere holds all the same, because each of them brakes; it is `owed` to the store, and whoever
    ordered it is told by `kept_where`. `spool` is the journal of a store that has one, `leadership` the
    lease of a database that other bots may share; `alert` tells operators.
    """

    __slots__ = ()
    store: ProgramStore
    clock: Clock
    spool: Spool | None
    leadership: Leadership | None
    alert: Callable[[Alert], None]
    halt: Halt | None
    owed: list[Cause]
    changed: trio.Event  # set, and another one put in its place, with each change

    @abstractmethod
    def causes(self) -> tuple[Cause, ...]:
        """All causes, oldest first."""

    @abstractmethod
    def pause(self, name: str, *, by: str, why: str, scope: str = GLOBAL, binds: Binds = Binds.ALL) -> None:
        """Add a pause cause; one that is there already keeps its time and text."""

    @abstractmethod
    def resume(self, name: str, *, scope: str = GLOBAL) -> None:
        """Take a pause cause away; nothing happens when it is not there."""

    async def pause_by_operator(self, why: str, by: str = OPERATOR) -> bool:
        """An operator's pause outlives restarts and ends only by an operator; False when there is one already."""
        return await self._order(Cause(OPERATOR, GLOBAL, self.clock.now_ms(), by, why))

    async def resume_by_operator(self, by: str = OPERATOR) -> bool:
        """End what an operator ordered, for single users too: pauses and flattens; False when there is nothing.

        He may also open a program that was closed because it has changed.
        """
        return await self._end(
            [cause for cause in self.causes() if cause.name in {OPERATOR, DRIFT} or _is_flatten_by_operator(cause)],
            by,
        )

    async def pause_user(
        self,
        user_id: str,
        name: str = PAUSED_BY_USER,
        *,
        by: str = "",
        why: str = BY_HIS_COMMAND,
        binds: Binds = Binds.ALL,
    ) -> bool:
        """Pause one user over restarts, by himself unless `by` says who; False when this cause is there already."""
        return await self._order(Cause(name, f"user:{user_id}", self.clock.now_ms(), by or user_id, why, binds))

    async def resume_user(self, user_id: str) -> bool:
        """End what pauses a user and is his to end, what an operator ordered excepted; False when there is nothing."""
        scope, his = f"user:{user_id}", {PAUSED_BY_USER, PANIC, BREAKER}
        return await self._end(
            [
                cause
                for cause in self.causes()
                if cause.scope == scope and cause.name in his and not _is_flatten_by_operator(cause)
            ],
            user_id,
        )

    async def flatten_user(self, user_id: str, why: str, by: str = OPERATOR) -> bool:
        """An operator has everything of a user sold, now or later; False when one has already. The user's panic is his own."""
        return await self.pause_user(user_id, FLATTEN, by=by, why=why)

    async def flatten_program(self, program: str, why: str, by: str = OPERATOR) -> bool:
        """An operator has everything sold that trades at a program, and nothing of it is bought; False when he has already."""
        return await self._order(Cause(PANIC, f"{OF_PROGRAM}{program}", self.clock.now_ms(), by, why))

    async def freeze_user(self, user_id: str, why: str) -> str:
        """SOL left his wallet without us: nothing is signed for it until he says that it was he.

        The reason for which it is frozen: that of the first time, for as long as it is.
        """
        await self.pause_user(user_id, OUTFLOW, by=RECONCILER, why=why)
        return self.frozen_by(user_id) or why

    def frozen_by(self, user_id: str) -> str | None:
        """Why his wallet is frozen, None where it is not."""
        return next((cause.why for cause in self._freezes(user_id)), None)

    async def acknowledge_outflow(self, user_id: str) -> bool:
        """The user says that what left was moved by himself; False when nothing waits for that."""
        if not await self._end(self._freezes(user_id), user_id):
            return False
        self.alert(alerts.outflow_over(user_id))
        return True

    async def unfreeze_user(self, user_id: str, why: str) -> bool:
        """What he was frozen for, by this reason, was an order of this bot after all; False when he is not, or for another."""
        if not await self._end([cause for cause in self._freezes(user_id) if cause.why == why], RECONCILER):
            return False
        self.alert(alerts.outflow_was_ours(user_id))
        return True

    async def freeze_wallet(self, wallet: Wallet, *, by: str = "", why: str = BY_HIS_COMMAND) -> bool:
        """Nothing is signed for this wallet, exits neither, until its owner ends that; False when it is frozen already."""
        scope = scope_of_wallet(wallet.user_id, wallet.id)
        if not await self._order(Cause(FROZEN, scope, self.clock.now_ms(), by or wallet.user_id, why)):
            return False
        self.alert(wallet_frozen(wallet, why))
        return True

    async def unfreeze_wallet(self, wallet: Wallet) -> bool:
        """Its owner has proven that it is he who ends that; False when this wallet is not frozen."""
        scope = scope_of_wallet(wallet.user_id, wallet.id)
        frozen = [cause for cause in self.causes() if (cause.name, cause.scope) == (FROZEN, scope)]
        if not await self._end(frozen, wallet.user_id):
            return False
        self.alert(wallet_unfrozen(wallet))
        return True

    def freezes(self, user_id: str, wallet_id: str) -> tuple[str, ...]:
        """The names of the causes that freeze a wallet, for exits too."""
        whole = (OUTFLOW,) if self.stands(OUTFLOW, f"user:{user_id}") else ()
        return (*whole, FROZEN) if self.stands(FROZEN, scope_of_wallet(user_id, wallet_id)) else whole

    async def thawed(self, user_id: str, wallet_id: str) -> bool:
        """Wait until nothing freezes a wallet; False when nothing did."""
        if not self.freezes(user_id, wallet_id):
            return False
        while self.freezes(user_id, wallet_id):
            await self.changed.wait()
        return True

    def _freezes(self, user_id: str) -> list[Cause]:
        return [cause for cause in self.causes() if (cause.name, cause.scope) == (OUTFLOW, f"user:{user_id}")]

    def panics(self, user_id: str) -> bool:
        """Whether everything that this user holds, now or later, is to be sold."""
        return any(self.stands(name, f"user:{user_id}") for name in SELLS)

    def must_sell(self, user_id: str, program: str | None) -> bool:
        """Whether a position of this user, whose token trades at `program`, is to be sold by somebody's order."""
        return self.panics(user_id) or self.stands(PANIC, f"{OF_PROGRAM}{program}")

    def panics_himself(self, user_id: str) -> bool:
        """Whether it was by his own word, and by nobody's before."""
        first = next(
            (cause for cause in self.causes() if cause.name in SELLS and cause.scope == f"user:{user_id}"), None
        )
        return first is not None and (first.name, first.by) == (PANIC, user_id)

    def flattened_by_operator(self, user_id: str) -> bool:
        """Whether it is an operator who has everything of this user sold."""
        return any(_is_flatten_by_operator(cause) and cause.scope == f"user:{user_id}" for cause in self.causes())

    def stands(self, name: str, scope: str) -> bool:
        """Whether there is this cause."""
        return any((cause.name, cause.scope) == (name, scope) for cause in self.causes())

    def flattens(self) -> list[FlattenOrder]:
        """What is to be sold: everything while halted, and all of the users and programs of whom it was ordered.

        Who was ordered twice, by himself and by an operator, is sold for the order that came first.
        """
        narrower: dict[str, FlattenOrder] = {}
        for one in self.causes():
            if one.name in SELLS:
                narrower.setdefault(one.scope, FlattenOrder(one.scope, one.name, one.since_ms))
        halt = self.halt
        of_everybody = [] if halt is None else [FlattenOrder(GLOBAL, halt.cause, halt.since_ms)]
        return [*of_everybody, *narrower.values()]

    @property
    def bound(self) -> bool:
        """Whether exits need the database within seconds, because another bot waits to lead."""
        return self.leadership is not None and self.leadership.bound

    @property
    def cannot_sell(self) -> bool:
        """Nothing may be signed, because another bot waits to lead."""
        return self.leadership is not None and self.leadership.stands_still

    def kept_where(self) -> str:
        """What is to be added to the answer to an order that is not in the database yet; empty where all of them are."""
        if self.owed:
            return IN_MEMORY
        return ON_THIS_DISK if self.spool is not None and self.spool.spool().from_memory else ""

    async def _order(self, cause: Cause) -> bool:
        if self.stands(cause.name, cause.scope):
            return False
        try:
            await self.store.save_cause(cause)
        except StoreUnavailable as error:
            log.warning("order_not_stored", cause=cause.name, scope=cause.scope, by=cause.by, reason=str(error))
            self.owed.append(cause)
        self.pause(cause.name, by=cause.by, why=cause.why, scope=cause.scope, binds=cause.binds)
        return True

    async def _end(self, causes: list[Cause], by: str) -> bool:
        for cause in causes:
            owed = [one for one in self.owed if (one.name, one.scope) == (cause.name, cause.scope)]
            self.owed[:] = [one for one in self.owed if one not in owed]
            try:
                await self.store.clear_cause(cause.name, cause.scope, by, self.clock.now_ms())
            except StoreUnavailable:
                self.owed.extend(owed)  # it stands, and a restart must not forget it
                raise
            self.resume(cause.name, scope=cause.scope)
        return bool(causes)
