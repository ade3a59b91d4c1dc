"""Two of three endpoints show more in a wallet than there is, alike, to a bot that has just started: its exits leave."""

from __future__ import annotations

from trio.testing import MockClock

from bot.chain.transport import Transport
from bot.localnet.inprocess import InProcessChain
from bot.trading.intent import AttemptState
from tests.chain.chain_doubles import InProcessTransport
from tests.chain.test_chain_most_lie import LIARS, Lie, Lying
from tests.whole.crowd import Crowd
from tests.whole.test_false_prices import STOP, holding, sales
from tests.whole.virtual import make_world, open_for_entries, running_bot, until

WHALE = 7


async def test_a_stop_sells_what_is_there_although_most_endpoints_show_more(autojump_clock: MockClock) -> None:
    lie = Lie()

    def door(chain: InProcessChain, name: str, endpoint: int) -> Transport:
        if endpoint >= LIARS:
            return InProcessTransport(chain, name, endpoint)
        liar = Lying(chain, name, endpoint)
        liar.lie = lie
        return liar

    world = make_world(InProcessChain(seed=1, endpoints=LIARS + 1))
    world.endpoints, world.door = LIARS + 1, door
    user, wallet = await world.user("demo-1", STOP)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        mint = await holding(world, bot, user, wallet, crowd)
    [position] = await world.store.open_positions()
    lie.by_raw = 1_000
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        crowd.sell_all(mint, WHALE)
        await until(lambda: any(row.state is AttemptState.LANDED for row in sales(world)), within_s=60)
        failed = [row.token_raw for row in sales(world) if row.state is AttemptState.LANDED_ERROR]
        [sold] = [row.token_raw for row in sales(world) if row.state is AttemptState.LANDED]
    assert set(failed) <= {position.token_raw + 1_000}
    assert sold == position.token_raw
