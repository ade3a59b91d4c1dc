"""Plays one plan: lives of the bot one after the other, a market and people beside them, and what must hold throughout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random

import structlog
import trio

from actors.runtime import SupervisorError
from bot.errors import BotError, StartupError, Unavailable
from bot.localnet.chain import Chain
from bot.ports import User, Wallet
from bot.trading.intent import TradeRequest
from bot.trading.limits import HOLD
from bot.trading.trading_state import Halt
from bot.tree import TradingBot
from tests.simulation.books import audit
from tests.simulation.checks import Safety, Violation, signers_twice
from tests.simulation.determinism import run_seeded
from tests.simulation.doors import Life
from tests.simulation.events import Event, Kind
from tests.simulation.following import auto_starts, auto_stops, copies, copies_no_more, leaders_have_won
from tests.simulation.liveness import unwell
from tests.simulation.operators import kills, restarts
from tests.simulation.outcome import Outcome, counts_up, texts_of
from tests.simulation.outsiders import moves_outside, sells_a_part
from tests.simulation.owners import Owners
from tests.simulation.plan import Plan
from tests.simulation.plan_doings import CREATOR, TRADERS, TROUBLE_S
from tests.simulation.standing import stands, takes_back
from tests.simulation.troubles import BugAtCall, BugError, DeathAtAppend, DeathAtCall, StoreTrouble
from tests.simulation.virtual_wallets import on_paper
from tests.simulation.world import DoorWorld, make_door_world
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import default_rules

log = structlog.get_logger()

WELL_WITHIN_S = 300.0  # an order that never lands is proven expired after about 80 s
FLAT_WITHIN_S, LOOK_S = 150.0, 0.5
BOOT_REST_S = 1.0  # between a boot that failed and the next
CLOSED_AFTER_S = 5.0
DWELL_MS = 1_000  # it doubles with each relapse
EVERYBODY = ""
ON_PAPER = (Kind.PAPER_BUYS, Kind.PAPER_SELLS, Kind.PAPER_RESETS)


def play(plan: Plan) -> Outcome:
    """Play one plan from its seed."""
    counts: Counter[str] = Counter()
    violations: list[str] = []

    async def main() -> None:
        try:
            await (await _made(plan, counts)).run()
        except* Violation as group:
            violations.extend(texts_of(group))

    _, trace = run_seeded(plan.seed, main)
    return Outcome(plan.seed, "; ".join(violations), trace, counts)


async def _made(plan: Plan, counts: Counter[str]) -> Simulation:
    """The world of a plan, with its users and traders funded, before the first life."""
    world = make_door_world(plan.seed)
    world.close_emptied_after_s = CLOSED_AFTER_S
    world.rules = {name: replace(rule, dwell_ms=DWELL_MS) for name, rule in default_rules().items()}
    await world.store.bind_genesis(world.chain.call("getGenesisHash"))
    crowd = Crowd(world.chain)
    for trader in (CREATOR, *TRADERS):
        crowd._trader(trader)
    users = [await world.user(f"demo-{number}", settings) for number, settings in enumerate(plan.users, 1)]
    made, kinds = Simulation(plan, world, crowd, users, counts), {event.kind for event in plan.events}
    world.on_paper = Kind.PAPER_BUYS in kinds
    if Kind.AUTO_STARTS in kinds:
        await leaders_have_won(world, crowd)
    if kinds & {Kind.FREEZES, Kind.WITHDRAWS, Kind.TAKES_KEY}:
        await made.owners.open(users)
    return made


@dataclass(slots=True)
class Simulation:
    """`pauses` are what people were told has been paused, by name and user id; `last` is each user's last order."""

    plan: Plan
    world: DoorWorld
    crowd: Crowd
    users: list[tuple[User, Wallet]]
    counts: Counter[str]
    bot: TradingBot | None = None
    acts: trio.Nursery | None = None
    tokens: dict[int, str] = field(default_factory=dict)
    pauses: set[tuple[str, str]] = field(default_factory=set)
    last: dict[int, TradeRequest] = field(default_factory=dict)
    orders: int = 0
    down_s: float = 0.0
    trouble: StoreTrouble = field(init=False)
    death: DeathAtCall = field(default_factory=DeathAtCall)
    torn: DeathAtAppend = field(init=False)
    bug: BugAtCall = field(default_factory=BugAtCall)
    well_since_ms: int = 0
    safety: Safety = field(init=False)
    owners: Owners = field(init=False)

    def __post_init__(self) -> None:
        self.trouble = StoreTrouble(Random(f"store {self.plan.seed}"))
        self.torn = DeathAtAppend(self.world.journal)
        self.safety = Safety(self.world, self.plan.ceilings, self.covered)
        self.owners = Owners(self.world)

    async def run(self) -> None:
        """Everything, to the audit at the end; raises groups with a Violation in them."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._blocks)
            nursery.start_soon(self._lives)
            await self._troubles()
            await self._well_again()
            found = await self._flat()
            nursery.cancel_scope.cancel()
        counts_up(self.counts, self.world.store, self.safety.recorded)
        if found:
            raise ExceptionGroup("the audit has findings", [Violation("; ".join(found))])

    def covered(self, user_id: str) -> str | None:
        """What pauses a user's entries for certain: people were told so."""
        if self.world.halt_file.kept() is not None:
            return "a halt"
        return next((name for name, whose in sorted(self.pauses) if whose in {EVERYBODY, user_id}), None)

    # --------------------------------------------------------------------------------------------------- what goes on

    async def _blocks(self) -> None:
        """A block in each slot, and a look at everything that has happened since the last one."""
        chain: Chain = self.world.chain.cluster.chain
        while True:
            await trio.sleep(self.world.chain.cluster.slot_ms / 1000)
            self.world.chain.step()
            self.safety.blocks()
            self.safety.failures()
            if chain.position.height % 8 == 0:
                self.safety.books()
            if self.safety.found:
                raise Violation(self.safety.found[0])
            if self.bot is not None and (twice := signers_twice(self.bot)):
                raise Violation(f"two executors sign for {sorted(twice)}")

    async def _lives(self) -> None:
        """One life after the other; a boot that fails because the database is away is tried again, as systemd would."""
        while True:
            life = Life()
            self.death.life, self.death.calls = life, None
            self.torn.life, self.torn.appends = life, None
            life.watches = (self.safety, self.trouble, self.death, self.torn, self.bug)
            self.safety.life_number += 1
            self.down_s = BOOT_REST_S
            self.counts["lives"] += 1
            try:
                await self.world.live(life, self._live, ceilings=self.plan.ceilings, observe_s=3.0)
            except* (Unavailable, StartupError) as group:
                life.dead = True
                self.counts["failed boots"] += 1
                log.warning("boot_failed", reason=repr(group.exceptions))
            self.bot = self.acts = None
            await trio.sleep(self.down_s)

    async def _live(self, bot: TradingBot) -> None:
        """Do what people ask, until the life dies or the bot asks for its own end."""
        async with trio.open_nursery() as self.acts:
            self.bot = bot
            await bot.failures.ends.wait()
            log.warning("process_ends")
            self.acts.cancel_scope.cancel()

    async def _troubles(self) -> None:
        began_s = trio.current_time()
        for event in self.plan.events:
            await trio.sleep_until(began_s + event.at_s)
            log.info("simulation", what=str(event))
            if event.kind in {Kind.OUTSIDE_OUT, Kind.OUTSIDE_SALE}:
                await moves_outside(self.world, self.safety, self.users[event.user][1], event)
            else:
                self._happens(event)
        await trio.sleep_until(began_s + TROUBLE_S)

    # ------------------------------------------------------------------------------------------------------- events

    def _happens(self, event: Event) -> None:
        """Carry one event out, or hand it to the bot that lives now; a bot that is down hears nothing."""
        until_s, chain = trio.current_time() + event.lasts_s, self.world.chain
        match event.kind:
            case Kind.LAUNCH:
                self.tokens[event.token] = self.crowd.launch(creator=CREATOR)
            case Kind.CROWD_BUYS if event.token in self.tokens:
                self.crowd.buy(self.tokens[event.token], event.trader, event.amount, creator=CREATOR)
            case Kind.CROWD_SELLS | Kind.COMPLETES | Kind.SELLS_IN_POOL:
                does = {Kind.CROWD_SELLS: self.crowd.sell_all, Kind.COMPLETES: self.crowd.finish}
                trade = does.get(event.kind, self.crowd.sell_all_in_pool)
                trade(self.tokens[event.token], event.trader, creator=CREATOR)
            case Kind.SELLS_A_PART:
                if event.token in self.tokens:
                    sells_a_part(self.crowd, self.tokens[event.token], event, creator=CREATOR)
            case Kind.OPENS_ACCOUNT:
                if event.token in self.tokens:
                    address = self.users[event.user][1].address
                    self.crowd.open_account(self.tokens[event.token], event.trader, address)
            case Kind.LIE:
                chain.set_fault(event.name, for_s=event.lasts_s, endpoint=event.endpoint)
            case Kind.OUTSIDE_IN:
                chain.call("requestAirdrop", self.users[event.user][1].address, event.amount)
            case Kind.BUG_AT_CALL:
                self.bug.calls, self.bug.hangs_s = event.amount, event.lasts_s
            case Kind.CHAIN_FAULT:
                chain.set_fault(event.name, for_s=event.lasts_s, delay_ms=event.amount, endpoint=event.endpoint)
            case Kind.FORK:
                self.counts["forks"] += self.safety.fork(event.amount, event.lost_percent)
            case Kind.STORE_AWAY:
                self.trouble.away_until_s = until_s
            case Kind.STORE_LOSES_ANSWERS:
                self.trouble.loses_until_s = until_s
            case Kind.STORE_HANGS:
                self.trouble.hangs_until_s = until_s
            case Kind.STORE_IS_FULL:
                self.trouble.full_until_s = until_s
            case Kind.JOURNAL_IS_FULL:
                self.trouble.journal_full_until_s = until_s
            case Kind.CRASH:
                self.down_s = event.lasts_s
                self.world.life.die()
            case Kind.CRASH_AT_CALL:
                self.down_s = event.lasts_s
                self.death.calls, self.death.after_it = event.amount, event.amount % 2 == 0
            case Kind.CRASH_AT_APPEND:
                self.down_s = event.lasts_s
                self.torn.appends, self.torn.moment = event.amount, event.trader
            case _:
                self._asked(event)

    def _asked(self, event: Event) -> None:
        """Something that is asked of the bot; it dies with the bot, and what is refused is refused."""
        if self.acts is None or self.bot is None:
            return
        user, wallet = self.users[event.user]
        bot, owners = self.bot, self.owners
        does: dict[Kind, Callable[[], Awaitable[object]]] = {
            Kind.BUY: partial(self._order, event),
            Kind.SELL: partial(self._order, event),
            Kind.REPEAT: partial(self._repeat, event.user),
            Kind.STANDS: partial(
                stands, self.world, self.bot, self.users[event.user], self.tokens.get(event.token), event
            ),
            Kind.TAKES_BACK: partial(takes_back, self.world, self.bot, user),
            Kind.PANIC: partial(self._paused, ("panic", user.id)),
            Kind.PAUSE: partial(self._paused, ("paused", user.id)),
            Kind.RESUME: partial(self._resumed, user.id),
            Kind.OPERATOR_PAUSES: partial(self._paused, ("operator", EVERYBODY)),
            Kind.OPERATOR_RESUMES: partial(self._resumed, EVERYBODY),
            Kind.OPERATOR_FLATTENS: self._flattens,
            Kind.REARM: self._rearmed,
            Kind.KILL: partial(kills, bot, event),
            Kind.RESTART: partial(restarts, bot, event.name),
            Kind.ACKNOWLEDGES: partial(self._acknowledges, user.id),
            Kind.COPIES: partial(copies, self.world, bot, self.users, self.crowd, event),
            Kind.COPIES_NO_MORE: partial(copies_no_more, bot, user, event),
            Kind.AUTO_STARTS: partial(auto_starts, bot, user, self.crowd, event),
            Kind.AUTO_STOPS: partial(auto_stops, bot, user),
            Kind.FREEZES: partial(owners.freezes, bot, wallet),
            Kind.THAWS: partial(owners.thaws, bot, wallet),
            Kind.WITHDRAWS: partial(owners.withdraws, bot, wallet, event),
            Kind.TAKES_KEY: partial(owners.takes_key, bot, wallet),
            **dict.fromkeys(ON_PAPER, partial(on_paper, self.world, bot, user, self.tokens, event)),
        }
        if event.kind in does:
            self.acts.start_soon(self._tried, does[event.kind])

    async def _tried(self, act: Callable[[], Awaitable[object]]) -> None:
        try:
            await act()
        except (BotError, SupervisorError, LookupError, BugError) as error:
            log.info("simulation_refused", reason=str(error))

    @property
    def living(self) -> TradingBot:
        if self.bot is None:
            raise Unavailable("the bot is down")
        return self.bot

    async def _order(self, event: Event) -> None:
        if event.token not in self.tokens:
            return
        user, wallet = self.users[event.user]
        self.orders += 1
        amounts = {"spend_lamports" if event.kind is Kind.BUY else "share_bps": event.amount}
        request = order(user, wallet, self.tokens[event.token], key=f"order-{self.orders}", **amounts)
        self.last[event.user] = request
        await self._submit(request)

    async def _repeat(self, user: int) -> None:
        if user in self.last:
            await self._submit(self.last[user])

    async def _submit(self, request: TradeRequest) -> None:
        outcome = await self.living.desk.submit(request)
        log.info("simulation_ordered", key=request.key, outcome=type(outcome).__name__)

    async def _paused(self, pause: tuple[str, str]) -> None:
        (name, user_id), life = pause, self.world.life
        if name == "panic":
            await self.living.panic(user_id)
        elif name == "paused":
            await self.living.guard.pause_user(user_id)
        else:
            await self.living.guard.pause_by_operator("a drill")
        if not life.dead:  # else it ended in the writing of this, and nobody had an answer
            self.pauses.add(pause)

    async def _resumed(self, user_id: str) -> None:
        self.pauses = {pause for pause in self.pauses if pause[1] != user_id or pause[0] == "halt"}
        guard = self.living.guard
        await (guard.resume_user(user_id) if user_id else guard.resume_by_operator())

    async def _flattens(self) -> None:
        if self.living.guard.latch(Halt("operator", self.world.clock.now_ms(), "operator", "a drill")):
            self.pauses.add(("halt", EVERYBODY))
        await trio.lowlevel.checkpoint()

    async def _rearmed(self) -> None:
        self.pauses.discard(("halt", EVERYBODY))
        await self.living.guard.rearm("operator")

    async def _acknowledges(self, user_id: str) -> None:
        await self.living.guard.acknowledge_outflow(user_id)

    # ----------------------------------------------------------------------------------------------------- liveness

    async def _well_again(self) -> None:
        """Nothing breaks any more: people end what only people end, and the bot must come to rest by itself."""
        self.world.chain.cluster.all_faults.clear()
        self.trouble.end()
        self.death.calls = self.torn.appends = self.bug.calls = None
        self.well_since_ms = self.world.clock.now_ms()
        with trio.move_on_after(WELL_WITHIN_S):
            while True:
                await trio.sleep(LOOK_S)
                if not self._unwell():
                    return
                await self._tried(self._set_right)
        raise Violation(f"not well {WELL_WITHIN_S:.0f} s after the last trouble: {'; '.join(self._unwell())}")

    async def _set_right(self) -> None:
        guard = self.living.guard
        if guard.halt is not None and guard.flattened:
            await self._rearmed()
        for user_id in (EVERYBODY, *(user.id for user, _ in self.users)):
            await self._resumed(user_id)
        for user, wallet in self.users:
            await self._acknowledges(user.id)
            await self.owners.thaws(self.living, wallet)
            self.owners.puts_in_for_fees(wallet)
        for user, _ in self.users:
            settings = self.world.store._settings[user.id]
            if settings.snipe_enabled:
                await self.world.store.change_settings(
                    user.id, lambda stored: replace(stored, snipe_enabled=False), "simulation"
                )
                await self.living.hunt.sniper_changed(user.id)

    def _unwell(self) -> list[str]:
        """Why the bot is not at rest."""
        found = unwell(self.bot, self.world, since_ms=self.well_since_ms)
        shut = self.owners.not_thawed(self.bot) if self.bot is not None else []
        return [*found, f"the vault keeps {shut} frozen"] if shut else found

    async def _flat(self) -> list[str]:
        """An operator flattens all but what its owner holds on to; what the audit finds at that moment."""
        self.living.guard.latch(Halt("operator", self.world.clock.now_ms(), "operator", "the end"))
        holders = {user.id for user, _ in self.users if self.world.store._settings[user.id].on_critical == HOLD}
        left: list[str] = []
        with trio.move_on_after(FLAT_WITHIN_S):
            while True:
                await trio.sleep(LOOK_S)
                left = [row.id for row in await self.world.store.open_positions() if row.user_id not in holders]
                if not left and self.living.guard.flattened and not self.world.store._moving:
                    return audit(self.world.store, self.world.chain)
        raise Violation(f"not flat {FLAT_WITHIN_S:.0f} s after the flatten: {left}, {sorted(self.world.store._moving)}")
