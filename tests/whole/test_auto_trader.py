"""The automated trader through the whole bot in virtual time: it enters once, for reasons that are written, and resumes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import AutoDecision, User, Verdict
from bot.trading.intent import Context, Mode
from bot.trading.limits import UserSettings
from bot.trading.opportunity import AutoPlan
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.leaders import follows, has_won
from tests.whole.test_one_trade import order as by_hand
from tests.whole.virtual import World, make_world, open_for_entries, running_bot, until

CALM = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None, slippage_buy_bps=1_500)
ADA, BOB, EVE = 2, 3, 4
SOL = LAMPORTS_PER_SOL


@dataclass(slots=True)
class Scene:
    """A user who follows three wallets, and a token that they may buy."""

    world: World
    crowd: Crowd
    user: User

    @asynccontextmanager
    async def life(self) -> AsyncIterator[TradingBot]:
        async with running_bot(self.world) as bot:
            await open_for_entries(bot)
            await until(
                lambda: len(bot.hunt.followed.scanners) == 3 and not bot.hunt.standings.counts()[1], within_s=60
            )
            yield bot

    async def plan(self, bot: TradingBot | None = None, **changed: int) -> AutoPlan:
        before = await self.world.store.auto_plan(self.user.id)
        plan = replace(before, is_on=True, epoch=before.epoch + 1, **changed)
        await self.world.store.save_auto_plan(plan)
        if bot is not None:
            await bot.hunt.auto_changed(self.user.id)
        return plan

    async def bought_by(self, mint: str, *traders: int) -> None:
        """Each in a slot of his own, and read by all scanners when this returns."""
        for trader in traders:
            self.crowd.buy(mint, trader, SOL // 2)
            await trio.sleep(2)
        await trio.sleep(70)

    async def launched(self) -> str:
        mint = self.crowd.launch()
        await trio.sleep(2)
        self.crowd.buy(mint, 9, 10 * SOL)
        await trio.sleep(2)
        return mint

    async def decided(self) -> list[AutoDecision]:
        return (await self.world.store.decisions(self.user.id, 99))[::-1]


async def _scene() -> Scene:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    user, _ = await world.user("demo-1", CALM)
    for trader in (1, 9, ADA, BOB, EVE):
        crowd._trader(trader)
    for trader in (ADA, BOB):
        await has_won(world.store, crowd.address(trader), world.clock.now_ms())
    await has_won(world.store, crowd.address(EVE), world.clock.now_ms(), times=0)
    await follows(world.store, user, *(crowd.address(trader) for trader in (ADA, BOB, EVE)))
    return Scene(world, crowd, user)


async def test_two_good_wallets_are_followed_into_a_token_once_and_it_is_written_why(autojump_clock: MockClock) -> None:
    scene = await _scene()
    await scene.plan()
    async with scene.life():
        mint = await scene.launched()
        await scene.bought_by(mint, ADA)
        assert await scene.decided() == []
        await scene.bought_by(mint, BOB)
        [position] = await scene.world.store.open_positions(scene.user.id)
        assert (position.mint, position.context, position.mode) == (mint, Context.AUTOMATED, Mode.LIVE)
        [entered] = await scene.decided()
        assert (entered.verdict, entered.wallets, entered.mint) == (Verdict.ENTERED, 2, mint)
        assert entered.confidence_bps >= 6_500
        assert entered.evidence[0].startswith("leader-")
        intent = await scene.world.store.intent_of(entered.key)
        assert intent is not None
        assert intent.request.causation_id == entered.id
        assert intent.request.reason.startswith("confidence ")
        await scene.bought_by(mint, ADA)
        assert len(await scene.world.store.open_positions()) == 1
        again = (await scene.decided())[1:]
        assert [one.verdict for one in again] == [Verdict.PASSED] * len(again)
        assert {one.reason for one in again} == {"it was bought by this trader before"}
        assert await scene.world.books_equal_chain()


async def test_wallets_that_lost_are_no_reason_and_a_pause_is_a_refusal(autojump_clock: MockClock) -> None:
    scene = await _scene()
    async with scene.life() as bot:
        await scene.plan(bot)
        mint = await scene.launched()
        await scene.bought_by(mint, EVE, ADA)
        [passed] = await scene.decided()
        assert passed.verdict is Verdict.PASSED
        assert passed.reason.endswith("%, you ask for 65 %")
        await bot.guard.pause_user(scene.user.id)
        await scene.bought_by(mint, BOB)
        refused = (await scene.decided())[-1]
        assert (refused.verdict, refused.mint) == (Verdict.REFUSED, mint)
        assert "paused" in refused.reason
        assert await scene.world.store.open_positions() == []


async def test_a_trader_goes_on_after_a_restart_with_what_was_bought_before_it(autojump_clock: MockClock) -> None:
    scene = await _scene()
    async with scene.life() as bot:
        await scene.plan(bot)
        mint = await scene.launched()
        await scene.bought_by(mint, ADA)
    async with scene.life() as bot:
        await scene.bought_by(mint, BOB)
        [position] = await scene.world.store.open_positions(scene.user.id)
        assert position.mint == mint
        assert await scene.world.store.stop_auto(scene.user.id)
        await bot.hunt.auto_changed(scene.user.id)
        other = await scene.launched()
        await scene.bought_by(other, ADA, BOB)
        assert len(await scene.decided()) == 1
    async with scene.life() as bot:
        assert bot.supervisor("hunt", "auto_traders").ids() == ()


async def test_at_most_so_many_entries_in_a_day_and_each_within_the_limits_of_the_strategy(
    autojump_clock: MockClock,
) -> None:
    scene = await _scene()
    async with scene.life() as bot:
        await scene.plan(bot, max_daily=1)
        first, second = await scene.launched(), await scene.launched()
        await scene.bought_by(first, ADA, BOB)
        await scene.bought_by(second, ADA, BOB)
        assert [one.verdict for one in await scene.decided()] == [Verdict.ENTERED, Verdict.PASSED]
        assert (await scene.decided())[-1].reason == "1 entry in 24 hours, which is the most"
        await scene.world.store.change_settings(
            scene.user.id, lambda stored: replace(stored, auto_max_positions=1), by="test"
        )
        await scene.plan(bot, max_daily=5)
        await scene.bought_by(second, BOB)
        [*_, refused] = await scene.decided()
        assert refused.verdict is Verdict.REFUSED
        assert "your limit is 1 (/settings auto_positions)" in refused.reason
        assert len(await scene.world.store.open_positions()) == 1


async def test_a_decision_that_a_crash_left_open_ends_as_what_became_of_its_order(autojump_clock: MockClock) -> None:
    scene = await _scene()
    plan = await scene.plan()
    mint = "MintOfBefore"
    left = AutoDecision(
        id="left",
        user_id=scene.user.id,
        mint=mint,
        mode=Mode.LIVE,
        epoch=plan.epoch,
        verdict=Verdict.PLANNED,
        reason="confidence 80 % from 2 followed wallets",
        confidence_bps=8_000,
        wallets=2,
        spend_lamports=plan.entry_lamports,
        key=f"auto:{scene.user.id}:{mint}:{plan.epoch}",
        at_ms=scene.world.clock.now_ms() - 1,
    )
    assert await scene.world.store.record_decision(left)
    async with scene.life() as bot:
        [ended] = await scene.decided()
        assert (ended.verdict, ended.reason) == (Verdict.REFUSED, "the bot ended before the order was handed in")
        bought = await scene.launched()
        [wallet] = await scene.world.store.wallets(scene.user.id)
        key = f"auto:{scene.user.id}:{bought}:{plan.epoch}"
        await bot.desk.submit(by_hand(scene.user, wallet, bought, key=key, spend_lamports=SOL // 10))
        await until(lambda: len(bot.looks) == 1, within_s=30)
        later = replace(left, id="later", mint=bought, key=key, at_ms=scene.world.clock.now_ms())
        assert await scene.world.store.record_decision(later)
    async with scene.life():
        assert [one.verdict for one in await scene.decided()] == [Verdict.REFUSED, Verdict.ENTERED]
        await scene.bought_by(bought, ADA, BOB)
        assert (await scene.decided())[-1].reason == "it was bought by this trader before"
        assert len(await scene.world.store.open_positions()) == 1
