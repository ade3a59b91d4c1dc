"""Whether a trader lets himself be copied by his handle, and what becomes of those who copy him when he does so no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from bot.trading.copying import RuleState
from bot.users import Admission
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk, token_on_the_market
from tests.whole.crowd import Crowd

BOSS = 9


@asynccontextmanager
async def molly_may_be_copied(seed: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Talk, Talk, str]]:
    """An operator who is shown as molly and may be copied, somebody else, and a token that they may buy."""
    ada = make_talk(seed)
    ada.person = BOSS
    bob = Talk(ada.world, ada.telegram, person=8)
    async with bot_on_telegram(ada, monkeypatch, admission=Admission(frozenset({BOSS}))):
        mint = await token_on_the_market(ada)
        for talk in (ada, bob):
            await talk.agrees()
        await ada.asks("/trader on molly", "under the handle molly")
        await ada.asks("/settings copyable on", "copyable = on")
        yield ada, bob, mint
        assert await ada.world.books_equal_chain()
    assert ada.world.reports == []


async def copies_molly(bob: Talk) -> None:
    await bob.asks("/copy_trader molly 0.1", "Copy molly (")
    bob.press("Confirm")
    await bob.hears("You copy molly from now on")


async def test_who_allows_it_no_more_is_bought_with_no_more_and_sold_with_to_the_end(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with molly_may_be_copied(931, monkeypatch) as (ada, bob, mint):
        await copies_molly(bob)
        await ada.orders(f"/buy {mint} 0.2", "Sent: buying for 0.2 SOL")
        await bob.hears("Bought")
        told = await ada.asks("/trader off", "You are shown no more.")
        assert "Those who copy you go on, and nobody begins to" in told
        await ada.asks("/settings copyable off", "copyable = off")
        another = await token_on_the_market(ada)
        await ada.orders(f"/buy {another} 0.2", "Sent: buying for 0.2 SOL")
        left = await bob.hears("Nothing more is bought with molly: he does not let himself be copied any more.")
        assert "is still sold as he sells" in left
        assert "not copied, he does not let himself" in await bob.asks("/copies", "buys nothing more")
        await ada.orders(f"/sell {mint} all", "Sent: selling")
        await bob.hears("Position closed")
        assert await ada.world.store.open_positions((await ada.world.store.copy_rules())[0].user_id) == []


async def test_followers_of_who_is_delisted_hear_of_it_although_he_trades_nothing(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with molly_may_be_copied(932, monkeypatch) as (ada, bob, _):
        await copies_molly(bob)
        await ada.asks("/moderate trader molly delist sells into his followers", "on the leaderboard no more")
        await bob.hears("an admin has delisted him: sells into his followers", within_s=90)
        assert await ada.world.store.copy_rules() == []


async def test_a_card_is_worth_nothing_once_its_leader_allows_it_no_more(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with molly_may_be_copied(933, monkeypatch) as (ada, bob, _):
        await bob.asks("/copy_trader molly 0.1", "Copy molly (")
        await ada.asks("/settings copyable off", "copyable = off")
        bob.press("Confirm")
        await bob.hears("Nobody is copied by that card: he does not let himself be copied any more.")
        assert await ada.world.store.copy_rules() == []


async def test_who_takes_another_handle_is_left_by_either(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with molly_may_be_copied(936, monkeypatch) as (ada, bob, _):
        await copies_molly(bob)
        await ada.asks("/trader on polly", "under the handle polly")
        await bob.asks("/stop_copy @polly", "You copy molly no more")
        await bob.asks("/copy_trader molly 0.1", "there is no trader molly")


async def test_two_who_confirm_to_copy_each_other_make_no_circle(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with molly_may_be_copied(934, monkeypatch) as (ada, bob, _):
        await bob.asks("/trader on bobby", "under the handle bobby")
        await bob.asks("/settings copyable on", "copyable = on")
        await ada.asks("/copy_trader bobby 0.1", "Copy bobby (")
        await copies_molly(bob)
        ada.press("Confirm")
        await ada.hears("Nobody is copied by that card: he copies you, himself or through others")
        [rule] = await ada.world.store.copy_rules()
        assert (rule.label, rule.state) == ("molly", RuleState.ACTIVE)


async def test_what_a_trader_buys_in_a_pool_is_heard_of_when_it_is_settled_and_not_at_the_next_poll(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with molly_may_be_copied(935, monkeypatch) as (ada, bob, mint):
        Crowd(ada.world.chain).finish(mint, 3)
        await trio.sleep(2)
        await copies_molly(bob)
        await trio.sleep(35)
        await ada.orders(f"/buy {mint} 0.2", "Sent: buying for 0.2 SOL")
        await ada.hears("Bought")
        asked_s = trio.current_time()
        await bob.hears("Bought")
        assert trio.current_time() - asked_s < 4, "the wallet's history is polled every 30 s"
