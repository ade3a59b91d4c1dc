"""One cell of the outage matrix: one or two faults that begin in the middle of an order, and what became of everything.

Three people use the bot: one holds a token with a stop-loss, one's order is under way when the faults begin, and one
snipes. While the faults last the held token collapses, a token comes out that the sniper would buy, and the second one
asks to buy another. Then the faults end, nobody does anything, and the bot must be well again by itself.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

import trio

from bot.errors import BotError
from bot.ports import Submitted, User, Wallet
from bot.trading.intent import Context, Intent, Side
from bot.trading.limits import UserSettings
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.outages.faults import Fault, Stops
from tests.outages.world import OutageWorld, make_outage_world
from tests.simulation.books import audit
from tests.simulation.determinism import Trace, run_seeded
from tests.whole.audit import UNFINISHED_RUNS
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import bought, open_for_entries, running_bot

KEEPS = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None, slippage_sell_bps=2_000)
STOPS = replace(KEEPS, stop_loss_bps=1_000)
SNIPES = replace(KEEPS, snipe_enabled=True, max_hold_s=10, slippage_buy_bps=2_000)
SPEND_LAMPORTS = LAMPORTS_PER_SOL // 10
WHALE, CROWD = 50, range(60, 74)
SLOT_S = 0.4
OBSERVE_S = 2.0

# Seconds from the moment when the faults begin.
COLLAPSES_S = 4.0
LAUNCHES_S = 6.0
ASKS_S = 13.0
SEEN_WITHIN_S = 8.0  # by then the bot knows: a probe each second, 2 s for its answer, 3 s of silence for each stream
ENDS_S = 24.0  # before an outage of all RPC is critical, which takes a person to end

SOLD_AFTER_S = 30.0  # from the end of the faults, where no route was left while they lasted
WELL_WITHIN_S = 240.0  # an order that never lands is proven expired after about 80 s; dwell times double
LOOK_S = 0.2
SEED = 1


class Moment(Enum):
    """What is under way when the faults begin: its bytes are signed and committed, and have not left."""

    ENTRY = "mid-entry"
    EXIT = "mid-exit"


@dataclass(frozen=True, slots=True)
class Cell:
    """One or two faults, and the moment at which they begin."""

    faults: tuple[Fault, ...]
    moment: Moment

    def __str__(self) -> str:
        return f"{' + '.join(fault.name for fault in self.faults)}, {self.moment.value}"

    @property
    def stops(self) -> Stops:
        return max((fault.stops for fault in self.faults), key=lambda stops: stops.value)

    @property
    def has_route(self) -> bool:
        return all(fault.has_route for fault in self.faults)


@dataclass(slots=True)
class Outcome:
    """What happened in a cell; seconds count from the beginning of the faults. `wrong` is empty when all held.
    `order` is the state that the order under way ended in, `asked` what the one who asked to buy was told.
    """

    cell: Cell
    wrong: list[str] = field(default_factory=list)
    paused: set[str] = field(default_factory=set)
    paused_after_s: float | None = None
    sold_after_s: float | None = None
    well_after_s: float | None = None
    order: str = ""
    asked: str = ""
    sniped: int = 0


def play(cell: Cell) -> tuple[Outcome, Trace]:
    """Play one cell in virtual time, with the trace of its log; the same cell is played alike each time."""
    outcome = Outcome(cell)

    async def main() -> None:
        await _Scene(cell, outcome, make_outage_world(SEED)).run()

    _, trace = run_seeded(SEED, main)
    return outcome, trace


@dataclass(slots=True)
class _Scene:
    cell: Cell
    outcome: Outcome
    world: OutageWorld
    began_s: float = 0.0
    began: trio.Event = field(default_factory=trio.Event)
    people: dict[str, tuple[User, Wallet]] = field(default_factory=dict)
    crowd: Crowd = field(init=False)
    held: str = ""
    traded: str = ""

    def __post_init__(self) -> None:
        self.crowd = Crowd(self.world.chain)
        self.world.rules["telegram"] = replace(self.world.rules["telegram"], pauses_after_ms=5_000)

    async def run(self) -> None:
        await self.world.store.bind_genesis(self.world.chain.call("getGenesisHash"))
        for name, settings in (("holder", STOPS), ("trader", KEEPS), ("hunter", SNIPES)):
            self.people[name] = await self.world.user(name, settings)
        for trader in (1, WHALE, *CROWD):
            self.crowd._trader(trader)
        await self.world.boot()
        async with running_bot(self.world, observe_s=OBSERVE_S) as bot:
            await open_for_entries(bot)
            await self._prepared(bot)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._under_way, bot)
                with trio.fail_after(10):
                    await self.began.wait()
                nursery.start_soon(self._market)
                nursery.start_soon(self._asks, bot)
                nursery.start_soon(self._looks_at_the_pause, bot)
                nursery.start_soon(self._looks_at_the_stop_loss)
                await trio.sleep_until(self.began_s + ENDS_S)
                for fault in self.cell.faults:
                    fault.end(self.world)
                await self._well(bot)
                nursery.cancel_scope.cancel()
            if not self.outcome.wrong:
                await self._trades_again(bot)
            self._judged(bot)

    # --------------------------------------------------------------------------------------------------- what happens

    async def _prepared(self, bot: TradingBot) -> None:
        """One holds a token that a whale holds up, and in a cell mid-exit the other one holds what he will sell."""
        self.held = self.crowd.launch()
        self.traded = self.crowd.launch()
        await trio.sleep(0.9)
        self.crowd.buy(self.held, WHALE, 5 * LAMPORTS_PER_SOL)
        await trio.sleep(0.9)
        await self._orders(bot, "holder", self.held, "held", buys=True)
        await bought(self.world, 1)
        if self.cell.moment is Moment.EXIT:
            await self._orders(bot, "trader", self.traded, "bought", buys=True)
            await bought(self.world, 2)
        ahead = [fault for fault in self.cell.faults if fault.ahead_slots]
        for fault in ahead:
            fault.begin(self.world)
        await trio.sleep(max((fault.ahead_slots for fault in ahead), default=0) * SLOT_S)
        self.world.postgres.after = self._on_answer

    def _on_answer(self, method: str, _arguments: tuple[object, ...]) -> None:
        """The faults begin when the bytes of the order are committed."""
        if method != "record_attempt" or self.began.is_set():
            return
        self.began_s = trio.current_time()
        for fault in self.cell.faults:
            if not fault.ahead_slots:
                fault.begin(self.world)
        self.began.set()

    async def _orders(self, bot: TradingBot, who: str, mint: str, key: str, *, buys: bool) -> str:
        user, wallet = self.people[who]
        amounts = {"spend_lamports": SPEND_LAMPORTS} if buys else {"share_bps": BPS}
        try:
            answer = await bot.desk.submit(order(user, wallet, mint, key=key, **amounts))
        except BotError as error:
            return f"{type(error).__name__}: {error}"
        return "submitted" if isinstance(answer, Submitted) else f"refused: {answer.reason}"

    async def _under_way(self, bot: TradingBot) -> None:
        await self._orders(bot, "trader", self.traded, "under way", buys=self.cell.moment is Moment.ENTRY)

    async def _market(self) -> None:
        await trio.sleep_until(self.began_s + COLLAPSES_S)
        self.crowd.sell_all(self.held, WHALE)
        await trio.sleep_until(self.began_s + LAUNCHES_S)
        mint = self.crowd.launch()
        await trio.sleep(0.5)
        await self.crowd.rush(mint, CROWD, LAMPORTS_PER_SOL // 2, gap_s=0.15)

    async def _asks(self, bot: TradingBot) -> None:
        await trio.sleep_until(self.began_s + ASKS_S)
        self.outcome.asked = await self._orders(bot, "holder", self.traded, "asked", buys=True)

    # ------------------------------------------------------------------------------------------------- what is looked at

    async def _looks_at_the_pause(self, bot: TradingBot) -> None:
        """Entries that must stop are paused from `SEEN_WITHIN_S` to the end of the faults."""
        user_id = self.people["holder"][0].id
        bound = {Stops.EVERYTHING: Context.MANUAL_COMMAND, Stops.AUTOMATED: Context.SNIPER}.get(self.cell.stops)
        while trio.current_time() < self.began_s + ENDS_S:
            since_s = trio.current_time() - self.began_s
            self.outcome.paused.update(bot.guard.covering(user_id, Context.SNIPER))
            covering = () if bound is None else bot.guard.covering(user_id, bound)
            if covering and self.outcome.paused_after_s is None:
                self.outcome.paused_after_s = since_s
            if bound is not None and not covering and since_s > SEEN_WITHIN_S:
                self.outcome.wrong.append(f"{since_s:.1f} s into it nothing pauses a {bound.value}")
                return
            await trio.sleep(LOOK_S)

    async def _looks_at_the_stop_loss(self) -> None:
        while self._held_raw("holder", self.held):
            await trio.sleep(LOOK_S)
        self.outcome.sold_after_s = trio.current_time() - self.began_s

    def _held_raw(self, who: str, mint: str) -> int:
        """What the chain shows, past every fault."""
        address = self.people[who][1].address
        config = {"encoding": "base64", "commitment": "processed"}
        answer = self.world.chain.call("getTokenAccountsByOwner", address, {"mint": mint}, config)
        datas = [base64.b64decode(entry["account"]["data"][0]) for entry in answer["value"]]
        return sum(int.from_bytes(data[64:72], "little") for data in datas)

    async def _well(self, bot: TradingBot) -> None:
        """Nobody does anything: by itself the bot opens, settles what was under way and sells what had to be sold."""
        with trio.move_on_after(WELL_WITHIN_S) as waiting:
            while self._unwell(bot):
                await trio.sleep(LOOK_S)
        self.outcome.well_after_s = trio.current_time() - self.began_s
        if waiting.cancelled_caught:
            self.outcome.wrong.append(f"not well after {WELL_WITHIN_S:.0f} s: {'; '.join(self._unwell(bot))}")

    def _unwell(self, bot: TradingBot) -> list[str]:
        store = self.world.store
        told = {
            f"the state is {bot.guard.state}": bot.guard.state != "OPEN",
            f"paused by {[cause.name for cause in bot.guard.causes()]}": bool(bot.guard.causes()),
            "the books are not compared": not bot.reconciler.reconciled,
            f"on their way: {sorted(store._moving)}": bool(store._moving),
            "exits come from memory": self.world.exits_from_memory(),
            "records wait in the journal": self.world.journal.records() != (),
            "the token with the stop-loss is held": bool(self._held_raw("holder", self.held)),
            "snipe runs have not ended": any(run.status in UNFINISHED_RUNS for run in store._runs.values()),
            "messages are owed": any(store._is_due(message_id) for message_id in store._outbox),
        }
        return [why for why, is_so in told.items() if is_so]

    async def _trades_again(self, bot: TradingBot) -> None:
        """Whoever buys and sells now is served."""
        mint = self.crowd.launch()
        await trio.sleep(1.2)
        told = await self._orders(bot, "trader", mint, "again", buys=True)
        with trio.move_on_after(10):
            while not self._held_raw("trader", mint):
                await trio.sleep(LOOK_S)
        await trio.sleep(2)
        await self._orders(bot, "trader", mint, "and out", buys=False)
        with trio.move_on_after(20) as waiting:
            while self.world.store._moving or self._held_raw("trader", mint):
                await trio.sleep(LOOK_S)
        if waiting.cancelled_caught or told != "submitted":
            self.outcome.wrong.append(f"a buy and a sale afterwards: {told}")

    # --------------------------------------------------------------------------------------------------------- judged

    def _judged(self, bot: TradingBot) -> None:
        outcome = self.outcome
        outcome.wrong += self._came_too_late()
        outcome.wrong += self._entered_in_spite_of_it()
        outcome.wrong += [f"{report.path} crashed: {report.reason}" for report in self.world.reports]
        outcome.wrong += audit(self.world.store, self.world.chain)
        if bot.guard.halt is not None:
            outcome.wrong.append("the halt is latched")
        (under_way,) = [row for row in self.world.store._intents.values() if row.request.key == "under way"]
        outcome.order = under_way.state.value

    def _came_too_late(self) -> Iterator[str]:
        """A stop-loss that waited though there was a route, and a buy that was refused though nothing had to stop."""
        if self.cell.stops is Stops.NOTHING and self.outcome.asked != "submitted":
            yield f"nothing has to stop, yet who asked to buy was told: {self.outcome.asked}"
        sold_s = self.outcome.sold_after_s
        latest_s = ENDS_S if self.cell.has_route else ENDS_S + SOLD_AFTER_S
        if sold_s is None or sold_s > latest_s:
            told = "never" if sold_s is None else f"after {sold_s:.1f} s"
            yield f"the stop-loss fired {told}, and it could have by {latest_s:.0f} s"

    def _entered_in_spite_of_it(self) -> Iterator[str]:
        """Entries that were admitted while they had to be stopped, and whatever was bought or sold twice."""
        trades = list(self.world.store._trades.values())
        out_of_held = [t for t in trades if t.intent.request.mint == self.held and t.fill.side is Side.SELL]
        if len(out_of_held) != 1:
            yield f"the stop-loss is in the books {len(out_of_held)} times"
        hunter = self.people["hunter"][0].id
        mints = [t.intent.request.mint for t in trades if self._is_sniped(t.intent, hunter)]
        self.outcome.sniped = len(mints)
        if len(mints) != len(set(mints)):
            yield f"sniped twice: {mints}"
        epoch_ms = self.world.clock.now_ms() - round(trio.current_time() * 1000)
        for intent in self.world.store._intents.values():
            since_s = (intent.created_at_ms - epoch_ms) / 1000 - self.began_s
            late = SEEN_WITHIN_S < since_s < ENDS_S and intent.request.side is Side.BUY
            automated = intent.request.context is not Context.MANUAL_COMMAND
            if late and (self.cell.stops is Stops.EVERYTHING or (automated and self.cell.stops is Stops.AUTOMATED)):
                yield f"buy {intent.request.key} was admitted {since_s:.1f} s into it"

    @staticmethod
    def _is_sniped(intent: Intent, hunter: str) -> bool:
        return intent.request.user_id == hunter and intent.request.side is Side.BUY
