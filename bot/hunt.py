"""Who looks for something to buy: a tracker per new token, a sniper per user who wants one, a scanner per followed wallet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import InitVar, dataclass, field

import structlog
import trio

from actors.copy_trader import CopyTrader
from actors.launch_watcher import Hunted, LaunchWatcher, Tracker
from actors.runtime import (
    ActorDead,
    AlreadyPresent,
    AlreadyStarted,
    MailboxFull,
    MaxChildren,
    NotFound,
    Start,
    Supervision,
    Supervisor,
    SupervisorError,
)
from actors.sniper import Look, Sniper
from actors.standing_order import StandingWatch
from actors.token_tracker import TokenTracker
from actors.wallet_judge import WalletJudge
from actors.wallet_scanner import Followed, WalletScanner
from actors.wallet_stream import WalletStreamLink
from bot.adapters import Adapters
from bot.auto_traders import AutoTraders
from bot.clock import Clock
from bot.errors import Unavailable
from bot.execution.analysis_book import AnalysisBook
from bot.execution.borne_out import BorneOut
from bot.execution.copy_decisions import CopyDecisions
from bot.execution.copy_orders import CopyOrders
from bot.execution.copy_rehearsal import CopyRehearsal
from bot.execution.early_buyers import EarlyBuyers
from bot.execution.entry_model import EntryModel
from bot.execution.leader_swaps import LeaderSwaps
from bot.execution.opinion_book import OpinionBook
from bot.execution.price_book import PriceBook
from bot.execution.rehearsal import Rehearser
from bot.execution.scan_schedule import ScanRule, ScanSchedule
from bot.execution.social_book import SocialBook
from bot.execution.standing_turns import StandingTurns
from bot.execution.wallet_standings import WalletStandings
from bot.ports import Chain, SnipeDesk, Store, Wallet, WalletHistory, WalletNews, wallet_in
from bot.trading.curve import Curve
from bot.trading.launch import CurveTrade, LaunchpadEvent, TokenLaunch, ToldTwice
from bot.trading.limits import Ceilings
from bot.trading.signal import Opinion, drawn
from bot.trading.standing import StandingOrder, StandingState
from bot.trading.strategy import Strategy
from bot.trading.units import span

log = structlog.get_logger()

STARTED_AT_ONCE = 50  # scanners
YOUNG_MAX = 2_000  # tokens that were launched last: more than are tracked at any moment
POPULATED = (
    "token_trackers",
    "snipers",
    "wallet_scanners",
    "standing_orders",
    "auto_traders",
)  # the dynamic supervisors below the hunt


@contextmanager
def _asked_of_a_hunt_that_may_end() -> Iterator[None]:
    """The hunt may be started again while somebody waits for it: whoever does hears that it is away for a moment."""
    try:
        yield
    except SupervisorError as error:
        raise Unavailable(f"the hunt is being started again ({error}); it looks itself who should hunt") from error


def copy_trader(
    turns: StandingTurns,
    rehearser: Rehearser,
    tracking_changed: Callable[[], Awaitable[None]],
    thawed: Callable[[str, str], Awaitable[bool]],
) -> CopyTrader:
    """Who copies leaders; it stands on the same ports as standing orders do."""
    policy = rehearser.pipeline.policy
    decisions = CopyDecisions(turns.store, turns.chain, turns.clock, lambda: policy.ceilings.min_trade_lamports)
    orders = CopyOrders(turns.store, turns.desk, turns.in_flight, turns.clock, decisions.look, thawed)
    return CopyTrader(decisions, orders, tracking_changed, CopyRehearsal(turns.store, rehearser).rehearsed)


@dataclass(slots=True, repr=False)
class Hunt:
    """The hunt's dynamic children. `supervisor` finds a running supervisor by its path, or raises Unavailable.

    `observe_s` is how long a new token is watched before an opinion, and `moods` knows what people write of tokens.
    `wallet_news` tells the scanners what their wallets do, where such a source is configured. `hunted`, `opinions`,
    `analyses` and `followed` are what the children have seen, for whoever shows it; `swaps` hands on what followed
    wallets trade, and `standings` says how good each has been, and `early` knows wallets that were early in tokens that rose.
    `ceilings` are what the operator asks for now, and `thawed` waits for the end of what freezes a wallet of a user.
    """

    ports: InitVar[Adapters]
    supervision: Supervision
    prices: PriceBook
    desk: SnipeDesk
    rehearser: Rehearser
    turns: StandingTurns
    observe_s: float
    moods: SocialBook
    analyses: AnalysisBook
    supervisor: Callable[..., Supervisor]
    model: EntryModel
    ceilings: Callable[[], Ceilings]
    thawed: Callable[[str, str], Awaitable[bool]]
    store: Store = field(init=False)
    chain: Chain = field(init=False)
    history: WalletHistory = field(init=False)
    clock: Clock = field(init=False)
    wallet_news: WalletNews | None = field(init=False)
    scan_rule: ScanRule = field(init=False)
    schedule: ScanSchedule = field(init=False)
    standings: WalletStandings = field(init=False)
    auto: AutoTraders = field(init=False)
    adapts: bool = field(init=False)  # whether snipers that lost spend less
    hunted: Hunted = field(default_factory=Hunted)
    opinions: OpinionBook = field(default_factory=OpinionBook)
    followed: Followed = field(default_factory=Followed)
    early: EarlyBuyers = field(default_factory=EarlyBuyers)
    swaps: LeaderSwaps = field(default_factory=LeaderSwaps)
    copies: CopyTrader = field(init=False)
    _hunters: dict[str, Wallet] = field(default_factory=dict)  # the wallets of the snipers by user
    _young: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def __post_init__(self, ports: Adapters) -> None:
        self.store, self.chain, self.history, self.clock = ports.store, ports.chain, ports.history, ports.clock
        self.wallet_news, self.scan_rule = ports.wallet_news, ports.scan_rule
        self.adapts = ports.market_rules.adapts
        self.standings = WalletStandings(self.store, self.clock)
        self.auto = AutoTraders(self.store, self.turns.desk, self.clock, self.standings, self.supervisor)
        self.swaps.listen(self.standings.swapped)
        self.swaps.listen(self.auto.swapped)
        self.schedule = ScanSchedule(self.scan_rule, self.history.credit_per_s)
        self.copies = copy_trader(self.turns, self.rehearser, self.tracking_changed, self.thawed)
        self.swaps.listen(self.copies.on_swap)
        self.turns.in_flight.on_fill = self.followed.hinted  # a user's own trade may be somebody's leader's

    def starts(self) -> dict[str, Start]:
        """The actors that are there from the start, by their names in supervision.toml."""
        return {
            "launch_watcher": LaunchWatcher(self.hunted, self.analyses, self.track),
            "wallet_stream": WalletStreamLink(self.wallet_news, self.followed).run,
            "wallet_judge": WalletJudge(self.standings).run,
            "copy_trader": self.copies.run,
        }

    def young_coins(self) -> list[str]:
        """Tokens that trade now, by which the layouts of the programs can be looked at."""
        return [judged.launch.mint for judged in self.opinions.best(5, self.clock.now_ms())]

    def incarnations(self) -> tuple[int, ...]:
        """Which incarnations of the hunt and its dynamic supervisors run; empty while any of them does not."""
        try:
            hunt = [child for child in self.supervisor().which_children() if child.id == "hunt"]
            below = self.supervisor("hunt").which_children()
        except Unavailable:
            return ()
        holders = [*hunt, *(child for child in below if child.id in POPULATED)]
        if any(child.state != "running" for child in holders):
            return ()
        return tuple(child.incarnation for child in holders)

    async def populate(self) -> None:
        """A sniper for each user who wants one, a watch for each open standing order, a scanner for each followed wallet."""
        for user in await self.store.users():
            await self.sniper_changed(user.id)
        await self._watch_standing()
        await self.tracking_changed()
        with _asked_of_a_hunt_that_may_end():
            await self.auto.populate(self.supervision)

    async def sniper_changed(self, user_id: str) -> None:
        """Start or stop a user's sniper after his settings; raises Unavailable while the hunt is down."""
        with _asked_of_a_hunt_that_may_end():
            await self._sniper_changed(user_id)

    async def hunters_changed(self, user_id: str) -> None:
        """His sniper and his automated trader, for who stops both; raises Unavailable as above."""
        await self.sniper_changed(user_id)
        await self.auto_changed(user_id)

    async def auto_changed(self, user_id: str) -> None:
        """Start, stop or replace a user's automated trader after his plan; raises Unavailable as above."""
        with _asked_of_a_hunt_that_may_end():
            await self.auto.changed(user_id, self.supervision)

    async def mode_changed(self, user_id: str) -> None:
        """Let a user's sniper buy in the mode that he is in now; raises Unavailable as above.

        An order that the sniper before it has handed over is the executor's, and stays in the mode that it was made in.
        """
        with _asked_of_a_hunt_that_may_end():
            snipers = self.supervisor("hunt", "snipers")
            if snipers.state_of(user_id) is not None:
                await snipers.terminate_child(user_id)
            await self._sniper_changed(user_id)
            await self.auto.changed(user_id, self.supervision)

    async def standing_changed(self, order_id: str) -> None:
        """Watch a standing order from now on, or no more when it has ended; raises Unavailable as above."""
        with _asked_of_a_hunt_that_may_end():
            watches = self.supervisor("hunt", "standing_orders")
            order = await self.store.standing_order(order_id)
            if order is not None and order.state is StandingState.OPEN:
                await self._watch(watches, order)
            elif watches.state_of(order_id) is not None:
                with suppress(NotFound):  # it ended by itself meanwhile
                    await watches.terminate_child(order_id)

    async def _watch_standing(self) -> None:
        with _asked_of_a_hunt_that_may_end():
            watches = self.supervisor("hunt", "standing_orders")
            for order in await self.store.standing_orders():
                await self._watch(watches, order)

    async def _watch(self, watches: Supervisor, order: StandingOrder) -> None:
        if watches.state_of(order.id) is not None:
            return
        watch = StandingWatch(order.id, self.turns, self.clock)
        try:
            await watches.start_child(self.supervision.child("standing_order", id=order.id, start=watch.run))
        except (AlreadyStarted, AlreadyPresent):
            pass  # another look was quicker
        except MaxChildren as error:
            log.error("standing_order_not_watched", order=order.id, reason=str(error))

    async def tracking_changed(self) -> None:
        """One scanner for each address that anybody follows, none for the others; raises Unavailable as above."""
        with _asked_of_a_hunt_that_may_end():
            await self._tracking_changed()

    async def _sniper_changed(self, user_id: str) -> None:
        snipers = self.supervisor("hunt", "snipers")
        running = snipers.state_of(user_id) is not None
        wanted = (await self.store.settings(user_id)).snipe_enabled
        if wanted and not running:
            user = next(user for user in await self.store.users() if user.id == user_id)
            wallet = wallet_in(await self.store.wallets(user_id), user.mode, Strategy.SNIPER)
            sniper = Sniper(user, wallet, self.store, self.desk, self.clock, adapts=self.adapts, ceilings=self.ceilings)
            self._hunters[user_id] = wallet
            with suppress(AlreadyStarted, AlreadyPresent):  # another change of his was quicker
                await snipers.start_child(self.supervision.child("sniper", id=user_id, start=sniper))
        elif running and not wanted:
            # At once: an order that it has handed over is the executor's, and its run follows the intent.
            await snipers.terminate_child(user_id)
        if not wanted:
            self._hunters.pop(user_id, None)

    async def _tracking_changed(self) -> None:
        scanners = self.supervisor("hunt", "wallet_scanners")
        tracked = await self.store.tracked()
        wanted = {wallet.address for wallet in tracked}
        running = set(scanners.ids())
        self.followed.keep_only(wanted)
        self.standings.follow(wanted)
        self.auto.follow(tracked)
        if self.wallet_news is not None:
            self.wallet_news.want(wanted)
        for address in running - wanted:
            await scanners.terminate_child(address)
        new = sorted(wanted - running)
        for start in range(0, len(new), STARTED_AT_ONCE):
            try:
                await self._follow(scanners, new[start : start + STARTED_AT_ONCE])
            except MaxChildren as error:
                # Whoever is followed stays so, and others may come and go; status says how many are expected.
                log.warning("wallets_not_followed", followed=len(self.followed.scanners), reason=str(error))
                return

    async def _follow(self, scanners: Supervisor, addresses: Sequence[str]) -> None:
        """Start scanners, all of these at once; raises the SupervisorError of one that could not be started."""
        refused: list[SupervisorError] = []

        async def start(address: str) -> None:
            scanner = WalletScanner(
                address, self.store, self.history, self.clock, self.followed, self.schedule, self.swaps
            )
            try:
                await scanners.start_child(self.supervision.child("wallet_scanner", id=address, start=scanner.run))
            except (AlreadyStarted, AlreadyPresent):
                pass  # another change was quicker
            except SupervisorError as error:
                refused.append(error)

        async with trio.open_nursery() as nursery:
            for address in addresses:
                nursery.start_soon(start, address)
        if refused:
            raise refused[0]

    def scanned(self, address: str) -> str:
        """How old what is known of a followed wallet gets, as the end of a sentence."""
        scanner = self.followed.scanners.get(address)
        if scanner is not None and scanner.is_told:
            return "told as it is confirmed"
        interval_s = self.schedule.interval_s(address)
        limit = " at these endpoints' credit" if interval_s > self.scan_rule.least_s else ""
        return f"checked every {span(interval_s)}{limit}"

    def take(self, event: LaunchpadEvent | ToldTwice) -> None:
        """Hand an event to the hunt; while the hunt is down events are dropped, positions lose nothing by it.

        Of what is told twice no more than young tokens need to be told of, because trades of all tokens are.
        """
        if isinstance(event, ToldTwice) and event.mint not in self._young:
            return
        if isinstance(event, TokenLaunch):
            self._note_young(event.mint)
        if isinstance(event, CurveTrade):
            self.followed.hint(event)
        if not isinstance(event, ToldTwice):
            self.early.heard(event)
        try:
            self.supervisor("hunt").ref("launch_watcher").tell(event)
        except (ActorDead, MailboxFull, NotFound, Unavailable):
            log.debug("event_dropped", mint=event.mint)

    def _note_young(self, mint: str) -> None:
        self._young[mint] = None
        if len(self._young) > YOUNG_MAX:
            self._young.popitem(last=False)

    async def track(self, launch: TokenLaunch) -> Tracker | None:
        """Start the tracker of a new token; None where there are too many, it has one, or the hunt is being restarted."""
        read_mint = self.chain.mint_facts
        tracker = TokenTracker(
            launch,
            self.observe_s,
            self.clock,
            self.prices,
            self.opinions,
            self.analyses,
            read_mint,
            self._rehearse,
            self._witness,
            self._publish,
            self.moods,
            self.model,
        )
        try:
            trackers = self.supervisor("hunt", "token_trackers")
            await trackers.start_child(self.supervision.child("token_tracker", id=launch.mint, start=tracker.run))
        except (SupervisorError, Unavailable) as error:
            log.info("token_not_tracked", mint=launch.mint, reason=str(error))
            return None
        return tracker

    async def _rehearse(self, mint: str) -> None:
        if self._hunters:
            await self.rehearser.rehearse(mint, list(self._hunters.values()))

    async def _witness(self, mint: str) -> Curve | None:
        """The reserves of a token on its curve as somebody else shows them than who told those that stand."""
        venue = await BorneOut(self.chain, self.prices, self.clock).shown_by_another(mint)
        return venue if isinstance(venue, Curve) else None

    def _publish(self, launch: TokenLaunch, opinion: Opinion) -> None:
        """One opinion to every sniper; a sniper that is behind loses it, which status shows as a dropped message."""
        try:
            snipers = self.supervisor("hunt", "snipers")
        except Unavailable as error:
            log.info("opinion_without_snipers", mint=launch.mint, reason=str(error))
            return
        look = Look(launch, opinion)
        for user_id in drawn(launch.mint, [child.id for child in snipers.which_children()]):
            try:
                snipers.ref(user_id).tell(look)
            except (ActorDead, MailboxFull) as error:
                log.info("look_dropped", user=user_id, mint=launch.mint, reason=str(error))
