"""Where a crash is played: a world, one user, the lives of his bot, and what he and the market do in them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import trio
from solders.account import Account
from solders.pubkey import Pubkey

from bot.ports import User, Wallet
from bot.trading.intent import TradeRequest
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.crash.points import point_at, points
from tests.simulation.doors import Call, Life
from tests.simulation.world import ENDPOINTS, DoorWorld, make_door_world
from tests.whole.crowd import Crowd
from tests.whole.false_prices import FalsePrices
from tests.whole.test_one_trade import order
from tests.whole.virtual import until

SPEND_LAMPORTS = LAMPORTS_PER_SOL // 20
CROWD_LAMPORTS = 20 * LAMPORTS_PER_SOL
SETTLED_WITHIN_S = 200.0  # an order that never lands is proven expired after about 80 s
DOWN_S = 1.0  # between two lives; what was sent lands meanwhile
CALM = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
CEILINGS = Ceilings(max_open_positions=10_000)
# Points that every scenario passes now and then, and that one plays.
FINALITY = ("Finality.look", "Finality._reverse", "Reconciler._stands")
AFTER_ALL = ("LandedAfterAll.listed", "LandedAfterAll.take_up")
COMPARED = ("under_way", "_landed_by", "Reconciler._still")


@dataclass(frozen=True, slots=True)
class Doom:
    """A crash before or after one point of the money path."""

    point: str
    after: bool

    def __post_init__(self) -> None:
        assert self.point in points(), f"the money path has no point {self.point!r}"

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
    """One world with one user. `mint` is the token of the episode, `bot` the bot of the life that goes on.

    The endpoint that is asked first tells the reserves that `prices` say.
    """

    world: DoorWorld
    crowd: Crowd
    user: User
    wallet: Wallet
    prices: FalsePrices
    mint: str = ""
    bot: TradingBot | None = None
    orders: int = 0
    traders: Iterator[int] = field(default_factory=lambda: iter(range(100, 100_000)))
    trader: int = 0
    led: list[str] = field(default_factory=list)  # what a copied leader signed

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
        """Wait until no order is on its way or to be made, and none waits for its price, which in every scenario is there."""
        with trio.fail_after(SETTLED_WITHIN_S):
            while self.world.store._moving or await self.world.store.standing_orders() or await self._owes_copies():
                await trio.sleep(0.1)

    async def _owes_copies(self) -> bool:
        """Whether something that a leader did is no copy and no refusal yet."""
        decided = {copy.signature for copy in self.world.store._copies.values()}
        return not decided.issuperset(self.led) or bool(await self.world.store.owed_copies())

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
    prices = FalsePrices(liar=ENDPOINTS[0], delay_s=0.0)
    world.door = prices.door
    await world.store.bind_genesis(world.chain.call("getGenesisHash"))
    user, wallet = await world.user("demo-1", CALM)
    return Stage(world, Crowd(world.chain), user, wallet, prices)


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
        return function in self.only if self.only else function not in {*FINALITY, *COMPARED, *AFTER_ALL}
