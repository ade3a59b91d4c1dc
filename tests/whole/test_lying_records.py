"""One endpoint of three lies about what became of orders: no false flat, no false position, and exits as ever."""

from __future__ import annotations

import base64

import pytest
import trio
from trio.testing import MockClock

from bot.ports import Submitted
from bot.trading.intent import IntentState
from bot.trading.ledger import legs_of_failed
from bot.trading.units import BPS
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.ledgers import exact
from tests.whole.lying import (
    Lie,
    LyingWorld,
    failed_record,
    failed_statuses,
    good_statuses,
    half_record,
    lying_world,
    other_record,
)
from tests.whole.test_exits_in_a_crash import HOLD, TENTH
from tests.whole.test_one_trade import order
from tests.whole.virtual import bought, closed, open_for_entries, running_bot, until

STATUSES, RECORD = "getSignatureStatuses", "getTransaction"
LIES: dict[str, dict[str, Lie]] = {
    "a status with an error": {STATUSES: failed_statuses},
    "status and record of a failure": {STATUSES: failed_statuses, RECORD: failed_record},
    "half of the tokens": {RECORD: half_record},
    "other instructions": {RECORD: other_record},
}
SETTLED_WITHIN_S = 8.0
TAKEN_UP_WITHIN_S = 90.0
LOST_S = 1.0


def liar_state(bot: TradingBot) -> str:
    return bot.adapters.chain.health()[0].state


async def checked(world: LyingWorld, bot: TradingBot) -> None:
    """Books and chain agree, and nobody was told of a failure, of strange evidence or of tokens from nowhere."""
    await exact(bot, world)
    assert await world.books_equal_chain()
    await trio.sleep(2)
    said = " ".join((*world.told, *world.alerts))
    for false in ("landed with an error", "came into your wallet", "The books now follow", "signed for"):
        assert false not in said, said


@pytest.mark.parametrize("lie", LIES)
async def test_with_one_of_three_lying_a_buy_and_its_sale_are_booked_as_they_were(
    autojump_clock: MockClock, lie: str
) -> None:
    world = lying_world()
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        world.lies = LIES[lie]
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
        await bought(world, 1, within_s=SETTLED_WITHIN_S)
        assert liar_state(bot) == "distrusted"
        [held] = await world.store.open_positions()
        assert held.token_raw == (await world.cluster().balances(wallet.address)).token_raw[mint]
        await trio.sleep(70)  # it is trusted again
        sale = await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=BPS))
        assert isinstance(sale, Submitted)
        await closed(world, 1, within_s=SETTLED_WITHIN_S)
        await checked(world, bot)


async def test_a_buy_that_failed_is_booked_as_failed_whatever_one_of_three_says(autojump_clock: MockClock) -> None:
    world = lying_world()
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        world.lies = {STATUSES: good_statuses}
        world.chain.set_fault("fail-tx", for_s=5)
        made = await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
        assert isinstance(made, Submitted)
        with trio.fail_after(SETTLED_WITHIN_S):
            while (ended := await world.store.intent(made.intent.id)) is None or ended.state is not IntentState.FAILED:
                await trio.sleep(0.1)
        await exact(bot, world)
        assert await world.books_equal_chain()


async def test_of_two_that_contradict_each_other_nothing_is_booked_until_one_is_honest(
    autojump_clock: MockClock,
) -> None:
    world = lying_world(2)
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        world.lies = LIES["status and record of a failure"]
        made = await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
        assert isinstance(made, Submitted)
        await trio.sleep(30)
        ended = await world.store.intent(made.intent.id)
        assert ended is not None
        assert ended.state in {IntentState.SENT, IntentState.UNKNOWN}
        world.lies = {}
        await bought(world, 1, within_s=SETTLED_WITHIN_S)
        await checked(world, bot)


async def test_a_status_of_a_block_that_is_gone_does_not_fail_what_landed_again(autojump_clock: MockClock) -> None:
    """The only endpoint's status is from before a fork, its record from after it."""
    world = lying_world(1)
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        world.lies = {STATUSES: failed_statuses}
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
        await bought(world, 1, within_s=SETTLED_WITHIN_S)
        world.lies = {}
        await checked(world, bot)


async def test_an_exit_is_settled_by_one_endpoint_while_the_others_are_away(autojump_clock: MockClock) -> None:
    world = lying_world()
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
        await bought(world, 1)
        world.honest_delay_s = 60.0
        await bot.panic(user.id)
        await closed(world, 1, within_s=SETTLED_WITHIN_S)
        world.honest_delay_s = 0.1
        await until(lambda: not bot.in_flight.all(), within_s=30)
        await checked(world, bot)


async def test_a_sale_of_what_a_buy_brought_that_waits_for_its_witness_is_settled_after_it(
    autojump_clock: MockClock,
) -> None:
    world = lying_world()
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
        await bought(world, 1)
        world.honest_delay_s = 60.0
        await bot.desk.submit(order(user, wallet, mint, key="more", spend_lamports=2 * TENTH))
        await until(lambda: bot.in_flight.owes_buy(wallet.id, mint), within_s=5)
        sold = await bot.desk.submit(order(user, wallet, mint, key="half", share_bps=BPS // 2))
        assert isinstance(sold, Submitted)
        assert bot.in_flight.owes_buy(wallet.id, mint), "the buy has landed and is not settled"
        await until(lambda: not bot.in_flight.all(), within_s=60)
        world.honest_delay_s = 0.1
        assert len(await world.store.open_positions()) == 1
        await checked(world, bot)


async def given_up(world: LyingWorld, bot: TradingBot, intent_id: str, state: IntentState) -> bytes:
    """Liars had the books end an order without a trade while its bytes were on their way; the bytes."""
    [attempt] = [row for row in world.store._attempts.values() if row.intent_id == intent_id]
    failed = state is IntentState.FAILED
    await world.store.close_unfilled(
        intent_id,
        state,
        "a lie",
        now_ms=world.clock.now_ms(),
        signature=attempt.signature,
        slot=world.chain.cluster.chain.position.slot if failed else None,
        legs=legs_of_failed(attempt.fee_lamports) if failed else (),
    )
    bot.in_flight.resolve(attempt.signature)
    return attempt.raw


@pytest.mark.parametrize("ended", [IntentState.EXPIRED, IntentState.FAILED])
@pytest.mark.parametrize("what", ["buy", "sale"])
async def test_an_order_that_was_given_up_and_has_landed_is_settled_once_and_told(
    autojump_clock: MockClock, ended: IntentState, what: str
) -> None:
    world = lying_world()
    crowd = Crowd(world.chain)
    user, wallet = await world.user("demo-1", HOLD)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        if what == "sale":
            await bot.desk.submit(order(user, wallet, mint, spend_lamports=TENTH))
            await bought(world, 1)
        world.chain.set_fault("drop-tx", for_s=LOST_S)
        share, spend = (BPS, 0) if what == "sale" else (0, TENTH)
        made = await bot.desk.submit(order(user, wallet, mint, key="lost", share_bps=share, spend_lamports=spend))
        assert isinstance(made, Submitted)
        raw = await given_up(world, bot, made.intent.id, ended)
        await trio.sleep(LOST_S)
        sent = base64.b64encode(raw).decode()
        world.chain.call("sendTransaction", sent, {"encoding": "base64", "skipPreflight": True})
        with trio.fail_after(TAKEN_UP_WITHIN_S):
            while (now := await world.store.intent(made.intent.id)) is None or now.state is not IntentState.FILLED:
                await trio.sleep(0.1)
        day = await world.store.day(0)
        assert (day.buys, day.sells) == (1, 1 if what == "sale" else 0)
        await checked(world, bot)
    assert sum("has landed after all" in line for line in world.told) == 1, world.told
    assert any("has landed after all" in line for line in world.alerts)
