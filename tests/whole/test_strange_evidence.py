"""A transaction of ours that landed and is not the trade it was signed for: written off, and no fill is invented."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import trio
from trio.testing import MockClock

from bot.adapters import Adapters
from bot.chain.endpoints import Endpoints
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.chain.swaps import PumpWallets
from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted
from bot.trading.intent import IntentState
from bot.trading.ledger import Account
from bot.trading.limits import UserSettings
from bot.trading.position import PositionState
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from tests.chain.chain_doubles import InProcessTransport, in_process_sources
from tests.whole.crowd import Crowd
from tests.whole.ledgers import exact
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, make_world, open_for_entries, running_bot

BY_HAND = UserSettings(snipe_enabled=False, take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
WRITTEN_OFF_WITHIN_S = 30.0


class SilentRecords(InProcessTransport):
    """A node whose records of transactions hold no events while `is_silent`: nothing explains what the balances did."""

    is_silent = False

    async def post(self, body: bytes) -> bytes:
        answer = await super().post(body)
        if not self.is_silent or msgspec.json.decode(body)["method"] != "getTransaction":
            return answer
        record = msgspec.json.decode(answer)
        if record["result"] is not None:
            record["result"]["meta"]["innerInstructions"] = []
            record["result"]["meta"]["logMessages"] = []
        return msgspec.json.encode(record)


@dataclass(slots=True)
class SilentWorld(World):
    """A world with such a node."""

    node: SilentRecords | None = None

    def adapters(self) -> Adapters:
        self.node = self.node or SilentRecords(self.chain)
        endpoints = Endpoints([RpcClient(self.node, 2.5)], self.clock)
        chain = PumpChain(endpoints)
        stream = in_process_sources(self.chain, chain, self.clock)
        return Adapters(self.store, chain, stream, PumpWallets(endpoints), self.vault, self.clock)


async def test_what_does_not_explain_itself_is_written_off_and_the_ledger_stays_exact(
    autojump_clock: MockClock,
) -> None:
    made = make_world(InProcessChain(seed=1))
    world = SilentWorld(made.chain, made.clock)
    user, wallet = await world.user("demo-1", BY_HAND)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        crowd.buy(mint, 2, 20 * LAMPORTS_PER_SOL)
        await trio.sleep(1)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10))
        await bought(world, 1)
        [held] = await world.store.open_positions()
        await exact(bot, world)
        assert world.node is not None
        world.node.is_silent = True
        made_out = await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=BPS))
        assert isinstance(made_out, Submitted)
        with trio.fail_after(WRITTEN_OFF_WITHIN_S):
            while (ended := await world.store.intent(made_out.intent.id)) is None or ended.state is IntentState.SENT:
                await trio.sleep(0.1)
        assert ended.state is IntentState.FAILED
        assert ended.failure is not None
        assert "not as this trade" in ended.failure
        assert (await world.store.day(0)).sells == 0, "no fill is invented"
        await exact(bot, world)
        [written_off] = [entry for entry in world.store.ledger if entry.intent_id == ended.id]
        legs = {leg.account: leg.lamports for leg in written_off.legs}
        assert legs[Account.WALLET] > 0, "the sale did bring SOL"
        assert legs[Account.OUTSIDE] < 0
        with trio.fail_after(90):
            while (now := await world.store.position(held.id)) is None or now.state is PositionState.OPEN:
                await trio.sleep(0.5)
        assert await world.store.unfinal(9) == [], "it is final where it landed"
        assert await world.books_equal_chain()
        await trio.sleep(2)
    assert any("is not the sell it was signed for" in line for line in world.alerts)
    assert not any("does not explain" in line for line in world.alerts)
    assert any("The books now follow" in line for line in world.told), "the owner hears of the tokens"
    assert any("The reason: landed, but not as this trade" in line for line in world.told), world.told


async def test_a_purchase_that_does_not_explain_itself_leaves_no_tokens_without_a_position(
    autojump_clock: MockClock,
) -> None:
    made = make_world(InProcessChain(seed=1))
    world = SilentWorld(made.chain, made.clock)
    user, wallet = await world.user("demo-1", replace(BY_HAND, stop_loss_bps=2_000))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        crowd.buy(mint, 2, 20 * LAMPORTS_PER_SOL)
        await trio.sleep(1)
        assert world.node is not None
        world.node.is_silent = True
        bought_it = await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10))
        assert isinstance(bought_it, Submitted)
        with trio.fail_after(WRITTEN_OFF_WITHIN_S):
            while not (held := await world.store.open_positions()):
                await trio.sleep(0.1)
        world.node.is_silent = False
        [written_off] = await world.store.unfinal(9)
        landed_slot, slot = written_off.attempt.landed_slot, world.chain.cluster.chain.slot_at("finalized")
        assert landed_slot is not None
        assert landed_slot <= slot, "nobody can take back what it brought"
        ended = await world.store.intent(bought_it.intent.id)
        assert ended is not None
        assert ended.state is IntentState.FAILED
        assert (await world.store.day(0)).buys == 0, "no fill is invented"
        assert held[0].cost_lamports > LAMPORTS_PER_SOL // 11
        assert await world.books_equal_chain()
        await exact(bot, world)
        crowd.sell_all(mint, 2)
        with trio.fail_after(30):
            while await world.store.open_positions():
                await trio.sleep(0.1)
        await exact(bot, world)
        assert await world.books_equal_chain()
        await trio.sleep(2)
    assert any("They are a position now" in line for line in world.told), world.told
    assert any("stop-loss" in line for line in world.told), "it has the exits of its owner"
    assert any("is not the buy it was signed for" in line for line in world.alerts)
