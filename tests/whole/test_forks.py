"""What the network takes back before it is final, through the whole bot: the books undo it and settle it once more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import trio
from trio.testing import MockClock

from bot.commands import COMMANDS
from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, User, Wallet
from bot.state_words import StateWords
from bot.telegram.chat import Incoming
from bot.telegram.handlers import TradeHandlers
from bot.trading.intent import IN_FLIGHT, AttemptState, Intent, IntentState
from bot.trading.limits import UserSettings
from bot.trading.position import Position, PositionState
from bot.trading.trading_state import Halt
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.simulation.books import audit
from tests.whole.crowd import Crowd
from tests.whole.ledgers import exact
from tests.whole.outages import incarnations
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, closed, make_world, nothing_stands, open_for_entries, running_bot, until

BY_HAND = UserSettings(snipe_enabled=False, take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
TENTH = LAMPORTS_PER_SOL // 10
PROVEN_WITHIN_S = 60.0  # the slot is final after 13 s, and the only endpoint is asked twice, 13 s apart
EXPIRED_WITHIN_S = 120.0


@dataclass(slots=True)
class Scene:
    """One user with a token that somebody launched long enough ago, and a bot that is open for entries."""

    world: World
    bot: TradingBot
    user: User
    wallet: Wallet
    mint: str

    async def buy(self, key: str = "in") -> None:
        made = await self.bot.desk.submit(order(self.user, self.wallet, self.mint, key=key, spend_lamports=TENTH))
        assert isinstance(made, Submitted), made
        await self.settled(key)

    async def sell(self, key: str = "out", share_bps: int = BPS) -> None:
        made = await self.bot.desk.submit(order(self.user, self.wallet, self.mint, key=key, share_bps=share_bps))
        assert isinstance(made, Submitted), made
        await self.settled(key)

    async def settled(self, key: str) -> None:
        with trio.fail_after(30):
            while (await self.intent(key)).state is not IntentState.FILLED:
                await trio.sleep(0.1)

    async def intent(self, key: str) -> Intent:
        found = await self.world.store.intent_of(key)
        assert found is not None
        return found

    async def becomes(self, key: str, state: IntentState, *, within_s: float = PROVEN_WITHIN_S) -> None:
        with trio.fail_after(within_s):
            while (await self.intent(key)).state is not state:
                await trio.sleep(0.1)

    async def reversed(self, count: int = 1) -> None:
        """Wait until so many fills were taken back in the books."""
        await until(lambda: len(self.world.store._reversals) == count, within_s=PROVEN_WITHIN_S)

    async def final(self) -> None:
        with trio.fail_after(PROVEN_WITHIN_S):
            while await self.world.store.unfinal(1):
                await trio.sleep(0.5)

    async def held(self) -> list[Position]:
        return await self.world.store.open_positions()

    async def sound(self) -> None:
        """The ledger is exact to the lamport, and the audit of real bots has nothing to say."""
        await exact(self.bot, self.world)
        await self.final()
        await self.world.store.bind_genesis(self.world.chain.call("getGenesisHash"))
        assert audit(self.world.store, self.world.chain) == []
        assert not any("adjusted" in line or "does not explain" in line for line in self.world.alerts)

    async def positions(self) -> str:
        """What /positions answers."""
        bot, store = self.bot, self.bot.adapters.store
        words = StateWords(bot.guard, bot.adapters.spool)
        changed = bot.hunt.sniper_changed
        chat = TradeHandlers(
            store, bot.adapters.chain, bot.desk, self.world.clock, bot.panic, changed, words, (), nothing_stands
        )
        command = next(one for one in COMMANDS if one.name == "positions")
        answer = await chat.positions(Incoming(self.user, None, "/positions", "key"), (), command)
        return answer if isinstance(answer, str) else answer.text

    def slots_since(self, fill_key: str) -> int:
        """How many slots a fork must take back to undo this order, and nothing before it."""
        store = self.world.store
        slot = next(row.fill.slot for row in store._trades.values() if row.intent.request.key == fill_key)
        return self.world.chain.cluster.chain.position.slot - slot + 1


@asynccontextmanager
async def playing(settings: UserSettings = BY_HAND) -> AsyncIterator[Scene]:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", settings)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        crowd.buy(mint, 2, 20 * LAMPORTS_PER_SOL)
        await exact(bot, world)
        yield Scene(world, bot, user, wallet, mint)


async def test_what_nothing_happens_to_is_final_soon(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        await scene.buy()
        [landed] = await scene.world.store.unfinal(9)
        assert landed.attempt.landed_slot is not None
        await scene.final()
        [row] = scene.world.store._attempts.values()
        assert (row.state, row.final) == (AttemptState.LANDED, True)
        await scene.sound()
    assert scene.world.store._reversals == []


async def test_a_buy_that_is_gone_for_good_leaves_the_books_as_before_it(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        await scene.buy()
        [position] = await scene.held()
        before = (await scene.world.store.wallet_ledger(scene.wallet.id)).booked_lamports
        scene.world.chain.set_fault("drop-tx", for_s=200)
        scene.world.chain.fork(scene.slots_since("in"), lost_percent=100)
        await scene.reversed()
        assert await scene.held() == []
        gone = await scene.world.store.position(position.id)
        assert gone is not None
        assert (gone.state, gone.token_raw, gone.realized_lamports) == (PositionState.CLOSED, 0, 0)
        assert (await scene.intent("in")).state is IntentState.SENT
        told = await scene.positions()
        assert "buy: sent, not yet proven" in told
        assert "the network took its buy back, so nothing of it is held; it may land again" in told
        await scene.becomes("in", IntentState.EXPIRED, within_s=EXPIRED_WITHIN_S)
        assert (await scene.positions()).endswith("nothing of it is held; it never landed again; nothing was traded")
        scene.world.chain.cluster.all_faults.clear()
        await scene.sound()
        after = (await scene.world.store.wallet_ledger(scene.wallet.id)).booked_lamports
        assert after == before + position.cost_lamports + await rent_of(scene)
        story = await scene.bot.adapters.store.order_story((await scene.intent("in")).id)
        assert story is not None
        assert any(one.entry.evidence for one in story.booked)
        await trio.sleep(2)
    assert any("has taken back the buy" in line for line in scene.world.told)
    assert any("never landed" in line for line in scene.world.told)
    assert any("was taken back by the network" in line for line in scene.world.alerts)


async def rent_of(scene: Scene) -> int:
    """What the fill that was taken back had locked in the token account."""
    [reversal] = scene.world.store._reversals
    await trio.lowlevel.checkpoint()
    return reversal.trade.fill.rent_lamports


async def test_a_buy_that_lands_again_settles_exactly_once_more(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        await scene.buy()
        [first] = await scene.held()
        scene.world.chain.fork(scene.slots_since("in"), lost_percent=0)
        await scene.reversed()
        await scene.settled("in")
        [again] = await scene.held()
        assert again.id != first.id
        await until(lambda: set(scene.bot.looks) == {again.id}, within_s=10)
        await scene.sound()
        assert (await scene.world.store.day(0)).buys == 1
    assert sum("Bought" in line for line in scene.world.told) == 2


async def test_a_reversal_that_the_books_refuse_is_told_tried_again_and_ends_nobody(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        await scene.buy()
        before = incarnations(scene.bot)
        scene.world.database.refused.add("reverse")
        scene.world.chain.set_fault("drop-tx", for_s=200)
        scene.world.chain.fork(scene.slots_since("in"), lost_percent=100)
        refused = "cannot be written into the books (reverse found another state)"
        await until(lambda: any(refused in line for line in scene.world.alerts), within_s=PROVEN_WITHIN_S)
        await trio.sleep(20)
        assert scene.world.store._reversals == []
        assert incarnations(scene.bot) == before
        scene.world.database.refused.clear()
        await scene.reversed()
        await scene.becomes("in", IntentState.EXPIRED, within_s=EXPIRED_WITHIN_S)
        scene.world.chain.cluster.all_faults.clear()
        await scene.sound()


async def test_a_sale_that_is_taken_back_opens_its_position_with_its_monitor(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        await scene.buy()
        [position] = await scene.held()
        await scene.final()
        await scene.sell()
        await closed(scene.world, 1)
        scene.world.chain.set_fault("drop-tx", for_s=200)
        scene.world.chain.fork(scene.slots_since("out"), lost_percent=100)
        await scene.reversed()
        [back] = await scene.held()
        assert (back.id, back.token_raw, back.cost_lamports) == (
            position.id,
            position.token_raw,
            position.cost_lamports,
        )
        await until(lambda: set(scene.bot.looks) == {position.id}, within_s=10)
        scene.world.chain.cluster.all_faults.clear()
        with trio.fail_after(EXPIRED_WITHIN_S):
            while (await scene.intent("out")).state in IN_FLIGHT:
                await trio.sleep(0.5)
        if await scene.held():
            await scene.sell("once more")
        await closed(scene.world, 1)
        await scene.sound()


async def test_an_exit_that_is_taken_back_has_no_second_attempt_before_it_is_proven_dead(
    autojump_clock: MockClock,
) -> None:
    async with playing(replace(BY_HAND, max_hold_s=5)) as scene:
        await scene.buy()
        await closed(scene.world, 1)
        [exit_row] = [row for row in scene.world.store._trades.values() if row.realized_lamports]
        slots = scene.world.chain.cluster.chain.position.slot - exit_row.fill.slot + 1
        scene.world.chain.set_fault("drop-tx", for_s=200)
        scene.world.chain.fork(slots, lost_percent=100)
        await scene.reversed()
        exits = scene.world.store._intents
        with trio.fail_after(EXPIRED_WITHIN_S):
            while exits[exit_row.intent.id].state in IN_FLIGHT:
                rows = [row for row in scene.world.store._attempts.values() if row.intent_id == exit_row.intent.id]
                assert len(rows) == 1
                await trio.sleep(0.5)
        assert exits[exit_row.intent.id].state is IntentState.EXPIRED
        scene.world.chain.cluster.all_faults.clear()
        await closed(scene.world, 1)
        await scene.sound()


async def test_all_that_was_traded_on_top_goes_and_comes_back_with_it(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        await scene.buy()
        await scene.sell("part", share_bps=BPS // 3)
        await scene.buy("more")
        await scene.sell()
        scene.world.chain.fork(min(31, scene.slots_since("in")), lost_percent=0)
        await scene.reversed(4)
        for key in ("in", "part", "more", "out"):
            with trio.fail_after(EXPIRED_WITHIN_S):
                while (await scene.intent(key)).state in IN_FLIGHT:
                    await trio.sleep(0.5)
        told = await scene.positions()
        assert "result 0 SOL" not in told, told
        await scene.sound()


async def test_a_restart_takes_up_what_was_taken_back(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        await scene.buy()
        scene.world.chain.fork(scene.slots_since("in"), lost_percent=100)
    world = scene.world
    async with running_bot(world) as bot:
        again = Scene(world, bot, scene.user, scene.wallet, scene.mint)
        await again.reversed()
        with trio.fail_after(EXPIRED_WITHIN_S):
            while (await again.intent("in")).state in IN_FLIGHT:
                await trio.sleep(0.5)
        await again.sound()


async def test_a_sale_of_a_flatten_that_is_taken_back_is_sold_again_while_halted(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        await scene.buy()
        await scene.final()
        scene.bot.guard.latch(Halt("operator", scene.world.clock.now_ms(), "operator", "a drill"))
        await closed(scene.world, 1)
        [trade] = [row for row in scene.world.store._trades.values() if row.fill.slot and row.realized_lamports]
        slots = scene.world.chain.cluster.chain.position.slot - trade.fill.slot + 1
        scene.world.chain.fork(slots, lost_percent=100)
        await scene.reversed()
        await until(
            lambda: bool(scene.world.store._trades) and not scene.world.store._moving, within_s=EXPIRED_WITHIN_S
        )
        with trio.fail_after(EXPIRED_WITHIN_S):
            while await scene.held() or scene.world.store._moving:
                await trio.sleep(0.5)
        assert await scene.world.books_equal_chain()


async def test_bought_again_after_the_first_was_taken_back(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        await scene.buy()
        scene.world.chain.set_fault("drop-tx", for_s=200)
        scene.world.chain.fork(scene.slots_since("in"), lost_percent=100)
        await scene.becomes("in", IntentState.EXPIRED, within_s=EXPIRED_WITHIN_S)
        scene.world.chain.cluster.all_faults.clear()
        await scene.buy("again")
        await bought(scene.world, 1)
        await scene.sound()
