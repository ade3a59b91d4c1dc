"""Leaders are copied through the whole bot in virtual time: bought and sold as they do, within caps, once."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from bot.execution import copy_orders
from bot.execution.copy_book import Fate
from bot.trading.copying import CopyState, RuleState, Sizing
from bot.trading.intent import Context, IntentState, Side
from bot.trading.units import BPS
from tests.whole.copy_scene import ANY, LEADER, TENTH, WIDE, copy_scene
from tests.whole.virtual import until


async def test_followers_buy_and_sell_what_their_leader_does(autojump_clock: MockClock) -> None:
    async with copy_scene(1) as here:
        await here.follower("fixed")
        await here.follower("half", sizing=Sizing.PERCENT, amount=BPS // 2)
        await here.follower("exact", sizing=Sizing.EXACT, amount=0)
        mint = await here.token()
        here.crowd.buy(mint, LEADER, 3 * TENTH)
        for handle in here.rules:
            [told] = await here.copies(handle, 1)
            assert (told.copy.side, told.copy.state) == (Side.BUY, CopyState.ORDERED)
        held = {handle: await here.holds(handle) for handle in here.rules}
        assert {position.context for position in held.values()} == {Context.COPY_TRADE}
        [signal] = await here.world.store.signals(here.leader, 9)
        spent = {handle: (await here.copies(handle, 1))[0].copy.spend_lamports for handle in here.rules}
        assert spent == {"fixed": TENTH, "half": signal.quote_lamports // 2, "exact": signal.quote_lamports}

        third = signal.token_raw // 3
        here.crowd.sell(mint, LEADER, third)
        for handle, before in held.items():
            [_, sale] = await here.copies(handle, 2)
            assert sale.order is IntentState.FILLED
            after = await here.holds(handle)
            assert before.token_raw - after.token_raw == before.token_raw * third // signal.token_raw
        here.crowd.sell_all(mint, LEADER)
        for handle in here.rules:
            await here.copies(handle, 3)
        await here.settled(list(here.rules))
        assert await here.world.store.open_positions() == []
        look = here.bot.hunt.copies.decisions.look
        assert (look.decided, look.ordered, look.owed, dict(look.refused)) == (3, 9, 0, {})
        assert look.latencies() is not None


async def test_what_stands_against_a_buy_is_written_down_and_exits_go_on(autojump_clock: MockClock) -> None:
    async with copy_scene(2) as here:
        rule = await here.follower("ada")
        mint, other = await here.token(), await here.token()
        here.crowd.buy(mint, LEADER, TENTH)
        await here.holds("ada")
        here.bot.guard.pause("operator", by="me", why="lunch", scope=f"user:{rule.user_id}")
        here.crowd.buy(other, LEADER, TENTH)
        [_, refused] = await here.copies("ada", 2)
        assert (refused.copy.state, refused.copy.code, refused.order) == (CopyState.REFUSED, "paused", None)
        here.crowd.sell_all(mint, LEADER)
        [*_, sale] = await here.copies("ada", 3)
        assert sale.order is IntentState.FILLED
        assert await here.world.store.open_positions() == []


async def test_a_sale_that_a_freeze_keeps_waits_for_its_end_and_asks_nobody_meanwhile(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_orders, "SALE_MS", 30_000)
    async with copy_scene(8) as here:
        rule = await here.follower("ada")
        mint = await here.token()
        here.crowd.buy(mint, LEADER, TENTH)
        await here.holds("ada")
        [wallet] = [one for one in await here.world.store.wallets() if one.id == rule.wallet_id]
        await here.bot.guard.freeze_wallet(wallet)
        here.crowd.sell_all(mint, LEADER)
        with capture_logs() as logs:
            await trio.sleep(90)
        assert [entry["event"] for entry in logs].count("copied_sale_waits") == 1
        [sale, _] = await here.world.store.copies_of(rule.user_id, 9)
        assert (sale.copy.side, sale.copy.state) == (Side.SELL, CopyState.OWED)
        here.world.vault._book.thaw(wallet.user_id, wallet.address)
        await here.bot.guard.unfreeze_wallet(wallet)
        [*_, sale] = await here.copies("ada", 2)
        assert sale.order is IntentState.FILLED
        assert await here.world.store.open_positions() == []


async def test_a_cap_bounds_what_is_open_and_what_a_leader_leaves_is_room_again(autojump_clock: MockClock) -> None:
    async with copy_scene(3) as here:
        caps = replace(WIDE, token_lamports=TENTH * 3 // 2, leader_lamports=2 * TENTH)
        await here.follower("ada", caps=caps)
        first, second, third = [await here.token() for _ in range(3)]
        here.crowd.buy(first, LEADER, TENTH)
        await here.copies("ada", 1)
        here.crowd.buy(first, LEADER, TENTH + 1)
        [_, less] = await here.copies("ada", 2)
        assert less.copy.spend_lamports == TENTH // 2
        here.crowd.buy(second, LEADER, TENTH)
        [*_, rest] = await here.copies("ada", 3)
        assert rest.copy.spend_lamports == TENTH // 2
        here.crowd.buy(third, LEADER, TENTH)
        [*_, refused] = await here.copies("ada", 4)
        assert (refused.copy.code, refused.copy.spend_lamports) == ("leader_cap", 0)
        await here.settled(["ada"])
        here.crowd.sell_all(first, LEADER)
        await here.copies("ada", 5)
        here.crowd.buy(third, LEADER, TENTH + 2)
        [*_, again] = await here.copies("ada", 6)
        assert again.copy.spend_lamports == TENTH


async def test_who_copies_no_more_keeps_sells_or_follows_out(autojump_clock: MockClock) -> None:
    async with copy_scene(4) as here:
        fates = {"keeps": Fate.KEEP, "sells": Fate.SELL, "follows": Fate.FOLLOW}
        for handle in fates:
            await here.follower(handle)
        mint = await here.token()
        here.crowd.buy(mint, LEADER, TENTH)
        for handle in fates:
            await here.copies(handle, 1)
            await here.holds(handle)
        for handle, fate in fates.items():
            assert await here.book.stop(here.rules[handle], fate, "enough") == 1
        await here.copies("sells", 2)
        await until(lambda: not here.bot.in_flight.follows(here.rules["sells"].wallet_id), within_s=30)
        here.crowd.buy(mint, LEADER, TENTH + 1)
        assert (await here.copies("follows", 2))[1].copy.code == "leaving"
        here.crowd.sell_all(mint, LEADER)
        await here.copies("follows", 3)
        await here.settled(list(fates))
        kept = await here.world.store.open_positions()
        assert [position.user_id for position in kept] == [here.rules["keeps"].user_id]
        await here.copies("keeps", 1)
        await trio.sleep(120)
        left = await here.world.store.copy_rule("rule-follows")
        assert left is not None
        assert left.state is RuleState.STOPPED


async def test_dust_trading_for_show_and_a_makers_own_token_are_not_copied(autojump_clock: MockClock) -> None:
    async with copy_scene(5) as here:
        await here.follower("ada", filter=replace(ANY, least_lamports=0))
        mint = await here.token()
        here.crowd.buy(mint, LEADER, TENTH // 50)
        own = here.crowd.launch(creator=LEADER)
        await trio.sleep(2)
        here.crowd.buy(own, 2, 8 * 10**9, creator=LEADER)
        await trio.sleep(2)
        here.crowd.buy(own, LEADER, TENTH, creator=LEADER)
        [told] = await here.copies("ada", 1)
        assert told.copy.code == "self_dealing"
        assert here.bot.hunt.copies.decisions.look.ignored == {"dust": 1}
