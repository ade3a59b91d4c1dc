"""An endpoint is slow to search its history for one order: no other order waits for its books meanwhile."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted
from bot.trading.limits import UserSettings
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from tests.chain.chain_doubles import InProcessTransport
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import make_world, open_for_entries, running_bot, until

CALM = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
SEARCH_S = 2.4  # an endpoint is given up after 2.5 s


class SlowHistory(InProcessTransport):
    """The second of two endpoints needs long to say that the bytes of an order are too old to land."""

    searching = 0

    async def post(self, body: bytes) -> bytes:
        if b"isBlockhashValid" in body and self._endpoint == 1:
            SlowHistory.searching += 1
            await trio.sleep(SEARCH_S)
            SlowHistory.searching -= 1
        return await super().post(body)


async def test_a_purchase_is_booked_while_a_dead_sale_is_searched_for(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1, endpoints=2))
    world.endpoints, world.door = 2, SlowHistory
    seller, sellers_wallet = await world.user("demo-1", CALM)
    buyer, buyers_wallet = await world.user("demo-2", CALM)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        held = await bot.desk.submit(order(seller, sellers_wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 20))
        assert isinstance(held, Submitted)
        await until(lambda: not bot.in_flight.all(), within_s=20)
        world.chain.set_fault("drop-tx", for_s=600)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bot.desk.submit, order(seller, sellers_wallet, mint, key="sale", share_bps=BPS))
            await until(lambda: SlowHistory.searching > 0, within_s=120)
            world.chain.cluster.all_faults.clear()
            bought = await bot.desk.submit(
                order(buyer, buyers_wallet, mint, key="buy", spend_lamports=LAMPORTS_PER_SOL // 20)
            )
            assert isinstance(bought, Submitted)
            await until(lambda: not bot.in_flight.follows(buyers_wallet.id), within_s=SEARCH_S * 3 / 4)
        await until(lambda: not bot.in_flight.all(), within_s=200)
        assert await world.books_equal_chain()
