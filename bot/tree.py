"""From adapters to the supervised tree: every actor is made here and gets its ports from here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from actors.account_closer import AccountCloser
from actors.block_engine import BlockEngineLink
from actors.chain_news import ChainNewsLink
from actors.confirmation_watcher import ConfirmationWatcher
from actors.control_socket import ControlSocket
from actors.desk import ExecutorDesk
from actors.failure_policy import FailurePolicy
from actors.fallback_monitor import FallbackMonitor
from actors.flattener import Flattener
from actors.halt_news import HaltNews
from actors.hunt_keeper import HuntKeeper
from actors.launch_stream import LaunchStreamLink
from actors.links import Link
from actors.operator_alerts import OperatorAlerts
from actors.outbox_sender import OutboxSender
from actors.price_poller import PricePoller
from actors.protocol_watch import ProtocolWatch
from actors.reconciler import CAUSE as RECONCILE
from actors.reconciler import ReconcilerActor
from actors.rug_watch import RugWatch
from actors.runtime import Start, Supervision, Supervisor, SupervisorError, SupervisorSpec
from actors.sale_follower import SaleFollower
from actors.sweeper import Sweeper
from actors.telegram_gateway import TelegramGateway
from actors.trading_guard import TradingGuard
from bot.adapters import NO_PROCESS, Adapters, Chats, absent
from bot.alarm import Alarm
from bot.care import MoneyCare
from bot.errors import Unavailable
from bot.execution.alerts import spool_trouble
from bot.execution.balance_book import BalanceBook
from bot.execution.borne_out import BorneOut
from bot.execution.closings import Closings
from bot.execution.compare_watch import CompareWatch
from bot.execution.compromise import Compromise
from bot.execution.confirm import Confirmer
from bot.execution.emptied_book import EmptiedBook
from bot.execution.exit_balances import ExitBalances
from bot.execution.finality import Finality
from bot.execution.freezes import WalletFreezes
from bot.execution.halt_on_disk import HaltKeeper, HaltOnDisk
from bot.execution.health import Health
from bot.execution.in_flight import InFlight
from bot.execution.landed_after_all import LandedAfterAll
from bot.execution.ledger_audit import LedgerAudit
from bot.execution.pipeline import Pipeline
from bot.execution.policy import Policy
from bot.execution.position_rest import MonitorLook
from bot.execution.price_book import PriceBook
from bot.execution.program_errors import ProgramErrors
from bot.execution.protocol_check import ProtocolCheck
from bot.execution.reconcile import Reconciler
from bot.execution.rehearsal import Rehearser
from bot.execution.route_watch import RouteWatch, watch_routes
from bot.execution.sealed_keys import SealedKeys
from bot.execution.standing_turns import StandingTurns
from bot.execution.units_book import UnitsBook
from bot.execution.watch_check import WatchCheck
from bot.execution.withdrawals import Withdrawals
from bot.garbage import pause_collector, resume_collector
from bot.hunt import Hunt
from bot.market_data import MarketData
from bot.ports import Messenger
from bot.trading.launch import LaunchpadEvent, ToldTwice
from bot.trading.outage import OutageRule
from bot.trading.trading_state import hands_over
from bot.trading.venue import OWN_PROGRAMS

log = structlog.get_logger()

Serve = Callable[[Callable[[], None]], Awaitable[None]]
Probe = Callable[[], Awaitable[str]]


@dataclass(slots=True, repr=False)
class TradingBot:
    """The parts that actors share, and the tree of those actors. One object per running bot.

    `observe_s` is how long a new token is watched before an opinion.
    """

    adapters: Adapters
    policy: Policy
    supervision: Supervision
    observe_s: float
    messenger: Messenger
    rules: Mapping[str, OutageRule]
    halt_keeper: HaltKeeper
    alarm: Alarm
    in_flight: InFlight = field(default_factory=InFlight)
    prices: PriceBook = field(default_factory=PriceBook)
    balances: BalanceBook = field(default_factory=BalanceBook)
    emptied: EmptiedBook = field(default_factory=EmptiedBook)
    looks: dict[str, MonitorLook] = field(default_factory=dict)
    health: dict[str, Health] = field(default_factory=dict)
    root: Supervisor | None = None
    starts: dict[str, Start] = field(default_factory=dict)
    started_with: str = field(init=False)
    alerts: OperatorAlerts = field(init=False)
    route_watch: RouteWatch = field(init=False)
    guard: TradingGuard = field(init=False)
    freezes: WalletFreezes = field(init=False)
    failures: FailurePolicy = field(init=False)
    care: MoneyCare = field(init=False)
    desk: ExecutorDesk = field(init=False)
    confirmer: Confirmer = field(init=False)
    finality: Finality = field(init=False)
    reconciler: ReconcilerActor = field(init=False)
    flattener: Flattener = field(init=False)
    fallback: FallbackMonitor = field(init=False)
    hunt: Hunt = field(init=False)
    hunt_keeper: HuntKeeper = field(init=False)
    protocol_watch: ProtocolWatch = field(init=False)
    market: MarketData = field(init=False)

    def __post_init__(self) -> None:
        self.started_with = self.supervision.path
        store, chain, clock = self.adapters.store, self.adapters.chain, self.adapters.clock
        self.health = {name: Health(name) for name in ("database", "rpc", "stream", "telegram", "engine")}
        self.alerts = OperatorAlerts(self.alarm.say, self.alarm.channels(clock), clock, self._handles)
        if self.adapters.spool is not None:
            self.adapters.spool.on_trouble(lambda why: self.alerts.tell(spool_trouble(why)))
        self.guard = self._guard()
        self.freezes = WalletFreezes(self.guard, store, self.adapters.vault, clock)
        troubles = self.adapters.key_troubles, self.adapters.vault_trouble
        self.route_watch = watch_routes(self.alerts.tell, self.guard, clock.now_ms, *troubles)
        self.failures = FailurePolicy(self.guard.latch, self.alerts.tell, clock)
        self.care = MoneyCare(
            store=store,
            chain=chain,
            clock=clock,
            supervision=self.supervision,
            guard=self.guard,
            prices=self.prices,
            in_flight=self.in_flight,
            balances=self.balances,
            looks=self.looks,
            alert=self.alerts.tell,
            supervisor=self.supervisor,
            workers_at_work=lambda: self.flattener.at_work,
        )
        units, errors = UnitsBook(), ProgramErrors(clock)
        self.desk = self._desk(units, errors)
        told, settled = self.alerts.tell, self.care.settled
        books, again = (self.in_flight, self.balances), lambda: hands_over(self.guard.halt)
        self.confirmer = Confirmer(store, chain, clock, self.policy, *books, settled, told, errors, units, again)

        async def adopt() -> int:
            return await self.confirmer.adopt(self.policy.planned_max_age_ms)

        after_all = LandedAfterAll(store, chain, clock, self.in_flight, self.balances, adopt, told)
        self.finality = Finality(store, chain, clock, self.in_flight, self.balances, adopt, settled, told, after_all)
        self.care.desk, self.care.confirmer, self.care.finality = self.desk, self.confirmer, self.finality
        self.reconciler = self._reconciler()
        self.care.compare = self.reconciler.run_while_halted
        borne = BorneOut(chain, self.prices, clock)
        self.fallback = FallbackMonitor(
            store, chain, self.desk, clock, self.in_flight, self.care.orphans, self.alerts.tell, borne
        )
        self.market = MarketData(self.adapters, self.prices, self.alerts.tell, self.desk.asked)
        self.hunt = self._hunt(borne)
        self.hunt_keeper = HuntKeeper(self.hunt.incarnations, self.hunt.populate)
        self.protocol_watch = self._protocol_watch()
        errors.on_burst = self.protocol_watch.burst
        self.adapters.event_reads.on_unreadable = self.protocol_watch.unreadable
        self.flattener = Flattener(
            guard=self.guard,
            store=store,
            in_flight=self.in_flight,
            care=self.care,
            stop_money=self._stop_money,
            start_money=self._start_money,
            pause_collector=pause_collector,
            resume_collector=resume_collector,
        )

    def _hunt(self, borne: BorneOut) -> Hunt:
        ports = self.adapters
        return Hunt(
            ports,
            self.supervision,
            prices=self.prices,
            desk=self.desk,
            rehearser=Rehearser(self.desk.pipeline),
            turns=StandingTurns(ports.store, ports.chain, self.desk, self.prices, borne, self.in_flight, ports.clock),
            observe_s=self.observe_s,
            supervisor=self.supervisor,
            moods=self.market.social,
            analyses=self.market.analyses,
            model=self.market.model,
            ceilings=lambda: self.policy.ceilings,
            thawed=self.guard.thawed,
        )

    def _desk(self, units: UnitsBook, errors: ProgramErrors) -> ExecutorDesk:
        store, chain, clock = self.adapters.store, self.adapters.chain, self.adapters.clock
        keys = SealedKeys(store, self.adapters.vault, self.alerts.tell, self.freezes.vault_refuses)
        looks = ExitBalances(chain, self.in_flight)
        covering, books = self.guard.covering, (self.in_flight, self.prices, looks, self.balances)
        return ExecutorDesk(
            store,
            Pipeline(store, chain, keys, clock, self.policy, *books, covering, errors, units),
            Closings(store, chain, keys, clock, self.in_flight, covering),
            Withdrawals(store, chain, keys, clock, self.in_flight, covering),
            executors=self.care.executors,
            rescue=lambda: self.supervisor("guard", "flatten"),
            child=lambda wallet_id, executor: self.supervision.child("executor", id=wallet_id, start=executor),
        )

    def spec(
        self,
        serve_control: Serve,
        chat: Chats | None,
        process: Mapping[str, Start] = NO_PROCESS,
    ) -> SupervisorSpec:
        """The whole tree with the policies of supervision.toml.

        `serve_control` is the operator's door, `chat` Telegram's, `process` has those of `NO_PROCESS` that there are.
        """
        store, chain, clock = self.adapters.store, self.adapters.chain, self.adapters.clock
        if chat is None:
            self.guard.unwatched.add("telegram")
        heard = self.adapters.pools, self.market.read, self.care.rugs.heard_in_pool
        self.starts = {
            **NO_PROCESS,
            **process,
            "control_socket": ControlSocket(serve_control).run,
            "telegram_gateway": absent if chat is None else self._gateway(chat).run,
            "operator_alerts": self.alerts.run,
            "halt_news": HaltNews(self.guard, store, clock).run,
            "position_cards": absent if chat is None else chat.cards,
            "sweeper": Sweeper(self.guard, store, self.freezes, clock, self.desk.withdraw).run,
            "outbox_sender": OutboxSender(store, self.messenger, clock, self.market.drawer).run,
            "database_link": self._link("database", self._probe_database).run,
            "rpc_pool": self._link("rpc", self._probe_chain).run,
            "launch_stream": LaunchStreamLink(
                stream=self.adapters.stream,
                prices=self.prices,
                clock=clock,
                health=self.health["stream"],
                hunt=self._heard,
                down=lambda why: self.guard.down("stream", why),
                up=lambda: self.guard.up("stream"),
            ).run,
            "block_engine": BlockEngineLink(self.adapters.engines, self.health["engine"], clock, self.alerts.tell).run,
            "protocol_watch": self.protocol_watch.run,
            "price_poller": PricePoller(chain, self.prices, clock, self.policy, *heard).run,
            "rug_watch": RugWatch(self.care.rugs, chain, clock).run,
            "chain_news": ChainNewsLink(self.adapters.news, self.in_flight, self.prices, clock).run,
            "trading_guard": self.guard.run,
            "flattener": self.flattener.run,
            "fallback_monitor": self.fallback.run,
            "sale_follower": SaleFollower(self.desk, self.in_flight, clock, self.care.orphans).run,
            "reconciler": self.reconciler.run,
            "confirmation_watcher": ConfirmationWatcher(self.confirmer, self.finality).run,
            **self.hunt.starts(),
            "hunt_keeper": self.hunt_keeper.run,
            "account_closer": AccountCloser(
                store,
                clock,
                self.emptied,
                self.desk.close,
                after_s=self.policy.close_emptied_after_s,
                interval_s=self.policy.audit_interval_s,
            ).run,
            **self.market.starts(),
        }
        return self.supervision.tree(self.starts)

    def take_supervision(self, other: Supervision, rules: Mapping[str, OutageRule]) -> None:
        """Another file from now on, which the running tree has taken over already, and its rules of outages."""
        self.supervision = self.care.supervision = self.hunt.supervision = other
        self.guard.take_rules(rules)

    def _heard(self, event: LaunchpadEvent | ToldTwice) -> None:
        self.care.rugs.heard(event)
        self.hunt.take(event)
        if not isinstance(event, ToldTwice):
            self.market.heard(event)

    def _guard(self) -> TradingGuard:
        ports, disk = self.adapters, HaltOnDisk(self.halt_keeper)
        return TradingGuard(ports.store, ports.clock, self.rules, disk, self.alerts.tell, ports.spool, ports.leadership)

    def _reconciler(self) -> ReconcilerActor:
        store, chain, clock = self.adapters.store, self.adapters.chain, self.adapters.clock
        guard = self.guard
        ledgers = LedgerAudit(
            store,
            self.adapters.history,
            clock,
            *(guard.freeze_user, guard.unfreeze_user, guard.frozen_by),
            self.alerts.tell,
            self.finality.after_all.listed,
            Compromise(store, clock, guard).compromised,
        )
        return ReconcilerActor(
            store=store,
            confirmer=self.confirmer,
            reconciler=Reconciler(store, chain, clock, self.in_flight, self.balances, ledgers, self.emptied),
            policy=self.policy,
            watch=self.care.watch,
            judge=self.care.judge,
            check=WatchCheck(self.looks, lambda: self.fallback.known, self.prices, self.alerts.tell, clock.now_ms),
            pause=lambda user_id, why: self.guard.pause(RECONCILE, by="reconciler", why=why, scope=f"user:{user_id}"),
            resume=lambda user_id: self.guard.resume(RECONCILE, scope=f"user:{user_id}"),
            compare=CompareWatch(clock, self.alerts.tell, self.guard),
            pause_all=lambda why: self.guard.pause(RECONCILE, by="reconciler", why=why),
            resume_all=lambda: self.guard.resume(RECONCILE),
        )

    def _protocol_watch(self) -> ProtocolWatch:
        check = ProtocolCheck(
            self.adapters.store, self.adapters.chain, self.hunt.young_coins, self.adapters.event_reads.problem
        )
        return ProtocolWatch(
            programs=OWN_PROGRAMS,
            look=check.look,
            pause=self.guard.pause,
            resume=self.guard.resume,
            stands=self.guard.stands,
            alert=self.alerts.tell,
            interval_s=self.policy.canary_interval_s,
        )

    def _gateway(self, chat: Chats) -> TelegramGateway:
        return TelegramGateway(
            api=chat.api,
            door=chat.door,
            inbox=self.adapters.store,
            clock=self.adapters.clock,
            health=self.health["telegram"],
            down=lambda why: self.guard.down("telegram", why),
            up=lambda: self.guard.up("telegram"),
            pictures=self.market.drawer,
        )

    def _link(self, name: str, probe: Probe) -> Link:
        return Link(
            health=self.health[name],
            probe=probe,
            interval_s=self.policy.probe_interval_s,
            clock=self.adapters.clock,
            down=lambda why: self.guard.down(name, why),
            up=lambda: self.guard.up(name),
        )

    async def _handles(self) -> dict[str, str]:
        return {user.id: user.handle for user in await self.adapters.store.users()}

    async def _probe_database(self) -> str:
        await self.adapters.store.ping()
        return "answers"

    async def _probe_chain(self) -> str:
        """Also when nobody can be used, what is known of each endpoint is looked at."""
        try:
            return await self.adapters.chain.probe()
        finally:
            self.route_watch.look(self.adapters.chain.health(), self.adapters.router)

    async def began(self, root: Supervisor) -> None:
        """The tree is up: remember it, and start who hunts, as soon as the database says who that is."""
        self.root = root
        await self.hunt_keeper.begin()

    def supervisor(self, *path: str) -> Supervisor:
        """The running supervisor at a path below the root; raises Unavailable while it does not run."""
        if self.root is None:
            raise Unavailable("the bot is still starting")
        found = self.root
        try:
            for name in path:
                found = found.child(name)
        except SupervisorError as error:
            raise Unavailable(f"{'/'.join(path)} is not running ({error})") from error
        return found

    async def panic(self, user_id: str, *, by: str = "", why: str = "") -> int:
        """Sell what a user holds and what still comes; `by` orders it, else he himself. How many positions he has now."""
        return await self.care.panic(user_id, by=by, why=why)

    async def _stop_money(self) -> None:
        if self.root is None:
            raise Unavailable("the bot is still starting")
        await self.root.terminate_child("money")
        self.reconciler.stopped()

    async def _start_money(self) -> None:
        if self.root is not None:
            await self.root.restart_child("money")
