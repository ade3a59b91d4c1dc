"""Standing orders through the whole bot in virtual time: each turn fires once, whatever comes in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import SealedKey, Submitted, User, Wallet
from bot.trading.curve import Fees
from bot.trading.intent import Mode, Side
from bot.trading.limits import UserSettings
from bot.trading.position import Position
from bot.trading.standing import (
    PRICED_RAW,
    StandingKind,
    StandingOrder,
    StandingState,
    cancelled,
)
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.trading.venue import quote_buy, quote_sell
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.false_prices import FalsePrices
from tests.whole.test_one_trade import order as by_hand
from tests.whole.virtual import World, make_world, open_for_entries, running_bot, until

CALM = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None, slippage_buy_bps=1_500)
SPEND_LAMPORTS = LAMPORTS_PER_SOL // 10


@dataclass(slots=True)
class Scene:
    """One user, one token that others trade, and the standing orders that he places."""

    world: World
    crowd: Crowd
    user: User
    wallet: Wallet
    bot: TradingBot
    mint: str
    placed: int = 0
    pumped: int = 0
    fees: Fees = field(default_factory=Fees)

    async def price_now(self) -> int:
        """Lamports that a million tokens cost by a buy of SPEND_LAMPORTS."""
        venue = await self.bot.adapters.chain.venue(self.mint)
        return SPEND_LAMPORTS * PRICED_RAW // quote_buy(venue, SPEND_LAMPORTS, self.fees).token_raw

    async def bid_now(self, token_raw: int) -> int:
        """Lamports that a sale of so many brings for a million tokens."""
        venue = await self.bot.adapters.chain.venue(self.mint)
        return quote_sell(venue, token_raw, self.fees).received_lamports * PRICED_RAW // token_raw

    async def holds(self) -> Position:
        """Buy by hand."""
        bought = await self.bot.desk.submit(by_hand(self.user, self.wallet, self.mint, spend_lamports=SPEND_LAMPORTS))
        assert isinstance(bought, Submitted)
        await until(lambda: len(self.bot.looks) > 0, within_s=20)
        return await self.position()

    async def position(self) -> Position:
        [position] = await self.world.store.open_positions()
        return position

    async def traded(self) -> tuple[int, int]:
        """How many buys and sales are in the books."""
        day = await self.world.store.day(0)
        return day.buys, day.sells

    async def row(self, placed: StandingOrder) -> StandingOrder:
        row = await self.world.store.standing_order(placed.id)
        assert row is not None
        return row

    async def place(self, price_lamports: int, *, token_raw: int = 0, lapses_at_ms: int | None = None) -> StandingOrder:
        self.placed += 1
        now_ms = self.world.clock.now_ms()
        order = StandingOrder(
            id=f"standing-{self.placed}",
            code=f"code{self.placed:04}",
            user_id=self.user.id,
            wallet_id=self.wallet.id,
            mode=Mode.LIVE,
            kind=StandingKind.LIMIT_SELL if token_raw else StandingKind.LIMIT_BUY,
            mint=self.mint,
            price_lamports=price_lamports,
            created_at_ms=now_ms,
            due_at_ms=now_ms,
            spend_lamports=0 if token_raw else SPEND_LAMPORTS,
            token_raw=token_raw,
            lapses_at_ms=lapses_at_ms,
        )
        assert await self.world.store.place_standing(order, most_open=20)
        await self.bot.hunt.standing_changed(order.id)
        return order

    async def repeats(self, turns: int, interval_s: int) -> StandingOrder:
        """A buy of SPEND_LAMPORTS so many times, the first at once."""
        self.placed += 1
        now_ms = self.world.clock.now_ms()
        order = StandingOrder(
            id=f"standing-{self.placed}",
            code=f"code{self.placed:04}",
            user_id=self.user.id,
            wallet_id=self.wallet.id,
            mode=Mode.LIVE,
            kind=StandingKind.DCA,
            mint=self.mint,
            price_lamports=0,
            created_at_ms=now_ms,
            due_at_ms=now_ms,
            spend_lamports=SPEND_LAMPORTS,
            turns=turns,
            interval_ms=interval_s * 1000,
        )
        assert await self.world.store.place_standing(order, most_open=20)
        await self.bot.hunt.standing_changed(order.id)
        return order

    async def becomes(self, order: StandingOrder, state: StandingState, *, within_s: float = 60) -> StandingOrder:
        with trio.fail_after(within_s):
            while (row := await self.world.store.standing_order(order.id)) is None or row.state is not state:
                await trio.sleep(0.1)
        return row

    async def waits_for(self, order: StandingOrder, code: str, *, within_s: float = 60) -> StandingOrder:
        with trio.fail_after(within_s):
            while (row := await self.world.store.standing_order(order.id)) is None or row.why_code != code:
                await trio.sleep(0.1)
        return row

    def pumps(self) -> None:
        """Somebody buys for 8 SOL; never twice the same bytes, which a chain takes once."""
        self.pumped += 1
        self.crowd.buy(self.mint, 2, 8 * LAMPORTS_PER_SOL + self.pumped)

    def dumps(self) -> None:
        self.crowd.sell_all(self.mint, 2)

    def told(self, words: str) -> list[str]:
        return [line for line in self.world.told if words in line]


@asynccontextmanager
async def scene(seed: int, settings: UserSettings = CALM, prices: FalsePrices | None = None) -> AsyncIterator[Scene]:
    """An open bot, and a token that somebody has put 8 SOL into. With `prices` one of three endpoints may lie."""
    world = make_world(InProcessChain(seed=seed, endpoints=1 if prices is None else 3))
    if prices is not None:
        world.endpoints, world.door = 3, prices.door
    user, wallet = await world.user("demo-1", settings)
    crowd = Crowd(world.chain)
    for trader in (1, 2):
        crowd._trader(trader)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        here = Scene(world, crowd, user, wallet, bot, crowd.launch())
        await trio.sleep(1)
        here.pumps()
        await trio.sleep(2)
        yield here
        assert await world.books_equal_chain()
    assert world.reports == []


async def test_a_limit_buy_waits_for_its_price_and_fires_once(autojump_clock: MockClock) -> None:
    async with scene(1) as here:
        order = await here.place(await here.price_now() * 9 // 10)
        await trio.sleep(10)
        assert await here.traded() == (0, 0)
        here.dumps()
        done = await here.becomes(order, StandingState.DONE)
        assert (done.turn, done.is_firing) == (1, False)
        await trio.sleep(20)
        assert await here.traded() == (1, 0)
        [trade] = here.world.store._trades.values()
        assert trade.fill.token_raw >= order.least_token_raw
        assert len(here.told("is sent: its price is there")) == len(here.told("is done: its order is filled")) == 1
        await until(lambda: order.id not in here.bot.supervisor("hunt", "standing_orders").ids(), within_s=5)


async def test_limit_sales_sell_their_parts_at_their_prices_and_for_no_less(autojump_clock: MockClock) -> None:
    async with scene(2) as here:
        position = await here.holds()
        part_raw = position.token_raw // 3
        bid = await here.bid_now(part_raw)
        first = await here.place(bid * 11 // 10, token_raw=part_raw)
        second = await here.place(bid * 30, token_raw=part_raw)
        await trio.sleep(10)
        assert await here.traded() == (1, 0)
        here.pumps()
        await here.becomes(first, StandingState.DONE)
        await trio.sleep(10)
        [sale] = [one for one in here.world.store._trades.values() if one.fill.side is Side.SELL]
        assert sale.fill.token_raw == part_raw
        assert sale.fill.proceeds_lamports + sale.fill.network_fee_lamports >= first.least_lamports(part_raw)
        assert (await here.row(second)).state is StandingState.OPEN
        assert (await here.position()).token_raw == position.token_raw - part_raw


async def test_a_paused_user_s_order_waits_is_told_so_once_and_fires_when_he_resumes(autojump_clock: MockClock) -> None:
    async with scene(3) as here:
        await here.bot.guard.pause_user(here.user.id)
        order = await here.place(await here.price_now() * 11 // 10)
        waiting = await here.waits_for(order, "paused")
        assert waiting.turn == 1
        await trio.sleep(200)
        assert len(here.told("could not be sent: entries are paused")) == 1
        assert await here.traded() == (0, 0)
        await here.bot.guard.resume_user(here.user.id)
        await here.becomes(order, StandingState.DONE, within_s=90)
        assert await here.traded() == (1, 0)


async def test_what_was_taken_back_or_has_lapsed_never_fires(autojump_clock: MockClock) -> None:
    async with scene(4) as here:
        price = await here.price_now() * 9 // 10
        taken_back = await here.place(price)
        lapsing = await here.place(price, lapses_at_ms=here.world.clock.now_ms() + 20_000)
        await trio.sleep(5)
        assert await here.world.store.move_standing(cancelled(taken_back, here.world.clock.now_ms()))
        await here.becomes(lapsing, StandingState.LAPSED)
        here.dumps()
        await trio.sleep(20)
        assert await here.traded() == (0, 0)
        assert len(here.told("its time is over")) == 1


async def test_a_sale_whose_tokens_are_gone_is_given_up(autojump_clock: MockClock) -> None:
    async with scene(5) as here:
        position = await here.holds()
        order = await here.place(await here.bid_now(position.token_raw) * 11 // 10, token_raw=position.token_raw)
        await here.bot.panic(here.user.id)
        with trio.fail_after(60):
            while await here.world.store.open_positions():
                await trio.sleep(0.1)
        here.pumps()
        given_up = await here.becomes(order, StandingState.GIVEN_UP)
        assert given_up.why_code == "nothing_to_sell"
        assert await here.traded() == (1, 1)


async def test_nothing_is_bought_in_a_mode_that_its_user_has_left(autojump_clock: MockClock) -> None:
    async with scene(6) as here:
        elsewhere = Wallet("dry", here.user.id, "Dry" * 10, Mode.DRY_RUN)
        assert await here.world.store.add_wallet(elsewhere, SealedKey("test", b"", b""))
        await here.world.store.set_mode(here.user.id, Mode.DRY_RUN)
        order = await here.place(await here.price_now() * 11 // 10)
        await here.waits_for(order, "other_mode")
        await here.world.store.set_mode(here.user.id, Mode.LIVE)
        await here.becomes(order, StandingState.DONE, within_s=90)


async def test_a_price_that_one_endpoint_made_up_fires_nothing(autojump_clock: MockClock) -> None:
    prices = FalsePrices()
    async with scene(7, prices=prices) as here:
        order = await here.place(await here.price_now() * 8 // 10)
        prices.told_bps = BPS // 2
        await trio.sleep(30)
        assert prices.lies > 0
        assert not (await here.row(order)).is_firing
        assert await here.traded() == (0, 0)
        prices.told_bps = BPS
        here.dumps()
        await here.becomes(order, StandingState.DONE)


async def test_an_order_outlives_its_watch_the_database_and_the_process(autojump_clock: MockClock) -> None:
    async with scene(8) as here:
        order = await here.place(await here.price_now() * 9 // 10)
        here.bot.supervisor("hunt").kill("standing_orders")
        watches = here.bot.supervisor
        await until(
            lambda: here.bot.hunt.incarnations() != () and watches("hunt", "standing_orders").ids() != (), within_s=30
        )
        here.world.database.is_away = True
        here.dumps()
        await trio.sleep(10)
        assert await here.traded() == (0, 0)
        here.world.database.is_away = False
        await here.becomes(order, StandingState.DONE, within_s=120)
        waiting = await here.place(await here.price_now() * 5 // 10)
        world = here.world
        world.reports.clear()
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        assert bot.supervisor("hunt", "standing_orders").ids() == (waiting.id,)
        assert (await world.store.day(0)).buys == 1


async def test_a_repeated_buy_buys_as_often_as_wanted_and_no_oftener(autojump_clock: MockClock) -> None:
    async with scene(9) as here:
        order = await here.repeats(3, 60)
        began_s = trio.current_time()
        await trio.sleep(50)
        assert await here.traded() == (1, 0)
        await here.becomes(order, StandingState.DONE, within_s=200)
        assert 120 <= trio.current_time() - began_s < 150
        await trio.sleep(200)
        assert await here.traded() == (3, 0)
        assert [len(here.told(f"buy {turn} of 3 is sent")) for turn in (1, 2, 3)] == [1, 1, 1]
        assert len(here.told("3 of 3 buys are filled")) == 1
        assert len(await here.world.store.open_positions()) == 1


async def test_what_a_repeated_buy_missed_is_not_made_up_at_once(autojump_clock: MockClock) -> None:
    """He is paused for ten intervals, and then the process is away for ten more."""
    async with scene(10) as here:
        order = await here.repeats(5, 60)
        await trio.sleep(10)
        await here.bot.guard.pause_user(here.user.id)
        await trio.sleep(600)
        assert await here.traded() == (1, 0)
        await here.bot.guard.resume_user(here.user.id)
        await trio.sleep(70)
        assert (await here.traded())[0] in {2, 3}
        world = here.world
        bought_before = (await here.traded())[0]
        assert len(here.told("could not be sent: entries are paused")) == 1
    await trio.sleep(600)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await trio.sleep(40)
        assert (await world.store.day(0)).buys == bought_before + 1
        row = await world.store.standing_order(order.id)
        assert row is not None
        assert await world.store.move_standing(cancelled(row, world.clock.now_ms()))
        await bot.hunt.standing_changed(order.id)
        await trio.sleep(200)
        assert (await world.store.day(0)).buys == bought_before + 1
        assert await world.books_equal_chain()


async def test_an_order_whose_admission_was_written_and_not_answered_is_never_given_twice(
    autojump_clock: MockClock,
) -> None:
    async with scene(11) as here:
        here.world.database.loses.add("admit")
        order = await here.place(await here.price_now() * 11 // 10)
        await until(lambda: here.world.database.is_away, within_s=30)
        await trio.sleep(5)
        here.world.database.is_away = False
        await here.becomes(order, StandingState.DONE, within_s=200)
        await trio.sleep(20)
        assert await here.traded() == (1, 0)
