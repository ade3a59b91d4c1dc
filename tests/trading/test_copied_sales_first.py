"""What a leader sells is decided and ordered at once, whatever his buys, or those of others, wait for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from bot.clock import virtual_clock
from bot.errors import StoreUnavailable
from bot.execution.copy_book import CopyBook, Fate
from bot.execution.copy_decisions import VENUE_S, CopyDecisions, in_turn
from bot.execution.copy_orders import HANDED_AT_ONCE, SALE_MS, CopyOrders
from bot.execution.in_flight import InFlight
from bot.ports import Chain, Desk, OutboxMessage, Store, WalletSignal
from bot.storage.memory import MemoryStore
from bot.trading.copying import LATE_MS, Copy, CopyCaps, CopyFilter, CopyRule, CopyState, Sizing
from bot.trading.curve import Curve
from bot.trading.intent import Context, IntentState, Side, TradeRequest
from bot.trading.ladder import FIRST_RUNG, Rung
from bot.trading.risk_gate import Refused
from tests.storage.storage_samples import buy, enrol, fill_of, sell, sent, settled

EPOCH_MS = 1_790_000_000_000
SOL = 10**9
LEADER, HELD = "LeaderA", "MintHeld"
WIDE = CopyCaps(*(6 * [100 * SOL]))


async def never_frozen(user_id: str, wallet_id: str) -> bool:
    """Of a guard that freezes nobody."""
    return False


@dataclass(slots=True)
class HangingMarket:
    """Answers about one token, and about no other."""

    hangs_s: float = 0
    read: list[str] = field(default_factory=list)

    async def venue(self, mint: str) -> Curve:
        self.read.append(mint)
        if mint != HELD:
            await trio.sleep_forever()
        await trio.sleep(self.hangs_s)
        return Curve(10**15, 500 * SOL, 10**15, 100 * SOL, complete=False, creator="Maker", slot=1)


@dataclass(slots=True)
class Scene:
    """One follower of one leader; `owed` has what was decided, and when."""

    store: MemoryStore
    market: HangingMarket
    decisions: CopyDecisions
    owed: list[tuple[Copy, float]] = field(default_factory=list)
    told: int = 0

    async def trades(self, side: Side, mint: str, *, ago_ms: int = 0) -> WalletSignal:
        self.told += 1
        now_ms = self.decisions.clock.now_ms()
        signal = WalletSignal(
            LEADER, mint, side, 10**9, SOL, self.told, now_ms // 1000, f"lead-{self.told}", 0,
            0 if side is Side.BUY else 10**9, now_ms - ago_ms,
        )  # fmt: skip
        assert await self.store.record_signal(signal)
        return signal

    async def decides(self) -> None:
        began_s = trio.current_time()
        await self.decisions.decide_due(
            lambda copies: self.owed.extend((one, trio.current_time() - began_s) for one in copies)
        )

    def sold_after_s(self, mint: str) -> float:
        [after_s] = [after_s for one, after_s in self.owed if (one.mint, one.side) == (mint, Side.SELL)]
        return after_s


async def followed() -> Scene:
    store, market = MemoryStore(), HangingMarket()
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    wallet = await enrol(store)
    rule = CopyRule(
        "rule", "rule", wallet.user_id, wallet.id, wallet.mode, LEADER, LEADER, Sizing.FIXED, SOL // 10, WIDE,
        CopyFilter(least_lamports=0, again=True), clock.now_ms() - 2 * LATE_MS,
    )  # fmt: skip
    assert await store.place_copy_rule(rule, most=9)
    return Scene(store, market, CopyDecisions(cast(Store, store), cast(Chain, market), clock, lambda: 1))


async def test_a_sale_is_decided_before_buys_whose_market_hangs(autojump_clock: MockClock) -> None:
    scene = await followed()
    await scene.trades(Side.BUY, HELD)
    await scene.decides()
    for number in range(12):
        await scene.trades(Side.BUY, f"Mint{number}")
    await scene.trades(Side.SELL, HELD)
    await scene.decides()
    assert scene.sold_after_s(HELD) == 0


async def test_a_sale_waits_for_its_own_buy_and_for_no_other(autojump_clock: MockClock) -> None:
    scene = await followed()
    for number in range(12):
        await scene.trades(Side.BUY, f"Mint{number}")
    await scene.trades(Side.BUY, HELD)
    await scene.trades(Side.SELL, HELD)
    await scene.decides()
    assert [(one.mint, one.side) for one, _ in scene.owed] == [(HELD, Side.BUY), (HELD, Side.SELL)]
    assert scene.sold_after_s(HELD) == 0


async def test_a_sale_that_comes_while_buys_are_decided_waits_for_one_of_them(autojump_clock: MockClock) -> None:
    scene = await followed()
    await scene.trades(Side.BUY, HELD)
    await scene.decides()
    for number in range(12):
        await scene.trades(Side.BUY, f"Mint{number}")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.decides)
        await trio.sleep(VENUE_S / 2)
        await scene.trades(Side.SELL, HELD)
    assert scene.sold_after_s(HELD) == VENUE_S


async def test_the_market_of_a_buy_that_is_late_already_is_not_read(autojump_clock: MockClock) -> None:
    scene = await followed()
    for number in range(3):
        await scene.trades(Side.BUY, f"Mint{number}", ago_ms=LATE_MS + 1)
    await scene.decides()
    assert scene.market.read == []
    assert [told.copy.code for told in await scene.store.copies_of("u-ada", 9)] == ["late"] * 3


def signal(side: Side, mint: str, leader: str = LEADER) -> WalletSignal:
    return WalletSignal(leader, mint, side, 1, 1, 1, 1, f"{leader} {mint} {side.value}")


@pytest.mark.parametrize(
    ("recorded", "decided"),
    [
        ("bA bB", "bA bB"),
        ("bA sB", "sB bA"),
        ("bA bB sB", "bB sB bA"),
        ("sA bA sA bB sB", "sA bA sA bB sB"),
        ("bC bA sB sA bA", "sB bA sA bA bC"),
    ],
)
def test_swaps_of_one_token_stay_in_their_order(recorded: str, decided: str) -> None:
    sides = {"b": Side.BUY, "s": Side.SELL}
    due = [signal(sides[word[0]], word[1]) for word in recorded.split()]
    assert " ".join(f"{one.side.value[0]}{one.mint}" for one in in_turn(due)) == decided


def test_what_another_leader_buys_keeps_no_sale_waiting() -> None:
    due = [signal(Side.BUY, "A", "LeaderB"), signal(Side.SELL, "A")]
    assert in_turn(due) == due[::-1]


@dataclass(slots=True)
class SlowDesk:
    """Never answers a buy; of a sale nothing is left to sell."""

    buys: int = 0

    async def submit(self, request: TradeRequest, rung: Rung = FIRST_RUNG) -> Refused:
        if request.side is Side.BUY:
            self.buys += 1
            await trio.sleep_forever()
        return Refused("nothing_to_sell", "nothing is left of it")


async def test_a_sale_is_ordered_while_the_desk_answers_no_buy(autojump_clock: MockClock) -> None:
    scene = await followed()
    desk, clock = SlowDesk(), scene.decisions.clock
    orders = CopyOrders(
        cast(Store, scene.store), cast(Desk, desk), InFlight(), clock, scene.decisions.look, never_frozen
    )
    await scene.trades(Side.BUY, HELD)
    await scene.decides()
    [(bought, _)] = scene.owed
    async with trio.open_nursery() as nursery:
        for _ in range(HANDED_AT_ONCE):
            nursery.start_soon(orders.see_through, bought)
        await trio.sleep(1)
        assert desk.buys == HANDED_AT_ONCE
        with trio.fail_after(5):
            async with orders.sales_at_once:
                pass
        nursery.cancel_scope.cancel()


async def test_a_buy_that_was_decided_while_its_user_left_the_leader_is_not_ordered(autojump_clock: MockClock) -> None:
    scene = await followed()
    desk, clock = SlowDesk(), scene.decisions.clock
    orders = CopyOrders(
        cast(Store, scene.store), cast(Desk, desk), InFlight(), clock, scene.decisions.look, never_frozen
    )
    book = CopyBook(cast(Store, scene.store), clock, trio.lowlevel.checkpoint, lambda: None)
    [rule] = await scene.store.copy_rules()
    scene.market.hangs_s = VENUE_S / 2
    await scene.trades(Side.BUY, HELD)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.decides)
        await trio.sleep(VENUE_S / 4)
        assert await book.stop(rule, Fate.SELL, "you stopped it") == 0
    [(bought, _)] = scene.owed
    with trio.fail_after(5):
        await orders.see_through(bought)
    [told] = await scene.store.copies_of(rule.user_id, 9)
    assert (told.copy.state, told.copy.code, told.copy.reason) == (CopyState.REFUSED, "leaving", "you stopped it")
    assert desk.buys == 0


async def hold_a_copy(scene: Scene) -> None:
    """A copied buy that has filled, and is held."""
    await scene.trades(Side.BUY, HELD)
    await scene.decides()
    copy, _ = scene.owed.pop()
    [wallet] = await scene.store.wallets(copy.user_id)
    request = replace(buy(copy.key, wallet, mint=HELD, mode=copy.mode, context=Context.COPY_TRADE), key=copy.key)
    await sent(scene.store, request)
    await settled(scene.store, request, fill_of(request))
    assert await scene.store.move_copy(replace(copy, state=CopyState.ORDERED))


@dataclass(slots=True)
class BusyDesk:
    """Is busy for a while, and then says that nothing is left to sell."""

    until_s: float
    asked: int = 0

    async def submit(self, request: TradeRequest, rung: Rung = FIRST_RUNG) -> Refused:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        if trio.current_time() < self.until_s:
            return Refused("busy", "try again")
        return Refused("nothing_to_sell", "nothing is left of it")


async def test_a_sale_that_a_life_finds_owed_is_tried_however_long_nobody_was_there(autojump_clock: MockClock) -> None:
    scene = await followed()
    await hold_a_copy(scene)
    ends = []
    for busy_s in (SALE_MS / 2_000, SALE_MS / 500):
        await scene.trades(Side.SELL, HELD)
        await scene.decides()
        sale, _ = scene.owed.pop()
        await trio.sleep(SALE_MS / 500)
        desk = BusyDesk(trio.current_time() + busy_s)
        orders = CopyOrders(
            cast(Store, scene.store),
            cast(Desk, desk),
            InFlight(),
            scene.decisions.clock,
            scene.decisions.look,
            never_frozen,
        )
        await orders.see_through(sale)
        [told] = await scene.store.copies_of(sale.user_id, 1)
        ends.append((told.copy.code, desk.asked > 1))
    assert ends == [("nothing_to_sell", True), ("given_up", True)]


async def test_a_sale_that_was_seen_before_its_rule_began_by_a_clock_that_went_back_is_owed(
    autojump_clock: MockClock,
) -> None:
    scene = await followed()
    await hold_a_copy(scene)
    [rule] = await scene.store.copy_rules()
    await scene.trades(Side.SELL, HELD, ago_ms=scene.decisions.clock.now_ms() - rule.since_ms + 60_000)
    await scene.decides()
    [(sale, _)] = scene.owed
    assert (sale.side, sale.rule_id) == (Side.SELL, rule.id)


@dataclass(slots=True)
class FullDisk:
    """The store on a disk that takes no write about copies for a while."""

    store: MemoryStore
    until_s: float

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    async def move_copy(self, after: Copy, message: OutboxMessage | None = None) -> bool:
        await trio.lowlevel.checkpoint()
        if trio.current_time() < self.until_s:
            raise StoreUnavailable("the database: no space left on its disk")
        return await self.store.move_copy(after, message)


async def test_an_order_that_came_to_nothing_counts_once_however_often_that_cannot_be_written(
    autojump_clock: MockClock,
) -> None:
    """And a sale is not given up for the time in which the store was away."""
    scene = await followed()
    await hold_a_copy(scene)
    await scene.trades(Side.SELL, HELD)
    await scene.decides()
    sale, _ = scene.owed.pop()
    [wallet] = await scene.store.wallets(sale.user_id)
    request = replace(sell(sale.key, wallet, mint=HELD, mode=sale.mode, context=Context.COPY_TRADE), key=sale.key)
    intent = await sent(scene.store, request)
    now_ms = scene.decisions.clock.now_ms()
    await scene.store.close_unfilled(intent.id, IntentState.EXPIRED, "it did not land", now_ms=now_ms)
    began_s = trio.current_time()
    store = FullDisk(scene.store, began_s + 2 * SALE_MS / 1000)
    desk = BusyDesk(0.0)
    orders = CopyOrders(
        cast(Store, store), cast(Desk, desk), InFlight(), scene.decisions.clock, scene.decisions.look, never_frozen
    )
    await orders.see_through(sale)
    [told] = await scene.store.copies_of(sale.user_id, 1)
    assert (told.copy.code, told.copy.tries, desk.asked) == ("nothing_to_sell", 1, 1)
    assert scene.decisions.look.refused["nothing_to_sell"] == 1
