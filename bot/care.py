"""Who looks after money: one executor per wallet and one monitor per position, below money or, while halted, below flatten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from actors.confirmation_watcher import ConfirmationWatcher
from actors.position_monitor import PositionMonitor
from actors.runtime import AlreadyPresent, AlreadyStarted, NotFound, Start, Supervision, Supervisor, SupervisorError
from actors.trading_guard import TradingGuard
from bot.clock import Clock
from bot.errors import ChainUnavailable, Unavailable
from bot.execution.alerts import Alert
from bot.execution.balance_book import BalanceBook
from bot.execution.confirm import Confirmer
from bot.execution.exit_funds import ExitFunds
from bot.execution.finality import Finality
from bot.execution.flatten import FlattenBook, NotingDesk
from bot.execution.in_flight import InFlight
from bot.execution.loss_rules import LossRules
from bot.execution.ordered_causes import BY_HIS_COMMAND, PANIC, is_operator
from bot.execution.position_rest import MonitorLook
from bot.execution.price_book import PriceBook
from bot.execution.rug_book import RugBook
from bot.ports import Chain, Desk, Settled, Store
from bot.trading.exits import ExitReason
from bot.trading.position import Position, PositionState
from bot.trading.venue import PUMPSWAP, awaits_pool, program_of

log = structlog.get_logger()

MONEY = ("money", "position_monitors")
FLATTEN = ("guard", "flatten")


@dataclass(slots=True, repr=False)
class MoneyCare:
    """`supervisor` finds a running supervisor by its path below the root, or raises Unavailable.

    `book` has how far each flatten is; the workers that it starts tell it of every order.

    `workers_at_work` says whether money has been stopped and joined, so that flatten's workers may sign. `desk`,
    `confirmer`, `finality` and `compare`, which holds the books against the chain while halted, are set by whoever makes
    them, since they are made with parts of this.
    """

    store: Store
    chain: Chain
    clock: Clock
    supervision: Supervision
    guard: TradingGuard
    prices: PriceBook
    in_flight: InFlight
    balances: BalanceBook
    looks: dict[str, MonitorLook]
    alert: Callable[[Alert], None]
    supervisor: Callable[..., Supervisor]
    workers_at_work: Callable[[], bool]
    desk: Desk = field(init=False)
    confirmer: Confirmer = field(init=False)
    finality: Finality = field(init=False)
    compare: Start = field(init=False)
    book: FlattenBook = field(init=False)
    rugs: RugBook = field(init=False)
    losses: LossRules = field(init=False)
    funds: ExitFunds = field(init=False)
    _reasons: dict[str, ExitReason | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.book = FlattenBook(self.clock.now_ms)
        self.rugs = RugBook(self.prices.wake)
        self.losses = LossRules(self.store, self.chain, self.clock, self.prices, self.guard, self.alert)
        self.funds = ExitFunds(self.store, self.clock, self.balances, self.guard, self.alert)

    def executors(self) -> Supervisor:
        """Where requests are served now; raises Unavailable between the halt and its workers."""
        return self._below("money", "executors")

    def _below(self, *path: str) -> Supervisor:
        if self.guard.halt is None:
            return self.supervisor(*path)
        if not self.workers_at_work():
            raise Unavailable("trading is being halted; exits are taken up again in a moment")
        return self.supervisor(*FLATTEN)

    def orphans(self) -> list[str]:
        """The positions whose own monitor is quarantined, for the fallback monitor."""
        return list(self.supervisor(*MONEY).ids("quarantined"))

    # ------------------------------------------------------------------------------------------------------- positions

    async def settled(self, settled: Settled) -> None:
        """A fill was settled: what it opened is watched from now on, and what it closed needs no worker any more."""
        if settled.position.state is PositionState.OPEN:
            await self.watch(settled.position.id)
        else:
            self._reasons.pop(settled.position.id, None)

    async def watch(self, position_id: str) -> None:
        """Make sure that a position has its one monitor. While halted the flattener does, which knows who holds."""
        if self.guard.halt is not None:
            return
        try:
            monitors = self.supervisor(*MONEY)
        except Unavailable as error:
            log.warning("position_not_watched_yet", position=position_id, reason=str(error))
            return
        if monitors.state_of(position_id) is not None:
            return
        position = await self.store.position(position_id)
        if position is not None:
            must_sell = self.guard.must_sell(position.user_id, self.program_of(position))
            await self._start_monitor(monitors, position, self._reason_to_sell(position) if must_sell else None)

    async def judge(self, positions: Sequence[Position]) -> None:
        """Apply users' own rules of loss to what is open now, and see who can pay for its sale; raises StoreUnavailable."""
        await self.losses.look(positions, self.confirmer.policy.ceilings)
        await self.funds.look(positions)

    async def panic(self, user_id: str, *, by: str = "", why: str = "") -> int:
        """Have the flattener sell everything that a user holds, and whatever his orders on their way still bring.

        Returns how many positions he has now. He orders it himself unless `by` says who does, and who orders it ends it.
        """
        if is_operator(by):
            await self.guard.flatten_user(user_id, why, by)
        else:
            await self.guard.pause_user(user_id, PANIC, by=by, why=why or BY_HIS_COMMAND)
        return len(await self.store.open_positions(user_id))

    async def _start_monitor(self, monitors: Supervisor, position: Position, forced: ExitReason | None) -> None:
        monitor = PositionMonitor(
            position_id=position.id,
            store=self.store,
            chain=self.chain,
            desk=self.desk if forced is None else NotingDesk(self.desk, self.book),
            prices=self.prices,
            in_flight=self.in_flight,
            clock=self.clock,
            looks=self.looks,
            rugs=self.rugs,
            alert=self.alert,
            forced=forced,
            known=position,
        )
        try:
            await monitors.start_child(self.supervision.child("position_monitor", id=position.id, start=monitor.run))
        except (AlreadyStarted, AlreadyPresent):
            return
        except SupervisorError as error:
            # Its supervisor is being stopped, or full. The reconciler, or the flattener, asks again.
            log.error("position_without_monitor", position=position.id, reason=str(error))
        else:
            self._reasons[position.id] = forced

    # ------------------------------------------------------------------------------------------------------- flatten

    async def start_exit(self, position: Position) -> None:
        """One worker that sells this position whatever the price."""
        await self._start_worker(position, self._reason_to_sell(position))

    async def keep_watch(self, position: Position) -> None:
        """While halted: one worker that sells this position by its own plan alone, because its owner chose to hold."""
        await self._start_worker(position, None)

    def program_of(self, position: Position) -> str | None:
        """At which program its token trades, by the newest price; None while none is known."""
        point = self.prices.latest(position.mint)
        return None if point is None else program_of(point.venue)

    async def sold_with(self, program: str, positions: Sequence[Position]) -> list[Position]:
        """Those that a flatten of this program sells: their tokens trade there, or will once their pool exists.

        Where no price is known yet the chain is asked; what it does not say now is left out.
        """
        points = {one.mint: self.prices.latest(one.mint) for one in positions}
        venues = {mint: point.venue for mint, point in points.items() if point and not awaits_pool(point.venue)}
        unknown = [mint for mint in points if mint not in venues]
        if unknown:
            with suppress(ChainUnavailable):
                venues |= await self.chain.venues(unknown)
        return [
            one
            for one in positions
            if (venue := venues.get(one.mint)) is not None
            and (program_of(venue) == program or (program == PUMPSWAP and awaits_pool(venue)))
        ]

    def is_selling(self, position: Position) -> bool:
        """Whether the one worker of a position sells it already, for the right reason."""
        return self._has_worker(position, self._reason_to_sell(position))

    def is_watching(self, position: Position) -> bool:
        """Whether the one worker of a position watches it already, and no more than that."""
        return self._has_worker(position, None)

    def _reason_to_sell(self, position: Position) -> ExitReason:
        """What the sale is called: panic is a user's own word."""
        return ExitReason.PANIC if self.guard.panics_himself(position.user_id) else ExitReason.FLATTEN

    def _has_worker(self, position: Position, forced: ExitReason | None) -> bool:
        try:
            state = self._below(*MONEY).state_of(position.id)
        except Unavailable:
            return False
        return state not in {None, "quarantined"} and self._reasons.get(position.id) is forced

    async def _start_worker(self, position: Position, forced: ExitReason | None) -> None:
        """The one worker of a position. One that used up its restarts begins anew: nobody else would sell it."""
        workers = self._below(*MONEY)
        state = workers.state_of(position.id)
        if state is not None:
            if self._has_worker(position, forced):
                return
            log.warning("worker_replaced", position=position.id, was=state, forced=forced)
            with suppress(NotFound):  # it ended by itself meanwhile
                await workers.terminate_child(position.id)
        await self._start_monitor(workers, position, forced)

    async def start_workers(self) -> None:
        """Who confirms what the workers send, and who compares the books; executors come on demand.

        Raises Unavailable.
        """
        flatten = self.supervisor(*FLATTEN)
        watcher = ConfirmationWatcher(self.confirmer, self.finality, signing_since_ms=self._signing_since_ms)
        for name, start in (("confirmation_watcher", watcher.run), ("reconciler", self.compare)):
            if flatten.state_of(name) is not None:
                continue
            try:
                await flatten.start_child(self.supervision.child(name, id=name, start=start))
            except SupervisorError as error:
                raise Unavailable(f"the flatten's workers are being started again ({error})") from error

    def _signing_since_ms(self) -> int | None:
        return self.guard.halt.since_ms if self.guard.halt is not None and self.book.is_signing else None

    async def stop_workers(self) -> None:
        """End them all and join them, so that money may sign again."""
        flatten = self.supervisor(*FLATTEN)
        for child in reversed(flatten.which_children()):
            with suppress(NotFound):  # it ended by itself meanwhile
                await flatten.terminate_child(child.id)
        self._reasons.clear()
