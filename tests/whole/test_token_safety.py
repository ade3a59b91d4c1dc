"""Tokens that somebody can freeze: refused for snipers and by hand, for everybody who did not choose otherwise."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.execution.policy import Policy
from bot.localnet.inprocess import InProcessChain
from bot.ports import Preview, Submitted
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import bought, make_world, open_for_entries, running_bot, until

SNIPING = UserSettings(snipe_enabled=True, slippage_buy_bps=1_500, max_hold_s=None)
FREEZE = "somebody can freeze its holders (freeze authority)"
TENTH = LAMPORTS_PER_SOL // 10


async def wanted_by_many(crowd: Crowd, mint: str) -> None:
    await crowd.rush(mint, range(2, 16), LAMPORTS_PER_SOL // 2)


def make_crowd(chain: InProcessChain) -> Crowd:
    crowd = Crowd(chain)
    for trader in range(1, 31):
        crowd._trader(trader)
    return crowd


async def test_a_sniper_leaves_a_token_that_can_be_frozen_and_buys_the_next(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    careful, _ = await world.user("careful", SNIPING)
    bold, _ = await world.user("bold", replace(SNIPING, check_honeypots=False))
    crowd = make_crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        trap = crowd.launch()
        world.chain.step()
        crowd.let_freeze(trap)
        await wanted_by_many(crowd, trap)
        await bought(world, 1)
        assert {row.user_id for row in await world.store.open_positions()} == {bold.id}
        run = (await world.store.runs_since(careful.id, 0))[-1]
        assert (run.status, run.reason) == ("SKIPPED", f"not safe: {FREEZE}")

        plain = crowd.launch()
        await wanted_by_many(crowd, plain)
        await bought(world, 3)
        assert {row.mint for row in await world.store.open_positions(careful.id)} == {plain}
        assert world.reports == []


async def test_a_buy_by_hand_is_refused_with_the_reason_and_a_sale_never_is(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    careful, wallet = await world.user("careful", UserSettings(max_hold_s=None))
    bold, bold_wallet = await world.user("bold", UserSettings(check_honeypots=False, max_hold_s=None))
    crowd = make_crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        world.chain.step()
        crowd.let_freeze(mint)
        await trio.sleep(2)
        request = order(careful, wallet, mint, spend_lamports=TENTH)
        for refused in (await bot.desk.preview(request), await bot.desk.submit(request)):
            assert isinstance(refused, Refused)
            assert refused.code == "unsafe_token"
            assert FREEZE in refused.reason
        looked = await bot.desk.preview(order(bold, bold_wallet, mint, key="bold", spend_lamports=TENTH))
        assert isinstance(looked, Preview)
        assert looked.warnings == (FREEZE,)
        await bot.desk.submit(order(bold, bold_wallet, mint, key="bold", spend_lamports=TENTH))
        await bought(world, 1)

        await world.store.change_settings(bold.id, lambda _: UserSettings(max_hold_s=None), by=bold.id)
        out = await bot.desk.submit(order(bold, bold_wallet, mint, key="out", share_bps=10_000))
        assert isinstance(out, Submitted)
        await until(lambda: any("Position closed" in line for line in world.told), within_s=30)
        assert await world.books_equal_chain()


async def test_an_operator_can_take_the_choice_away(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("bold", UserSettings(check_honeypots=False))
    crowd = make_crowd(world.chain)
    policy = Policy(Ceilings(always_check_tokens=True, min_curve_lamports=5 * LAMPORTS_PER_SOL))
    async with running_bot(world, policy=policy) as bot:
        await open_for_entries(bot)
        trap, young = crowd.launch(), crowd.launch()
        world.chain.step()
        crowd.let_freeze(trap)
        await trio.sleep(2)
        refused = await bot.desk.submit(order(user, wallet, trap, spend_lamports=TENTH))
        assert isinstance(refused, Refused)
        assert refused.code == "unsafe_token"
        refused = await bot.desk.submit(order(user, wallet, young, key="young", spend_lamports=TENTH))
        assert isinstance(refused, Refused)
        assert "below the operator's least liquidity of 5 SOL" in refused.reason
        crowd.buy(young, 20, 6 * LAMPORTS_PER_SOL)
        await trio.sleep(2)
        submitted = await bot.desk.submit(order(user, wallet, young, key="later", spend_lamports=TENTH))
        assert isinstance(submitted, Submitted)


async def test_slippage_of_an_entry_stays_within_the_operators_limit(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("loose", UserSettings())
    crowd = make_crowd(world.chain)
    async with running_bot(world, policy=Policy(Ceilings(max_slippage_bps=100))) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(2)
        request = replace(order(user, wallet, mint, spend_lamports=TENTH), slippage_bps=9_000)
        looked = await bot.desk.preview(request)
        assert isinstance(looked, Preview)
        assert looked.limit_raw == looked.quote.token_raw * 9_900 // 10_000
