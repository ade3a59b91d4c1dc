"""Where a crash is played: a world, one user, the lives of his bot, and what he and the market do in them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import trio
from solders.account import Account
from solders.pubkey import Pubkey

from bot.ports import User, Wallet
from bot.trading.intent import Context, TradeRequest
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.pool import Pool
from bot.trading.trading_state import Halt
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.crash.points import point_at
from tests.simulation.doors import Call, Life
from tests.simulation.world import DoorWorld, make_door_world
from tests.whole.crowd import Crowd
from tests.whole.ledgers import Owner, exact
from tests.whole.test_one_trade import order
from tests.whole.virtual import until

SPEND_LAMPORTS = LAMPORTS_PER_SOL // 20
CROWD_LAMPORTS = 20 * LAMPORTS_PER_SOL
SETTLED_WITHIN_S = 200.0  # an order that never lands is proven expired after about 80 s
DOWN_S = 1.0  # between two lives; what was sent lands meanwhile
CALM = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
CEILINGS = Ceilings(max_open_positions=10_000)


@dataclass(frozen=True, slots=True)
class Doom:
    """A crash before or after one point of the money path."""

    point: str
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.point}"


@dataclass(slots=True)
class Trigger:
    """Ends a life at its doom, once armed; remembers which points were reached while armed."""

    doom: Doom | None
    armed: bool = False
    reached: dict[str, None] = field(default_factory=dict)
    life: Life = field(default_factory=Life)

    def __post_init__(self) -> None:
        self.life.watches = (self,)

    async def before(self, call: Call) -> None:
        self._look(call, after=False)

    async def after(self, call: Call, answer: Any) -> None:
        self._look(call, after=True)

    def _look(self, call: Call, *, after: bool) -> None:
        point = point_at(call.file, call.line) if self.armed else None
        if point is None:
            return
        self.reached[point] = None
        if self.doom is not None and (self.doom.point, self.doom.after) == (point, after):
            self.life.die()


Act = Callable[["Stage"], Awaitable[None]]


@dataclass(slots=True)
class Stage:
    """One world with one user. `mint` is the token of the episode, `bot` the bot of the life that goes on."""

    world: DoorWorld
    crowd: Crowd
    user: User
    wallet: Wallet
    mint: str = ""
    bot: TradingBot | None = None
    orders: int = 0
    traders: Iterator[int] = field(default_factory=lambda: iter(range(100, 100_000)))
    trader: int = 0

    async def live(self, trigger: Trigger, *acts: Act) -> None:
        """One life that is open for entries, then does these things one after the other and ends."""

        async def body(bot: TradingBot) -> None:
            self.bot = bot
            if self.world.halt_file.kept() is None:
                await self.opened()
            for act in acts:
                await act(self)

        await self.world.live(trigger.life, body, ceilings=CEILINGS)

    @property
    def living(self) -> TradingBot:
        assert self.bot is not None
        return self.bot

    async def opened(self) -> None:
        """Wait until the bot is open for entries; it is not before the orders of earlier lives are resolved."""
        bot = self.living
        await until(lambda: bot.guard.state == "OPEN" and bot.reconciler.reconciled, within_s=SETTLED_WITHIN_S)

    async def new_token(self) -> None:
        """A fresh token that somebody put a lot into."""
        self.mint = self.crowd.launch()
        await trio.sleep(0.9)
        self.trader = next(self.traders)
        self.crowd.buy(self.mint, self.trader, CROWD_LAMPORTS)
        await trio.sleep(0.9)

    def request(self, *, share_bps: int = 0) -> TradeRequest:
        """A buy by hand, or a sale of a share."""
        self.orders += 1
        spend = 0 if share_bps else SPEND_LAMPORTS
        key = f"order-{self.orders}"
        return order(self.user, self.wallet, self.mint, key=key, spend_lamports=spend, share_bps=share_bps)

    async def buy(self) -> None:
        await self.living.desk.submit(self.request())

    async def hold(self) -> None:
        """Buy, and wait until it is filled and watched."""
        await self.new_token()
        await self.buy()
        await self.settled()
        await until(lambda: len(self.living.looks) > 0, within_s=10)

    async def settled(self) -> None:
        """Wait until no order is on its way."""
        with trio.fail_after(SETTLED_WITHIN_S):
            while self.world.store._moving:
                await trio.sleep(0.1)

    async def final(self) -> None:
        """Wait until whatever has landed is final and nothing is on its way."""
        with trio.fail_after(SETTLED_WITHIN_S):
            while self.world.store._moving or await self.world.store.unfinal(1):
                await trio.sleep(0.1)

    async def flat(self) -> None:
        """Wait until nothing is held and nothing is on its way."""
        with trio.fail_after(SETTLED_WITHIN_S):
            while await self.world.store.open_positions() or self.world.store._moving:
                await trio.sleep(0.1)

    def steal(self) -> None:
        """Take a tenth of the wallet's tokens away by decree, as somebody else who has the key would."""
        cluster = self.world.chain.cluster
        owner = Pubkey.from_string(self.wallet.address)
        for key in list(cluster.chain.accounts.tokens_of_mint(Pubkey.from_string(self.mint))):
            account = cluster.chain.accounts.get(key)
            if account is None or account.data[32:64] != bytes(owner):
                continue
            held = int.from_bytes(account.data[64:72], "little")
            data = account.data[:64] + (held * 9 // 10).to_bytes(8, "little") + account.data[72:]
            changed = Account(account.lamports, data, account.owner, account.executable, account.rent_epoch)
            cluster.chain.accounts.put(key, changed)


async def make_stage(seed: int) -> Stage:
    """A stage with one funded user who wants nothing by himself."""
    world = make_door_world(seed)
    await world.store.bind_genesis(world.chain.call("getGenesisHash"))
    user, wallet = await world.user("demo-1", CALM)
    return Stage(world, Crowd(world.chain), user, wallet)


@dataclass(frozen=True, slots=True)
class Scenario:
    """`prepare` and `act` run in one life, the doom waits from `act` on.

    With `first` that life ends there, and the doom waits from the beginning of the next one, `down_s` later. `clean`
    says that nobody but the bot moves the wallet's tokens, so that the audit may hold everything against the chain. A
    scenario that takes long names in `only` the functions whose points it is there for. `forks` says that the network
    takes something back, so that what has landed must be final before anything is compared.
    """

    name: str
    prepare: Act
    act: Act
    first: Doom | None = None
    down_s: float = 0.0
    clean: bool = True
    only: tuple[str, ...] = ()
    forks: bool = False

    def is_for(self, point: str) -> bool:
        """Whether a crash at this point is played here. Points that every scenario passes now and then have their own."""
        function = point.split(":", maxsplit=1)[0]
        return function in self.only if self.only else function not in FINALITY


async def _sell(stage: Stage) -> None:
    await stage.living.desk.submit(stage.request(share_bps=BPS))
    await stage.settled()


async def _sell_part(stage: Stage) -> None:
    await stage.living.desk.submit(stage.request(share_bps=BPS // 3))
    await stage.settled()


async def _buy(stage: Stage) -> None:
    await stage.buy()
    await stage.settled()


async def _buy_by_itself(stage: Stage) -> None:
    """What nobody ordered by hand is sold in a simulation first."""
    await stage.living.desk.submit(replace(stage.request(), context=Context.SNIPER))
    await stage.settled()


async def _limit_holders(stage: Stage) -> None:
    """The user buys only what few do not own already."""
    await stage.world.store.save_settings(stage.user.id, replace(CALM, max_top_holders_bps=9_000), "test")
    await stage.new_token()


async def _panic(stage: Stage) -> None:
    await stage.living.panic(stage.user.id)
    await stage.flat()


async def _panic_in_congestion(stage: Stage) -> None:
    """Nothing lands for longer than one rung of the exit takes."""
    stage.world.chain.set_fault("drop-tx", for_s=5)
    await _panic(stage)


async def _panic_too_late(stage: Stage) -> None:
    """The bytes land after the price has fallen below what they allow; the next exit is simulated first."""
    stage.world.chain.set_fault("drop-tx", for_s=1.5)
    await stage.living.panic(stage.user.id)
    await trio.sleep(1.6)
    stage.crowd.sell_all(stage.mint, stage.trader)
    await stage.flat()


async def _pause_and_resume(stage: Stage) -> None:
    await stage.living.guard.pause_user(stage.user.id)
    await stage.living.guard.resume_user(stage.user.id)


async def _flatten(stage: Stage) -> None:
    stage.living.guard.latch(Halt("operator", stage.world.clock.now_ms(), "operator", "a drill"))
    await stage.flat()


async def _stop_loss(stage: Stage) -> None:
    stage.crowd.sell_all(stage.mint, stage.trader)
    await stage.flat()


async def _hold_with_stop(stage: Stage) -> None:
    store = stage.world.store
    await store.save_settings(stage.user.id, replace(CALM, stop_loss_bps=1_000), "test")
    await stage.hold()
    await store.save_settings(stage.user.id, CALM, "test")


async def _sell_too_late(stage: Stage) -> None:
    """The bytes do not land until the price has fallen below what they allow."""
    stage.world.chain.set_fault("drop-tx", for_s=1.0)
    await stage.living.desk.submit(stage.request(share_bps=BPS))
    await trio.sleep(1.1)
    stage.crowd.sell_all(stage.mint, stage.trader)
    await stage.settled()


async def _hold_in_pool(stage: Stage) -> None:
    """A position whose coin has moved to its pool."""
    await stage.hold()
    stage.crowd.finish(stage.mint, stage.trader)
    with trio.fail_after(60):
        while not isinstance(await stage.living.adapters.chain.venue(stage.mint), Pool):
            await trio.sleep(0.4)


async def _panic_over_a_migration(stage: Stage) -> None:
    """What is signed for the curve does not land, the curve completes meanwhile, and its coin moves to its pool."""
    stage.world.chain.set_fault("drop-tx", for_s=1.5)
    await stage.living.panic(stage.user.id)
    await trio.sleep(1.6)
    stage.crowd.finish(stage.mint, stage.trader)
    await stage.flat()


async def _never_lands(stage: Stage) -> None:
    stage.world.chain.set_fault("drop-tx", for_s=100)
    await _buy(stage)
    stage.world.chain.cluster.all_faults.clear()


async def _unknown_token(stage: Stage) -> None:
    stage.mint = "So11111111111111111111111111111111111111112"
    await _buy(stage)


async def _look_ahead(stage: Stage) -> None:
    """What `/buy` shows before it asks, and the gates that `bot diag` and /status read; none writes anything."""
    await stage.living.desk.preview(stage.request())
    await stage.living.desk.pipeline.entry_checks(stage.request(), stage.wallet)
    await stage.living.desk.pipeline.closed_by_loss(stage.user)


async def _hold_and_steal(stage: Stage) -> None:
    await stage.hold()
    stage.steal()


async def _moved_by_others(stage: Stage) -> None:
    """Somebody puts SOL in, the owner takes some out without the bot and says so, and a newcomer brings a wallet."""
    stage.orders += 1
    stage.world.chain.call("requestAirdrop", stage.wallet.address, 12_345 + stage.orders)
    await Owner(stage.world, stage.wallet).sends(54_321 + stage.orders)
    await stage.world.user(f"newcomer-{stage.orders}", CALM)
    await exact(stage.living, stage.world)
    await stage.living.guard.acknowledge_outflow(stage.user.id)


async def _sold_by_others(stage: Stage) -> None:
    """The owner sells what the bot holds for him, past the bot, and says so."""
    for held in await stage.world.store.open_positions():
        await Owner(stage.world, stage.wallet).sells(stage.living, held.mint, held.token_raw)
    await stage.flat()
    await exact(stage.living, stage.world)
    await stage.living.guard.acknowledge_outflow(stage.user.id)


async def _taken_back(stage: Stage) -> None:
    """The network takes back the block of the fill, and the same bytes land again; the books are compared meanwhile."""
    chain, store = stage.world.chain, stage.world.store
    newest = max(trade.fill.slot for trade in store._trades.values())
    chain.fork(chain.cluster.chain.position.slot - newest + 1, lost_percent=0)
    stage.living.supervisor("money").kill("reconciler")
    await stage.final()


async def _nothing(_: Stage) -> None:
    await trio.lowlevel.checkpoint()


_SENT = Doom("Pipeline._submit: store.mark_sent", after=True)
_PLANNED = Doom("Pipeline._sign: store.record_attempt", after=False)
_LEFT = Doom("Pipeline._send: chain.send", after=True)
_SIGNED = Doom("Pipeline._sign: store.record_attempt", after=True)

FINALITY = ("Finality.look", "Finality._reverse", "Reconciler._stands")
BY_OTHERS = ("Reconciler._moved", "Reconciler._position")
LEDGER = (
    "LedgerAudit._open",
    "LedgerAudit._explain",
    "LedgerAudit.foreign",
    "LedgerAudit._note",
    "OrderedCauses._end",
)

SCENARIOS = (
    Scenario("buy", Stage.new_token, _buy),
    Scenario("buy by itself", Stage.new_token, _buy_by_itself, only=("SaleTrials._tried", "Pipeline._submit")),
    Scenario("limited holders", _limit_holders, _buy, only=("Quoting._refuse_holders",)),
    Scenario("sell", Stage.hold, _sell),
    Scenario("partial sell", Stage.hold, _sell_part),
    Scenario("panic", Stage.hold, _panic),
    Scenario("panic in congestion", Stage.hold, _panic_in_congestion, only=("Pipeline.again",)),
    Scenario("panic too late", Stage.hold, _panic_too_late, only=("Pipeline._prepare",)),
    Scenario("flatten", Stage.hold, _flatten),
    Scenario("pause and resume", Stage.hold, _pause_and_resume),
    Scenario("stop loss", _hold_with_stop, _stop_loss),
    Scenario("buy more", Stage.hold, _buy),
    Scenario("sold too late", Stage.hold, _sell_too_late),
    Scenario("sale in a pool", _hold_in_pool, _sell, only=("Pipeline._sign", "Pipeline._send", "Confirmer._settle")),
    Scenario("panic over a migration", Stage.hold, _panic_over_a_migration, only=("Pipeline.again", "Quoting._sale")),
    Scenario("given up", Stage.new_token, _unknown_token),
    Scenario("look ahead", Stage.new_token, _look_ahead),
    Scenario("boot with a planned buy", Stage.new_token, _buy, _PLANNED),
    Scenario("boot with a signed buy", Stage.new_token, _buy, _SIGNED),
    Scenario("boot with a sent sale", Stage.hold, _sell, _SENT),
    # By then the endpoints' caches of statuses have forgotten it, and only their history knows that it landed.
    Scenario(
        "boot long after a landed buy",
        Stage.new_token,
        _buy,
        _LEFT,
        down_s=90.0,
        only=("Confirmer._ask_history", "Confirmer._settle"),
    ),
    Scenario("never lands", Stage.new_token, _never_lands, only=("Confirmer._ask_history", "Confirmer._expire")),
    Scenario("taken back", Stage.hold, _taken_back, only=FINALITY, forks=True),
    Scenario("moved by others", _nothing, _moved_by_others, only=LEDGER),
    Scenario("sold by others", Stage.hold, _sold_by_others, only=BY_OTHERS, clean=False),
    Scenario(
        "tokens gone", _hold_and_steal, _nothing, Doom("Confirmer.adopt: store.in_flight", after=True), clean=False
    ),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
